"""Studies made up from their accuracies: flower studies and grids of any outcome, without a training."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from made_results import made_results
from made_runs import make_run

from regraft.reports._drawing import Drawn
from regraft.reports.flower_experiments import Found, gather
from regraft.runs.folder import RunFolder
from regraft.studies.axes import values_label
from regraft.studies.declaration import Study, make_study
from regraft.studies.flower_study import LEARNING_RATES, MOMENTA
from regraft.studies.folder import StudyFolder
from regraft.studies.results import Results
from regraft.studies.scaling import OVERALL

Row = dict[str, Any]

NAN = math.nan
AXES = {"head.learning_rate": LEARNING_RATES, "head.momentum": MOMENTA}
GOOD = [0.80, 0.83, 0.87, 0.86, 0.87, 0.872, 0.876, 0.81, 0.874, 0.873, 0.86, 0.80, 0.86, 0.861, 0.862, 0.79]
"""Mean accuracies as in a real flower study: rates outside, momenta inside."""

FACTS: dict[str, Any] = {
    "kind": "flowers",
    "complete": True,
    "collection": {"name": "photos", "images": 1000, "classes": list("abcde"), "skipped": 0},
    "features": {"images": 1000, "computed": 1000, "seconds": 6.4, "width": 1280, "bytes": 5_120_000},
    "backbone": {"name": "MobileNetV2", "size": [224, 224], "preprocessing": {"name": "tf"}},
    "parameters": {
        "before": 3_538_984, "after": 2_264_389, "trainable": 6405, "outputs_before": 1000, "outputs_after": 5,
    },
    "fallback": None,
    "seconds": {"find": 0.4, "training": 17.0, "total": 60.0},
}  # fmt: skip


ENVIRONMENT: dict[str, Any] = {
    "time": "2026-07-03T14:05:09+00:00", "command": ["regraft", "study", "flowers", "--images", "my photos"],
    "python": "3.11.7", "platform": "Linux", "processor": "A [[cut]] processor", "cores": 2,
    "packages": {"regraft": "0.1.0", "keras": "3.15.0"},
}  # fmt: skip


class MadeStudy(StudyFolder):
    """A study folder whose grids and runs are made up; its facts and settings are files, as ever."""

    def __init__(self, path: Path, grids: Mapping[str, Results], study: Study, run: RunFolder) -> None:
        super().__init__(path)
        self._grids, self._study, self._run = grids, study, run

    @property
    def recommended(self) -> RunFolder:
        return self._run

    def grid(self, name: str) -> tuple[Study, list[Any]]:
        return self._study, []

    def results(self, name: str) -> Results:
        return self._grids[name]


def scattered(means: npt.ArrayLike, repetitions: int = 4, seed: int = 0) -> npt.NDArray[np.float64]:
    """Accuracies (S, repetitions) around the means, by up to two of 200 images; the means alone for one repetition."""
    given = np.asarray(means, np.float64)[:, None]
    if repetitions == 1:
        return given
    return given + np.random.default_rng(seed).integers(-2, 3, (len(given), repetitions)) / 200


def named_results(accuracy: npt.ArrayLike, axes: Mapping[str, Sequence[Any]], **options: Any) -> Results:
    """`made_results` with the settings named as in a real study, and each of them choosing itself."""
    shares = np.asarray(accuracy, np.float64)
    results = made_results(shares, axes=axes, loss=1.1 - shares, **options)
    settings = tuple(replace(setting, label=values_label(setting.values)) for setting in results.settings)
    chosen = tuple((setting.label,) * len(results.repetitions) for setting in settings)
    return replace(results, settings=settings, chosen=chosen)


def flower_grid(accuracy: npt.ArrayLike, **options: Any) -> Results:
    """The whole grid of a flower study from its accuracies, (16, R)."""
    return named_results(accuracy, AXES, **options)


def made_flowers(
    folder: Path,
    grid: Results,
    *,
    both_ways: Mapping[str, Results] | None = None,
    agreement: Sequence[Row] = (),
    scaling: Sequence[Row] = (),
    quick: bool = False,
    refused: str | None = None,
    run: RunFolder | None = None,
    recommended: RunFolder | None = None,
    **facts: Any,
) -> MadeStudy:
    """The folder of a finished flower study with these results.

    Args:
        run: stands for the first cell, and for the recommended run where that is not given.
        recommended: a run, or a folder without one.
        facts: in place of some of `FACTS`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    run = RunFolder(folder / "recommended") if run is None else run
    grid = replace(grid, runs=tuple((run.path,) * len(row) for row in grid.runs))
    values = {"seeds": len(grid.repetitions), "images": {"source": str(folder / "photos")}}
    study = MadeStudy(folder, {"grid": grid, **(both_ways or {})}, make_study(values), recommended or run)
    for name in both_ways or {}:
        (folder / f"{name}.study.toml").touch()
    study.write_settings(f'kind = "flowers"\nimages = "photos"\nseed = 0\nquick = {str(quick).lower()}\n')
    given = {"agreement": list(agreement), "scaling": list(scaling), "standard_refused": refused}
    study.write_facts(**{**FACTS, "environment": ENVIRONMENT, **given, **facts})
    return study


