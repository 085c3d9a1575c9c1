from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from checked_texts import checked, plain
from made_studies import (
    FACTS,
    GOOD,
    NAN,
    agreed,
    cost,
    costs,
    flower_grid,
    found_in,
    leave_out_the_drawing,
    scattered,
    two_ways,
)

from regraft.reports import flower_experiments as experiments
from regraft.reports.document import Block, Figure, Paragraph, Table
from regraft.reports.flower_experiments import Found


@pytest.fixture
def _no_drawing(monkeypatch: pytest.MonkeyPatch) -> None:
    leave_out_the_drawing(monkeypatch)


def text(blocks: Sequence[Block]) -> list[str]:
    return [checked(block.text) for block in blocks if isinstance(block, Paragraph)]


def captions(blocks: Sequence[Block]) -> dict[str, str]:
    return {block.label: checked(block.caption) for block in blocks if isinstance(block, Figure | Table)}


def table(blocks: Sequence[Block]) -> Table:
    (found,) = [block for block in blocks if isinstance(block, Table)]
    return found


def cells(blocks: Sequence[Block]) -> list[list[str]]:
    return [[plain(cell) for cell in row] for row in table(blocks).rows]


def all_blocks(found: Found) -> list[Block]:
    return [
        *experiments.first_blocks(found),
        *experiments.rate_blocks(found),
        *experiments.momentum_blocks(found),
        *experiments.agreement_blocks(found, FACTS),
        *experiments.grid_blocks(found),
        *experiments.scaling_blocks(found, FACTS),
    ]


def test_what_is_gathered(tmp_path: Path):
    accuracy = scattered(GOOD)
    found = found_in(tmp_path, flower_grid(accuracy), both_ways={"first": two_ways()}, agreement=[agreed()], quick=True)
    assert found.grid.accuracy.shape == (16, 4)
    assert [setting.label for setting in found.rates.settings] == [
        f"learning rate {r}" for r in ("0.001", "0.01", "0.1", "1")
    ]
    np.testing.assert_array_equal(found.rates.accuracy, accuracy[::4])
    best = int(accuracy[::4].mean(axis=1).argmax())
    assert found.best_rate == (0.001, 0.01, 0.1, 1.0)[best]
    np.testing.assert_array_equal(found.momenta.accuracy, accuracy[4 * best : 4 * best + 4])
    assert (found.quick, found.refused, len(found.both_ways)) == (True, None, 1)
    assert found.drawn_both_ways
    assert not found_in(tmp_path / "short", flower_grid(accuracy), agreement=[agreed(epochs=1)]).drawn_both_ways


@pytest.mark.usefixtures("_no_drawing")
def test_the_sections_of_a_usual_study(tmp_path: Path):
    found = found_in(tmp_path, flower_grid(scattered(GOOD)))
    rates = experiments.rate_blocks(found)
    assert text(rates)[0] == (
        "Four learning rates from 0.001 to 1 were tried without momentum. [[rate-curves]] shows the learning curves, "
        "and [[rates]] compares the settings."
    )
    assert captions(rates)["rates"] == "Validation accuracy by learning rate, over four repetitions."
    assert text(experiments.momentum_blocks(found))[0] == (
        "With the learning rate 0.01, the best without momentum, momenta of 0.5, 0.9 and 0.99 were compared with none. "
        "[[momentum-curves]] shows the learning curves, and [[momenta]] compares the settings."
    )
    assert captions(experiments.grid_blocks(found)) == {
        "heat": "Mean validation accuracy over four repetitions, by learning rate and momentum.",
        "boxes": "Validation accuracy of the six best combinations in every repetition.",
    }
    assert len(text(experiments.grid_blocks(found))) == 2


@pytest.mark.usefixtures("_no_drawing")
def test_a_single_repetition_is_called_one(tmp_path: Path):
    found = found_in(tmp_path, flower_grid(scattered(GOOD, 1)))
    said = captions(all_blocks(found))
    assert said["rates"] == "Validation accuracy by learning rate, in a single repetition."
    assert said["heat"] == "Validation accuracy in a single repetition, by learning rate and momentum."
    assert said["boxes"] == "Validation accuracy of the six best combinations."
    assert said["rate-curves"].endswith("by learning rate. Each line is a single repetition.")


@pytest.mark.usefixtures("_no_drawing")
def test_the_best_value_at_the_edge_is_named_where_something_was_learnt(tmp_path: Path):
    rising = np.repeat([0.6, 0.7, 0.8, 0.9], 4) + np.tile([0.0, 0.01, 0.02, 0.03], 4)
    found = found_in(tmp_path / "learnt", flower_grid(np.repeat(rising[:, None], 3, axis=1)))
    assert "The best learning rate, 1, is the largest one tried." in text(experiments.rate_blocks(found))[1]
    assert "The best momentum, 0.99, is the largest one tried." in text(experiments.momentum_blocks(found))[1]
    chance = found_in(tmp_path / "chance", flower_grid(np.full((16, 3), 0.2)))
    assert not any("one tried." in said for said in text(experiments.rate_blocks(chance)))


