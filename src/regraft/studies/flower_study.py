"""The flower study's options and grids: what its tasks (`flowers`) share."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

from regraft._keras_backend import choose_keras_backend
from regraft.backbones.base import Base, open_base
from regraft.backbones.catalogue import DEFAULT_BACKBONE
from regraft.backbones.graph import base_graph
from regraft.errors import InputError, RegraftError
from regraft.images.labelled import ImageCollection
from regraft.runs.data import RunData, find_images, load_data
from regraft.runs.environment import describe_environment
from regraft.studies.conclusions import Conclusion, conclude
from regraft.studies.declaration import Study, make_study
from regraft.studies.folder import StudyFolder, absolute_images, open_study_folder
from regraft.studies.grid import carry_out
from regraft.studies.results import Results

LEARNING_RATES = (0.001, 0.01, 0.1, 1.0)
MOMENTA = (0.0, 0.5, 0.9, 0.99)
FIRST_RATE, FIRST_MOMENTUM = 0.01, 0.0
WRONG_SCALING = "0 to 1"
_PER_CLASS = 200
_STANDARD_EPOCHS, _QUICK_EPOCHS = 5, 1
_QUICK_PER_CLASS = 40


class FlowerStudy:
    """One flower study: where its images and results are, and its grids, each trained when first asked for.

    Args:
        images: a folder of class folders, or a named set; of `flowers`, 200 images of each class are taken.
        output: the study folder, new or empty; None takes the next free name under `studies/`.
        resume: a study folder to go on with; all else is then read from it.
        path: a local copy of a named set.
        backbone: the network; where its weights cannot be had, the one in the box takes its place.
        seed: of the test images; the repetitions take it and the numbers after it.
        seeds, folds: everything on cached features is repeated with so many seeds, each with so many folds.
        epochs: of everything on cached features.
        standard_epochs: of the training through Keras; None for the usual number, 0 for none.
        quick: one setting through Keras, for one epoch on 40 images of each class, instead of four settings for five
            epochs on all of them.
    """

    def __init__(
        self,
        images: str | Path = "flowers",
        output: Path | None = None,
        *,
        resume: Path | None = None,
        path: Path | None = None,
        backbone: str = "MobileNetV2",
        seed: int = 0,
        seeds: int = 3,
        folds: int = 5,
        epochs: int = 50,
        standard_epochs: int | None = None,
        quick: bool = False,
    ) -> None:
        self.started = time.perf_counter()
        if resume is not None:
            self.folder = StudyFolder(resume)
            self.options = {name: value for name, value in self.folder.settings().items() if name != "kind"}
        else:
            usual = _QUICK_EPOCHS if quick else _STANDARD_EPOCHS
            self.options = {
                "images": absolute_images(images),
                "path": None if path is None else str(path.absolute()),
                "backbone": backbone,
                "seed": seed,
                "seeds": seeds,
                "folds": folds,
                "epochs": epochs,
                "standard_epochs": usual if standard_epochs is None else standard_epochs,
                "quick": quick,
            }
        self._declared(DEFAULT_BACKBONE, {}, name="check")  # what cannot be used is refused before there is a folder
        self.collection  # noqa: B018  images that are not there are refused, too
        if resume is None:
            self.folder = open_study_folder(output, "flowers")
            self.folder.write_settings(_settings_text(self.options))
        self.seconds: dict[str, float] = dict(self.folder.facts().get("seconds", {}))
        # Of the first start: a study that was resumed is repeated by the command that began it.
        environment = self.folder.facts().get("environment") or describe_environment()
        self.folder.write_facts(kind="flowers", environment=environment, complete=False, resumed=resume is not None)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Adds the seconds of the block to a stage of the study."""
        start = time.perf_counter()
        yield
        self.seconds[name] = round(self.seconds.get(name, 0.0) + time.perf_counter() - start, 3)
        self.folder.write_facts(seconds=self.seconds)

    @cached_property
    def collection(self) -> ImageCollection:
        """The images."""
        return find_images(self._declared(DEFAULT_BACKBONE, {}, name="images").config({}))

    @cached_property
    def base(self) -> Base:
        """The backbone's base, or that of the backbone in the box; the reason is then among the study's facts.

        A study that is gone on with keeps the one it began with.
        """
        facts = self.folder.facts()
        if "fallback" in facts:
            return open_base(DEFAULT_BACKBONE if facts["fallback"] else self.options["backbone"])
        try:
            base = open_base(self.options["backbone"])
            fallback = None
        except InputError as error:
            base = open_base(DEFAULT_BACKBONE)
            fallback = error.problem
        self.folder.write_facts(fallback=fallback and {"wanted": self.options["backbone"], "reason": fallback})
        return base

    @cached_property
    def standard_refused(self) -> str | None:
        """Why nothing can be trained through Keras; None where it can."""
        if not self.options["standard_epochs"]:
            return "it was left out"
        try:
            choose_keras_backend(training=True)
        except RegraftError as error:
            return str(error)
        return None

    def prepare(self) -> None:
        """Builds both graphs of the base while Keras' training backend is imported: each takes a few seconds."""
        bases = [self.base, open_base(self.base.spelling, scaling=WRONG_SCALING)]
        with ThreadPoolExecutor(2) as pool:
            graphs = [pool.submit(base_graph, base) for base in bases]
            self.standard_refused  # noqa: B018
            for graph in graphs:
                graph.result()

    @cached_property
    def data(self) -> RunData:
        """Images, features and the splits of the standard training; what the features took is among the facts."""
        collection, base = self.collection, self.base
        started = time.perf_counter()
        data = load_data(collection, base, self._study({}, name="images").config({}))
        seconds = time.perf_counter() - started
        if data.computed or "features" not in self.folder.facts():
            self.folder.write_facts(
                features={
                    "width": int(data.features.shape[1]),
                    "images": len(data.images),
                    "computed": data.computed,
                    "bytes": data.features.nbytes,
                    "seconds": round(seconds, 3),
                    "precision": data.precision,
                }
            )
        return data

    @cached_property
    def grid(self) -> Results:
        """Every learning rate with every momentum, on cached features."""
        vary = {"head": {"learning_rate": list(LEARNING_RATES), "momentum": list(MOMENTA)}}
        return self._trained("grid", self._study(vary, name="Learning rates and momenta"))

    @cached_property
    def wrong_scaling(self) -> Results:
        """Every learning rate without momentum, on the features of inputs scaled to 0…1."""
        vary = {"head": {"learning_rate": list(LEARNING_RATES)}}
        study = self._study(
            vary, name="Inputs scaled wrongly", head={"momentum": [0.0]}, backbone={"scaling": WRONG_SCALING}
        )
        return self._trained("scaling", study)

    @cached_property
    def first(self) -> Results | None:
        """The first setting, through Keras and on cached features; None where Keras cannot train."""
        head = {"learning_rate": [FIRST_RATE], "momentum": [FIRST_MOMENTUM]}
        return self._both_ways("first", {}, head, "The first training, both ways")

    @cached_property
    def momenta(self) -> Results | None:
        """The momenta above 0 at the best learning rate, both ways; None where Keras cannot train, or in a hurry."""
        if self.options["quick"]:
            return None
        rate = self.best_rate
        return self._both_ways(
            "momenta", {"momentum": list(MOMENTA[1:])}, {"learning_rate": [rate]}, "The momenta, both ways"
        )

    @cached_property
    def rates(self) -> tuple[Results, Conclusion]:
        """The learning rates without momentum."""
        results = self.grid.where(head__momentum=0.0)
        return results, conclude(results, seed=self.options["seed"])

    @property
    def best_rate(self) -> float:
        """The best learning rate without momentum; the first setting's where every one diverged."""
        results, conclusion = self.rates
        if conclusion.best is None:
            return FIRST_RATE
        return float(results.settings[conclusion.best].values["head.learning_rate"])

    def _trained(self, name: str, study: Study) -> Results:
        self.data  # noqa: B018  # computed here and not by the cells, so that its time is known
        cells = self.folder.declare(name, study)
        seconds = carry_out({name: cells})
        for stage, value in seconds.items():
            self.seconds[stage] = round(self.seconds.get(stage, 0.0) + value, 3)
        self.folder.write_facts(seconds=self.seconds)
        return self.folder.results(name)

    def _both_ways(self, name: str, vary: dict[str, Any], head: dict[str, Any], title: str) -> Results | None:
        if self.standard_refused is not None:
            return None
        study = self._study({"head": {**vary, "standard": [True, False]}}, name=title, head=head).model_copy(
            update={"seeds": 1, "folds": None}
        )
        if self.options["quick"]:
            fewest = min(Counter(image.label for image in self.collection.images).values())
            study = study.model_copy(update={"images": {**study.images, "per_class": min(_QUICK_PER_CLASS, fewest)}})
        head_section = {**study.head, "epochs": self.options["standard_epochs"]}
        study = study.model_copy(update={"head": head_section})
        self.data  # noqa: B018
        cells = self.folder.declare(name, study)
        with self.stage("standard"):
            carry_out({name: cells})
        return self.folder.results(name)

    def _study(self, vary: dict[str, Any], **parts: Any) -> Study:
        return self._declared(self.base.spelling, vary, **parts)

    def _declared(
        self,
        spelling: str,
        vary: dict[str, Any],
        *,
        name: str,
        head: dict[str, Any] | None = None,
        backbone: dict[str, Any] | None = None,
    ) -> Study:
        options = self.options
        source: dict[str, Any] = {"source": options["images"], "exact": True}
        if options.get("path"):
            source["path"] = options["path"]
        if options["images"] == "flowers":
            source["per_class"] = _PER_CLASS
        return make_study(
            {
                "name": name,
                "seed": options["seed"],
                "seeds": options["seeds"],
                "folds": options["folds"],
                "vary": vary,
                "images": source,
                "backbone": {"name": spelling, "precision": "f32", **(backbone or {})},
                "head": {"nesterov": [False], "epochs": options["epochs"], "scale_features": False, **(head or {})},
            }
        )


def _settings_text(options: dict[str, Any]) -> str:
    import tomli_w

    return tomli_w.dumps({"kind": "flowers", **{name: value for name, value in options.items() if value is not None}})
