from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from checked_texts import plain
from made_cats import CLOSE, found, heads, leave_out_the_drawing, scratch, tuned
from made_studies import NAN, made_run

from regraft.evaluation.intervals import wilson_interval
from regraft.reports import cats_experiments as experiments
from regraft.reports.document import Block, Table
from regraft.runs.folder import RunFolder


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """Validation is answered without a mistake."""
    return made_run(tmp_path_factory.mktemp("experiments") / "run", classes=("cats", "dogs"))


@pytest.fixture(autouse=True)
def no_drawing(monkeypatch: pytest.MonkeyPatch) -> None:
    leave_out_the_drawing(monkeypatch)


def table(blocks: tuple[Block, ...], label: str) -> Table:
    (found,) = [block for block in blocks if isinstance(block, Table) and block.label == label]
    return found


def cells(row: tuple[str, ...]) -> list[str]:
    return [plain(cell) for cell in row]


def test_accuracy_and_precision_of_every_frozen_head(run: RunFolder) -> None:
    made = table(experiments.frozen_blocks(found(run)), "frozen")
    assert [plain(title) for title in made.columns] == [
        *("Setting", "Accuracy", "95 % interval", "Precision", "of cats", "of dogs")
    ]
    assert [row[0] for row in made.rows][:2] == [
        *("EfficientNetLite0, one sigmoid unit", "EfficientNetLite0, two softmax units")
    ]
    assert cells(made.rows[0])[1] == "98.5 %"
    assert cells(made.rows[0])[3:] == ["100.0 %"] * 3
    assert "over the repetitions" in made.note


def test_shared_validation_images_have_the_interval_of_a_share(run: RunFolder) -> None:
    given = found(run).facts["collection"] | {"splits": ["validation"]}
    made = table(experiments.frozen_blocks(found(run, collection=given)), "frozen")
    low, high = wilson_interval(197, 200)
    assert cells(made.rows[0])[2] == f"{100 * low:.1f} to {100 * high:.1f} %"
    assert "Wilson" in made.note


def test_what_diverged_has_no_numbers(run: RunFolder) -> None:
    made = table(experiments.frozen_blocks(found(run, heads([[NAN] * 3, *CLOSE[1:]]))), "frozen")
    assert made.rows[0][1:3] == ("–", "–")


def test_more_classes_than_a_table_holds_have_their_mean_alone(tmp_path_factory: pytest.TempPathFactory) -> None:
    five = made_run(tmp_path_factory.mktemp("five") / "run", classes=tuple("abcde"))
    gathered = found(five, heads(CLOSE[:2], outputs=("softmax",)))
    blocks = experiments.frozen_blocks(gathered)
    assert len(table(blocks, "frozen").columns) == 4
    assert "One sigmoid unit tells two classes apart; of five there is a softmax alone." in blocks[0].text  # type: ignore[union-attr]


def test_what_each_way_costs(run: RunFolder) -> None:
    accuracy = [[0.98, 0.99, 0.985], [0.99, 0.99, 0.99], [0.80, 0.805, 0.81]]
    made = table(experiments.tuned_blocks(found(run, heads(), tuned(accuracy))), "times")
    rows = [cells(row) for row in made.rows]
    assert [row[0] for row in rows] == [
        *("MobileNetV2, all layers frozen", "MobileNetV2, last 5 layers trained", "MobileNetV2, last 10 layers trained")
    ]
    assert [row[1] for row in rows] == ["164,097", "169,097", "174,097"]
    assert rows[0][2:5] == ["3.2 s", "0.013 s", "3.6 s"]
    assert rows[1][5:] == ["–", "best"]
    assert rows[2][5] == "−18.5"
    assert rows[2][6].startswith("worse (p")


def test_from_scratch_beside_the_frozen_network(run: RunFolder) -> None:
    gathered = found(run, heads(), tuned(CLOSE[:3]), from_scratch=[scratch(0.9, 0.5)], quick=True)
    blocks = experiments.scratch_blocks(gathered)
    made = table(blocks, "scratch")
    frozen, alone = (cells(row) for row in made.rows)
    assert frozen[0] == "MobileNetV2@96, frozen, pretrained"
    assert (frozen[1], frozen[3], frozen[5]) == ("80", "3.2 s", "90.0 %")
    assert (alone[3], alone[5], alone[6]) == ("–", "50.0 %", "47.0 to 52.0 %")
    assert "Quick study" in made.note


def test_the_costs_are_those_of_a_thousand_images(run: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[Any] = []
    monkeypatch.setattr(experiments, "costs", drawn.append)
    experiments.scratch_blocks(found(run, heads(), tuned(CLOSE[:3]), from_scratch=[scratch()]))
    (ways,) = drawn
    assert [way.name for way in ways] == [
        *("MobileNetV2, all layers frozen", "MobileNetV2, last 5 layers", "MobileNetV2, last 10 layers"),
        "MobileNetV2@96, from scratch",
    ]
    np.testing.assert_allclose([way.epoch for way in ways[:2]], [0.013 / 0.64, 2.1 / 0.64])
    assert ways[3].epoch == pytest.approx(40 / 0.08)
    assert ways[3].once == 0