@pytest.mark.usefixtures("_no_drawing")
def test_without_a_learning_rate_the_first_one_is_kept(tmp_path: Path):
    accuracy = scattered(GOOD)
    accuracy[::4] = NAN
    found = found_in(tmp_path, flower_grid(accuracy))
    assert found.best_rate == 0.01
    assert text(experiments.momentum_blocks(found))[0].startswith(
        "Without momentum every learning rate diverged, so that the first one, 0.01, was kept; with it, momenta of "
        "0.5, 0.9 and 0.99 were compared with none. [[momentum-curves]]"
    )


def test_everything_diverged_and_is_drawn_nevertheless(tmp_path: Path):
    grid = flower_grid(np.full((16, 2), NAN))
    for name in grid.curves.keys() - {"seconds"}:
        grid.curves[name][...] = NAN  # in the first epoch
    ways = two_ways(lost=(0, 1))
    found = found_in(tmp_path, grid, both_ways={"first": ways}, quick=True)
    blocks = all_blocks(found)
    assert set(captions(blocks)) == {"rate-curves", "rates", "momentum-curves", "momenta", "heat"}
    said = text(blocks)
    assert "diverged in its first epoch, so that there are no curves to show." in said[0]
    assert said[2].startswith("All four learning rates diverged in both repetitions")
    assert said[4].startswith("All four momenta diverged in both repetitions")
    assert said[5].endswith("No training came to its end both ways, so there is nothing to compare.")
    assert cells(experiments.rate_blocks(found))[0][1:] == ["–", "–", "–", "diverged in 2 of 2"]


def test_one_combination_of_sixteen_is_left(tmp_path: Path):
    accuracy = np.full((16, 2), NAN)
    accuracy[6] = 0.8, 0.82
    found = found_in(tmp_path, flower_grid(accuracy), both_ways={"first": two_ways(lost=(1,))})
    blocks = experiments.grid_blocks(found)
    assert captions(blocks)["boxes"] == "Validation accuracy of the best combination in every repetition."
    assert len(text(experiments.agreement_blocks(found, FACTS))) == 1


@pytest.mark.usefixtures("_no_drawing")
def test_the_table_of_both_ways(tmp_path: Path):
    rows = [
        agreed(),
        agreed("lr 0.1, momentum 0.9", weights=None, loss=0.0, standard_seconds=200, accelerated_seconds=0),
    ]
    both = {"first": two_ways(), "momenta": two_ways((0.9,), momenta=True)}
    found = found_in(tmp_path, flower_grid(scattered(GOOD)), both_ways=both, agreement=rows)
    blocks = experiments.agreement_blocks(found, FACTS)
    assert cells(blocks) == [
        ["lr 0.01", "5", "82.5 %", "82.5 %", "2.6·10⁻⁷", "8.0·10⁻⁸", "42 s", "0.014 s"],
        ["lr 0.1, momentum 0.9", "5", "82.5 %", "82.5 %", "–", "0", "3 min 20 s", "under 0.001 s"],
    ]
    assert set(captions(blocks)) == {"agreement", "both-ways"}
    once = found_in(tmp_path / "once", flower_grid(scattered(GOOD)), both_ways=both, agreement=[agreed(epochs=1)])
    assert set(captions(experiments.agreement_blocks(once, FACTS))) == {"agreement"}


def test_both_ways_are_drawn_with_a_training_that_diverged(tmp_path: Path):
    both = {"first": two_ways(lost=(0,)), "momenta": two_ways((0.5, 0.9), momenta=True, lost=(3,))}
    found = found_in(tmp_path, flower_grid(scattered(GOOD)), both_ways=both, agreement=[agreed("lr 0.1, momentum 0.5")])
    (figure,) = [b for b in experiments.agreement_blocks(found, FACTS) if isinstance(b, Figure)]
    for name in ("learning rate 0.01 (diverged)", "lr 0.1, momentum 0.5", "momentum 0.9 (diverged)"):
        assert f">{name}<" in figure.svg


def test_without_a_standard_side_there_is_one_sentence(tmp_path: Path):
    found = found_in(tmp_path, flower_grid(scattered(GOOD)), refused="it was left out")
    assert text(experiments.agreement_blocks(found, FACTS)) == [
        "No training was done through Keras (it was left out), so the two ways were not compared in this study."
    ]


def test_the_table_of_scalings(tmp_path: Path):
    def scaled(*rows: dict[str, Any]) -> Sequence[Block]:
        found = found_in(tmp_path, flower_grid(scattered(GOOD)), scaling=rows)
        return experiments.scaling_blocks(found, FACTS)

    tested = scaled(*costs((0.8, 0.85), (0.7, 0.85), (0.0001, 0.31), 0.012))
    assert cells(tested) == [
        ["learning rate 0.001", "80.0 %", "70.0 %", "−10.0", "−11.5 to −8.5", "< 0.001"],
        ["learning rate 0.01", "85.0 %", "85.0 %", "0.0", "−1.5 to 1.5", "0.31"],
        ["mean over all settings", "82.5 %", "77.5 %", "−5.0", "−6.5 to −3.5", "0.012"],
    ]
    assert table(tested).strong == (2,)
    untested = scaled(cost("learning rate 0.1", 0.8, 0.9, None))
    assert cells(untested) == [["learning rate 0.1", "80.0 %", "90.0 %", "10.0", "–", "–"]]
    assert table(untested).strong == ()
    assert len(scaled()) == 1
