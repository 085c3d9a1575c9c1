"""A declared grid carried out: features, cells, the recommended run."""

from __future__ import annotations

import time
from pathlib import Path

from regraft._keras_backend import check_keras_backend, choose_keras_backend
from regraft._progress import progress
from regraft.runs.config import TrainConfig
from regraft.runs.data import find_images
from regraft.runs.environment import describe_environment
from regraft.runs.folder import RunFolder
from regraft.runs.pipeline import Report, train
from regraft.studies.cells import Cell, feature_groups, load_cell_data, rounds_of, train_cells
from regraft.studies.conclusions import Conclusion, conclude
from regraft.studies.declaration import Study
from regraft.studies.folder import StudyFolder, open_study_folder


def run_grid(
    study: Study, output: Path | None = None, *, resume: StudyFolder | None = None, report_run: Report | None = None
) -> StudyFolder:
    """Carries out a study that a user declared: every cell, the conclusion, and the run it recommends.

    Args:
        study: what to do.
        output: the study folder, new or empty; None takes the next free name under `studies/`.
        resume: the folder of the same study, begun earlier.
        report_run: writes the page of the recommended run (`runs.pipeline.train`).

    Raises:
        InputError: the images, a backbone or a setting cannot be used.
    """
    started = time.perf_counter()
    prepare_keras(study)
    find_images(
        study.config(study.settings[0].values)
    )  # images that are not there are refused before there is a folder
    folder = resume or open_study_folder(output, "study")
    cells = folder.declare("grid", study)
    folder.write_settings('kind = "grid"\n')
    # Of the first start: a study that was resumed is repeated by the command that began it.
    environment = folder.facts().get("environment") or describe_environment()
    folder.write_facts(kind="grid", environment=environment, complete=False, resumed=resume is not None)
    seconds = carry_out({"grid": cells})
    conclusion = conclude(folder.results("grid"), seed=study.seed)
    before = time.perf_counter()
    recommend(folder, study, conclusion, report_run)
    seconds["recommended"] = round(time.perf_counter() - before, 3)
    seconds["total"] = round(time.perf_counter() - started, 3)
    folder.write_facts(seconds=seconds, complete=True)
    return folder


def prepare_keras(study: Study) -> None:
    """Chooses a training backend of Keras where a setting of the study trains through it, before anything imports it.

    Raises:
        MissingPackageError: none is installed.
    """
    standard = any(study.config(setting.values).head.standard for setting in study.settings)
    check_keras_backend(training=standard)
    if standard:
        choose_keras_backend(training=True)


def carry_out(grids: dict[str, list[Cell]]) -> dict[str, float]:
    """Computes the features of all cells of all grids, then trains the cells; gives the seconds of both."""
    cells: list[Cell] = [cell for grid in grids.values() for cell in grid]
    start = time.perf_counter()
    for config in feature_groups([cell for cell in cells if not cell.done]):
        load_cell_data(config)
    features = time.perf_counter() - start
    start = time.perf_counter()
    with progress(f"Study ({len(cells):,} runs)", rounds_of(cells), "epochs") as advance:
        train_cells(cells, advance)
    return {"features": round(features, 3), "training": round(time.perf_counter() - start, 3)}


def recommend(folder: StudyFolder, study: Study, conclusion: Conclusion, report_run: Report | None) -> RunFolder | None:
    """Trains the best setting as a whole run and measures it on the test images, once; None where all diverged."""
    if conclusion.best is None:
        return None
    run = folder.recommended
    if run.path.is_dir() and run.complete:
        return run
    config: TrainConfig = study.config(study.settings[conclusion.best].values)
    begun = (run.path / "config.toml").is_file()
    return train(config, None if begun else run.path, resume=run.path if begun else None, report=report_run)