def found_in(folder: Path, grid: Results, **options: Any) -> Found:
    """What the report gathers from such a study."""
    return gather(made_flowers(folder, grid, **options))


def made_grid(
    folder: Path,
    accuracy: npt.ArrayLike,
    axes: Mapping[str, Sequence[Any]],
    run: RunFolder,
    *,
    recommended: RunFolder | None = None,
    **options: Any,
) -> MadeStudy:
    """The folder of a finished grid of a user's.

    Args:
        run: stands for the first cell, and for the recommended run where that is not given.
        recommended: a run, or a folder without one.
        options: of the study: `name`, `question`, `head` …
    """
    folder.mkdir(parents=True, exist_ok=True)
    results = named_results(accuracy, axes)
    results = replace(results, runs=tuple((run.path,) * len(row) for row in results.runs))
    vary: dict[str, dict[str, list[Any]]] = {}
    for axis, values in axes.items():
        section, name = axis.split(".")
        vary.setdefault(section, {})[name] = list(values)
    values = {"seeds": len(results.repetitions), "images": {"source": "photos"}, "vary": vary, **options}
    study = MadeStudy(folder, {"grid": results}, make_study(values), recommended or run)
    study.write_settings('kind = "grid"\n')
    seconds = {"features": 1.0, "training": 2.0, "total": 4.0}
    study.write_facts(kind="grid", complete=True, environment=ENVIRONMENT, seconds=seconds)
    return study


def made_run(folder: Path, **options: Any) -> RunFolder:
    """A run of 30 test images that may stand for any run of a study."""
    folder.mkdir(parents=True)
    return make_run(folder, **options)[0]


def agreed(setting: str = "lr 0.01", **changes: Any) -> Row:
    """A setting trained both ways, as `study.json` holds it."""
    return {
        "setting": setting, "epochs": 5, "weights": 2.6e-7, "largest_weight": 1.2, "loss": 8e-8, "accuracy": 0.0,
        "standard_accuracy": 0.825, "accelerated_accuracy": 0.825, "standard_seconds": 42.5,
        "accelerated_seconds": 0.0144, "same_images": True,
    } | changes  # fmt: skip


def two_ways(values: Sequence[float] = (0.01,), *, momenta: bool = False, lost: Sequence[int] = ()) -> Results:
    """A grid that varies `head.standard`, in one repetition; the rows in `lost` diverged."""
    accuracy = np.full((2 * len(values), 1), 0.8)
    accuracy[list(lost)] = NAN
    axis = "head.momentum" if momenta else "head.learning_rate"
    results = made_results(accuracy, axes={axis: values, "head.standard": (True, False)}, epochs=5)
    labels = [f"lr 0.1, momentum {value:g}" if momenta else f"lr {value:g}" for value in values for _ in range(2)]
    return replace(results, chosen=tuple(("diverged" if i in lost else s,) for i, s in enumerate(labels)))


def cost(setting: str, own: float, wrong: float, p: float | None, half: float = 0.015) -> Row:
    """A setting with its own and with the wrong scaling, as `study.json` holds it; p is None for one repetition."""
    difference = wrong - own
    return {
        "setting": setting, "own": own, "wrong": wrong, "difference": difference, "p": p,
        "low": None if p is None else difference - half, "high": None if p is None else difference + half,
    }  # fmt: skip


def costs(
    own: Sequence[float], wrong: Sequence[float], each: Sequence[float | None], together: float | None
) -> list[Row]:
    """Several learning rates with their p values, and last all of them together with theirs."""
    numbers = zip(LEARNING_RATES[: len(own)], own, wrong, each, strict=True)
    rows = [cost(f"learning rate {rate:g}", *row) for rate, *row in numbers]
    return [*rows, cost(OVERALL, float(np.mean(own)), float(np.mean(wrong)), together)]


def leave_out_the_drawing(patch: pytest.MonkeyPatch) -> None:
    """A document has some ten figures, which take a fifth of a second each; tests of its text need none of them."""
    nothing = Drawn('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"/>', "A figure.", 0.5)
    places = {
        "flower_experiments": ("first_training", "panels", "heat_map", "box_plots", "agreement"),
        "flower_document": ("cut_diagram",),
        "grid_document": ("panels", "heat_map", "box_plots", "cut_diagram", "means_with_intervals"),
        "_study_results": ("reliability_of_choice",),
    }
    for module, names in places.items():
        for name in names:
            patch.setattr(f"regraft.reports.{module}.{name}", lambda *_, **__: nothing)
    patch.setattr("regraft.reports._study_parts.confusion_matrix", lambda *_: nothing.svg)
