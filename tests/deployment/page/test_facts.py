from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from regraft.deployment.page.facts import model_facts
from regraft.runs.folder import RunFolder
from regraft.runs.prediction import Predictor


def test_what_a_run_knows_of_itself(small_run: RunFolder) -> None:
    facts = model_facts(Predictor(small_run))
    tested = [row for row in small_run.table("predictions").to_pylist() if row["split"] == "test"]
    right = sum(row["label"] == row["predicted"] for row in tested)
    assert facts["test"]["accuracy"] == pytest.approx(right / len(tested))
    assert facts["calibration"]["images"] == len(tested)
    assert sum(band["right"] for band in facts["calibration"]["bands"]) == right
    assert facts["classes"] == ["blue", "green", "red"]
    assert facts["size"] == [8, 8]


def test_what_a_run_does_not_know_is_left_out(small_run: RunFolder, tmp_path: Path) -> None:
    shutil.copytree(small_run.path, tmp_path / "run")
    run = RunFolder(tmp_path / "run")
    run.write_classes(["a\nb", "green", "red"])
    metrics = run.metrics()
    del metrics["test"]
    run.write_json("metrics", metrics)
    (run.path / "predictions.parquet").unlink()
    facts = model_facts(Predictor(run))
    assert (facts["test"], facts["calibration"]) == (None, None)
    assert facts["classes"][0] == "a\\nb"
