"""Cats-and-dogs studies made up from their accuracies: any outcome, without a training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from made_studies import ENVIRONMENT, MadeStudy, named_results

from regraft.reports._drawing import Drawn
from regraft.reports.cats_found import CatsFound, Trained
from regraft.runs.comparison import ComparedPair
from regraft.runs.folder import RunFolder
from regraft.studies.cats_results import FROZEN, TRAINED, FromScratch, all_settings, by_network_and_output
from regraft.studies.conclusions import conclude
from regraft.studies.declaration import make_study
from regraft.studies.results import Results, Setting

NETWORKS = ("EfficientNetLite0", "MobileNetV2")
CLOSE = [[0.98, 0.99, 0.985], [0.985, 0.98, 0.99], [0.99, 0.985, 0.99], [0.985, 0.99, 0.985]]
"""Two networks with one unit and with two, hardly different."""

Rows = Sequence[Sequence[float]]


def trained_facts(last: int = 0, **changes: Any) -> dict[str, Any]:
    """What a run's metrics have under `trained`."""
    return {
        "layers": [""] * last, "settings": "adamw", "parameters": 164_097 + 1000 * last, "epochs": 3, "best_epoch": 2,
        "computing_seconds": 3.2, "epoch_seconds": 2.1 if last else 0.013, "seconds": 7.5 if last else 0.4,
        "first_epoch": False,
    } | changes  # fmt: skip


def history(accuracies: Sequence[float] = (0.98, 0.985, 0.99)) -> tuple[dict[str, Any], ...]:
    """Epochs from 0."""
    return tuple({"epoch": e, "val_loss": 1 - value, "val_accuracy": value} for e, value in enumerate(accuracies))


def heads(accuracy: Rows = CLOSE, networks: Sequence[str] = NETWORKS, outputs: Sequence[str] = ()) -> Results:
    """The frozen heads of a study."""
    axes = {"backbone.name": networks, "head.activation": outputs or ("sigmoid", "softmax")}
    return by_network_and_output(named_results(accuracy, axes, baseline=0.5))


def tuned(accuracy: Rows, networks: Sequence[str] = ("MobileNetV2",)) -> Results:
    """All layers frozen, the last 5 and the last 10 trained, of each network."""
    results = named_results(accuracy, {"backbone.name": networks, TRAINED: (0, 5, 10)}, baseline=0.5)
    settings = []
    for setting in results.settings:
        name, last = setting.values["backbone.name"], setting.values[TRAINED]
        settings.append(Setting(f"{name}, {f'last {last} layers trained' if last else FROZEN}", setting.values))
    return replace(results, settings=tuple(settings), curves={})


def measured(accuracy: float, images: int = 80, **about: Any) -> dict[str, Any]:
    """The metrics of a training that has validated on 200 images."""
    return {
        "validation": {
            "accuracy": accuracy, "accuracy_interval": [accuracy - 0.03, min(1.0, accuracy + 0.02)], "images": 200,
            "macro": {"precision": accuracy},
        },
        "images": {"train": images, "validation": 200, "test": 160},
        "backbone": {"name": "MobileNetV2@96", "size": [96, 96]},
        "trained": trained_facts(**about),
    }  # fmt: skip


def scratch(frozen: float = 0.9, accuracy: float = 0.5, p: float = 1e-6, **about: Any) -> FromScratch:
    """A training from scratch beside the frozen base."""
    pair = ComparedPair(
        1, 2, "same", True, 200, 100, 80, 0, 20, (frozen, accuracy), accuracy - frozen,
        (accuracy - frozen - 0.08, accuracy - frozen + 0.08), "McNemar", p, p, "", "", (),
    )  # fmt: skip
    slow = {"computing_seconds": 0.0, "epoch_seconds": 40.0, "seconds": 130.0}
    return FromScratch(
        "MobileNetV2",
        "MobileNetV2@96",
        measured(frozen),
        measured(accuracy, **{**slow, **about}),
        pair,
        history((0.5, 0.5, accuracy)),
    )


def found(
    run: RunFolder,
    frozen: Results | None = None,
    tuned_layers: Results | None = None,
    *,
    from_scratch: Sequence[FromScratch] = (),
    quick: bool = False,
    test: dict[str, Any] | None = None,
    **facts: Any,
) -> CatsFound:
    """What a report gathers; `run` stands for every cell."""
    frozen = heads() if frozen is None else frozen
    frozen = _with_run(frozen, run)
    tuned_layers = None if tuned_layers is None else _with_run(tuned_layers, run)
    outputs = list(frozen.axes["head.activation"])
    everything = all_settings(frozen, tuned_layers)
    names = list(frozen.axes["backbone.name"])
    fine = [] if tuned_layers is None else list(tuned_layers.axes["backbone.name"])
    given: dict[str, Any] = {
        "kind": "cats-and-dogs",
        "complete": True,
        "missing": [],
        "refused": None,
        "environment": ENVIRONMENT | {"command": ["regraft", "study", "cats-and-dogs"]},
        "seconds": {"features": 4.0, "training": 8.0, "total": 60.0},
        "collection": {"name": "pets", "images": 1000, "classes": run.classes(), "skipped": 0, "splits": []},
        "outputs": outputs,
        "backbones": [{"name": name, "size": [224, 224], "features": 1280} for name in names],
    }
    if tuned_layers is not None:
        given["tuned"] = {"backbones": fine, "last": [5, 10], "seeds": len(frozen.repetitions)}
    return CatsFound(
        facts={**given, **facts},
        settings={"kind": "cats-and-dogs", "seed": 0, "seeds": 3, "quick": quick, "backbones": names, "images": "pets"},
        frozen=frozen,
        tuned=tuned_layers,
        everything=everything,
        whole=conclude(everything),
        trained=tuple(
            Trained(name, last, trained_facts(last), history() if last else (), 640)
            for name in fine
            for last in (0, 5, 10)
        ),
        scratch=tuple(from_scratch),
        test=test,
    )


def made_cats(folder: Path, gathered: CatsFound, run: RunFolder) -> MadeStudy:
    """The folder of a study with these results."""
    folder.mkdir(parents=True, exist_ok=True)
    declared = make_study({"seeds": len(gathered.frozen.repetitions), "images": {"source": str(folder / "photos")}})
    study = MadeStudy(folder, {"frozen": gathered.frozen}, declared, run)
    study.write_settings('kind = "cats-and-dogs"\nimages = "pets"\nseed = 0\nbackbones = ["A"]\nquick = true\n')
    study.write_facts(**gathered.facts)
    return study


def leave_out_the_drawing(patch: pytest.MonkeyPatch) -> None:
    """Tests of the text need no figures."""
    nothing = Drawn('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"/>', "A figure.", 0.5)
    for name in ("courses", "costs", "box_plots"):
        patch.setattr(f"regraft.reports.cats_experiments.{name}", lambda *_, **__: nothing)
    patch.setattr("regraft.reports.cats_document.cut_diagram", lambda *_, **__: nothing)
    patch.setattr("regraft.reports._study_parts.confusion_matrix", lambda *_: nothing.svg)


def _with_run(results: Results, run: RunFolder) -> Results:
    return replace(results, runs=tuple((run.path,) * len(row) for row in results.runs))


def spread(mean: float, by: float = 0.005, repetitions: int = 3) -> npt.NDArray[np.float64]:
    """Accuracies around a mean."""
    return mean + by * (np.arange(repetitions) - (repetitions - 1) / 2)
