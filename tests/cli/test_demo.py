from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from small_tops import graphs_here

from regraft.runs.folder import RunFolder


def test_the_demo_transfers_from_0_to_5_to_6_to_9(regraft: Callable, tmp_path: Path) -> None:
    with graphs_here():
        done = regraft("demo", "--output", tmp_path / "demo")
    assert done.code == 0, done.err
    run = RunFolder(tmp_path / "demo" / "target")
    assert run.complete
    assert run.classes() == ["6", "7", "8", "9"]
    assert run.metrics()["test"]["accuracy"] > 0.9
    assert run.metrics()["backbone"]["features"] == 128
    assert f"Report     {run.report}" in done.out
    assert "95 % interval" in done.out
