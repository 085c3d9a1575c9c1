from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from checked_texts import plain
from made_digits import digit_runs, flat, found_digits

from regraft.reports import digits_tables as tables
from regraft.studies.digit_networks import digit_network


def some(way: str, dropout: bool, proportion: float) -> Sequence[float]:
    if (way, dropout, proportion) == ("fixed", False, 0.02):
        return (0.92, 0.94, 0.96)
    return (0.9, 0.91, 0.92)


@pytest.mark.parametrize(("size", "outputs"), [((8, 8), 4), ((9, 13), 6)])
def test_the_layers_are_those_of_the_network(size: tuple[int, int], outputs: int) -> None:
    network = digit_network(size, outputs, dropout=False, seed=0)
    kept = [layer for layer in network.layers if layer.name not in ("scaling", "features")]
    drawn = tables.layers(size, outputs)
    assert [parameters for *_, parameters in drawn] == [layer.count_params() for layer in kept]
    shapes = [" × ".join(map(str, layer.output.shape[1:])) for layer in kept]
    assert [shape for _, shape, _ in drawn] == shapes


def test_the_network_of_mnist() -> None:
    assert [parameters for *_, parameters in tables.layers((28, 28), 4)] == [320, 9248, 0, 589_952, 516]


def test_what_was_done(tmp_path: Path) -> None:
    found = found_digits(tmp_path / "s", some)
    assert tables.task_table(found).rows == (("source", "0 to 5", "879", "1,000"), ("target", "6 to 9", "583", "1,000"))
    network = tables.network_table(found)
    assert network.rows[-1] == ("all", "", "26,596")
    assert network.note == "The source network has 6 outputs, and so 774 parameters in its last layer."
    effort = [tuple(map(plain, row)) for row in tables.effort_table(found).rows]
    assert effort[0] == ("source network", "879", "200", "20", "0.2")
    assert effort[1] == ("P = 0.02", "10", "200", "20", "20.0")


def test_accuracies_and_differences(tmp_path: Path) -> None:
    found = found_digits(tmp_path / "s", some)
    rows = tables.accuracy_table(found).rows
    same = "91.00 (90.00–92.00)"
    assert rows[0][1:] == ("–", same, "94.00 (92.00–96.00)", same)
    assert [plain(cell) for cell in rows[5]] == ["580 (P = 1)", "0.5", same, same, same]
    gains = tables.gain_table(found)
    assert plain(gains.rows[0][0]) == "10 (P = 0.02)"
    assert gains.rows[0][2:] == ("3.00 (0.52 to 5.48)*", "0.00 (0.00 to 0.00)", "−3.00 (−5.48 to −0.52)*")
    assert gains.note == "The interval of a difference with * leaves out 0."
    assert tables.dropout_table(found).rows[0][2] == "−3.00 (−5.48 to −0.52)*"
    assert tables.gain_table(found_digits(tmp_path / "flat", flat)).note == ""
    assert plain(tables.source_table(found).rows[0][1]) == "91.00 %"


def test_one_run_has_neither_range_nor_interval(tmp_path: Path) -> None:
    found = found_digits(tmp_path / "s", lambda *setting: some(*setting)[:1])
    assert tables.accuracy_table(found).rows[0][1:] == ("–", "90.00", "92.00", "90.00")
    assert tables.gain_table(found).rows[0][2:] == ("2.00", "0.00", "−2.00")
    assert tables.gain_table(found).note == ""
    assert "interval" not in tables.dropout_table(found).caption
    assert len(tables.source_table(found).columns) == 2


@pytest.mark.parametrize(
    ("seconds", "said"), [(0.15, "10 times faster"), (4.9, "2 times slower"), (2.4, "about as fast")]
)
def test_times(tmp_path: Path, seconds: float, said: str) -> None:
    runs = [replace(run, training=seconds) if run.way == "fixed" else run for run in digit_runs(flat)]
    rows = tables.time_table(found_digits(tmp_path / "s", flat, runs=runs)).rows
    assert [row[-1] for row in rows] == ["–", "–", said, "about as fast"]
    assert rows[2][3] == "–"
    assert plain(rows[1][2]) == "36 s"
