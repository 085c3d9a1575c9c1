from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from small_searches import search_data, searched

from regraft.errors import InputError
from regraft.studies.folder import StudyFolder
from regraft.studies.mobilenet_runs import (
    Step,
    dogs_run,
    is_done,
    read_steps,
    read_weights,
    record_stage,
    stage_run,
    write_steps,
    write_weights,
)

STEP = Step(3, {"head": 0.1, "b": 0.03}, None, 9, 4, 6, 1, True, 1.5, 0.5, [{"epoch": 0}, {"epoch": 1, "loss": None}])


def test_steps_are_read_as_they_were_written(tmp_path: Path) -> None:
    folder = StudyFolder(tmp_path)
    assert read_steps(folder) == []
    write_steps(folder, [STEP])
    assert read_steps(folder) == [STEP]
    (tmp_path / "runs.jsonl").write_text('{"number": 1}\n')
    with pytest.raises(InputError, match="is damaged"):
        read_steps(folder)


def test_weights_are_read_in_their_order(tmp_path: Path) -> None:
    arrays = [np.full((place % 3, 2), place, np.float32).T for place in range(12)]
    write_weights(tmp_path / "folder" / "weights.safetensors", arrays)
    for one, other in zip(read_weights(tmp_path / "folder" / "weights.safetensors"), arrays, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_stage_is_done_once_it_is_measured(tmp_path: Path) -> None:
    folder, data = StudyFolder(tmp_path), search_data()
    run = stage_run(folder, "new-head")
    assert not is_done(run)
    assert run.path != dogs_run(folder).path
    answers = {split: np.eye(3, dtype=np.float32)[data.labels[data.rows(split)]] for split in ("validation", "test")}
    facts = {"label": "a head", "best_epoch": 2, "seconds": 1.5, "computing_seconds": 0.5}
    record_stage(run, searched(), data, answers, facts, [{"epoch": 0}, {"epoch": 1}])
    assert is_done(run)
    metrics = run.metrics()
    assert metrics["test"]["accuracy"] == metrics["validation"]["accuracy"] == 1.0
    assert metrics["seconds"] == {"training": 1.5, "total": 2.0}
    assert metrics["chosen"] == {"label": "a head", "epoch": 2, "head": 0}
    assert [row["epoch"] for row in run.history()] == [0, 1]
