"""The cats-and-dogs study's options, images, networks and frozen heads: what its tasks (`cats_and_dogs`) share."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

from regraft._keras_backend import choose_keras_backend
from regraft.backbones.base import Base, open_base
from regraft.backbones.catalogue import DEFAULT_BACKBONE
from regraft.backbones.names import parse_backbone
from regraft.backbones.weights import local_weights
from regraft.errors import InputError, RegraftError
from regraft.images.labelled import ImageCollection
from regraft.runs.config import TrainConfig
from regraft.runs.data import RunData, find_images
from regraft.runs.environment import describe_environment
from regraft.studies.cells import load_cell_data
from regraft.studies.declaration import Study, make_study
from regraft.studies.folder import StudyFolder, absolute_images, open_study_folder
from regraft.studies.grid import carry_out
from regraft.studies.results import Repetition, Results

KIND = "cats-and-dogs"
BACKBONES = ("VGG19", "EfficientNetB0", "MobileNetV2")
IN_THE_BOX = {"EfficientNetB0": DEFAULT_BACKBONE}
"""What takes the place of a network whose weights are not on the machine; others are left out."""
HIDDEN, DROPOUT, RATE = 128, 0.1, 0.001
LAST = (5, 10)
"""So many layers at the end of the network are trained with the head."""
QUICK_PER_CLASS = 40
"""Training images of each class for the training from scratch in a quick study."""

_QUICK_SIZE = 96
_NUMBERS = {  # of a whole study and of a quick one
    "seeds": (3, 3),
    "tuned_seeds": (3, 1),
    "epochs": (30, 15),
    "tuned_epochs": (10, 2),
    "scratch_epochs": (10, 2),
}


class CatsStudy:
    """One study: where its images and results are, and its frozen heads, trained when first asked for.

    Args:
        images: a folder of class folders, or a named set.
        output: the study folder, new or empty; None takes the next free name under `studies/`.
        resume: a study folder to go on with; all else is then read from it.
        path: a local copy of a named set.
        backbones: the networks; None for `BACKBONES`, those of them whose weights are on this machine.
        seed: of the test images; the repetitions take it and the numbers after it.
        seeds: how many repetitions of everything but the training from scratch.
        epochs: of the heads on cached features.
        scratch_epochs: of the training from scratch; 0 leaves it out.
        quick: one network alone is fine-tuned, for 2 epochs in one repetition, and trained from scratch, for 2 epochs
            at a small input size on `QUICK_PER_CLASS` images of each class.
    """

    def __init__(
        self,
        images: str | Path = KIND,
        output: Path | None = None,
        *,
        resume: Path | None = None,
        path: Path | None = None,
        backbones: Sequence[str] | None = None,
        seed: int = 0,
        seeds: int | None = None,
        epochs: int | None = None,
        scratch_epochs: int | None = None,
        quick: bool = False,
    ) -> None:
        self.started = time.perf_counter()
        missing: list[dict[str, Any]] = []
        if resume is not None:
            self.folder = StudyFolder(resume)
            self.options = {name: value for name, value in self.folder.settings().items() if name != "kind"}
        else:
            if backbones is None:
                backbones, missing = backbones_at_hand()
            usual = {name: numbers[quick] for name, numbers in _NUMBERS.items()}
            given = {"seeds": seeds, "tuned_seeds": seeds, "epochs": epochs, "scratch_epochs": scratch_epochs}
            if quick:
                given["tuned_seeds"] = None
            self.options = {
                "images": absolute_images(images),
                **({} if path is None else {"path": str(path.absolute())}),
                "backbones": list(backbones),
                "seed": seed,
                **usual,
                **{name: value for name, value in given.items() if value is not None},
                "quick": quick,
            }
        if self.options["scratch_epochs"] < 0:
            raise InputError(
                "The network cannot be trained from scratch for that number of epochs.",
                expected="a whole number of epochs, or 0 to leave it out",
                received=str(self.options["scratch_epochs"]),
            )
        # What cannot be used is refused before there is a folder: options, images and networks.
        self.frozen_study  # noqa: B018
        if resume is None:
            self.folder = open_study_folder(output, KIND)
            self.folder.write_settings(_settings_text(self.options))
            self.folder.write_facts(missing=missing)
        self.seconds: dict[str, float] = dict(self.folder.facts().get("seconds", {}))
        # Of the first start: a study that was resumed is repeated by the command that began it.
        environment = self.folder.facts().get("environment") or describe_environment()
        self.folder.write_facts(kind=KIND, environment=environment, complete=False, resumed=resume is not None)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Adds the seconds of the block to a stage of the study."""
        start = time.perf_counter()
        yield
        self.add_seconds({name: time.perf_counter() - start})

    def add_seconds(self, stages: dict[str, float]) -> None:
        """Adds to the seconds of some stages."""
        for name, value in stages.items():
            self.seconds[name] = round(self.seconds.get(name, 0.0) + value, 3)
        self.folder.write_facts(seconds=self.seconds)

    @cached_property
    def collection(self) -> ImageCollection:
        """The images."""
        return find_images(make_study({"images": self._images}).config({}))

    @cached_property
    def outputs(self) -> tuple[str, ...]:
        """The activations of the last layer that are compared; the first one is that of all further trainings.

        One sigmoid unit tells two classes apart; of more classes there is the softmax alone.
        """
        return ("sigmoid", "softmax") if len(self.collection.classes) == 2 else ("softmax",)

    @cached_property
    def bases(self) -> dict[str, Base]:
        """The base of each network by its name."""
        return {base.spelling: base for base in map(open_base, self.options["backbones"])}

    @property
    def tuned_backbones(self) -> tuple[str, ...]:
        """The networks that are fine-tuned and trained from scratch: all of them, or, in a quick study, one."""
        names = tuple(self.bases)
        if not self.options["quick"]:
            return names
        return next(((name,) for name in names if name.startswith("MobileNetV2")), names[-1:])

    @property
    def repetitions(self) -> tuple[Repetition, ...]:
        """Those in which layers of the network are trained: the first ones of the frozen heads'."""
        first = self.options["seed"]
        return tuple(Repetition(seed) for seed in range(first, first + self.options["tuned_seeds"]))

    @cached_property
    def refused(self) -> str | None:
        """Why nothing can be trained through Keras; None where it can."""
        try:
            choose_keras_backend(training=True)
        except RegraftError as error:
            return str(error)
        return None

    @cached_property
    def frozen_study(self) -> Study:
        """Every network with every kind of output, all layers of the network frozen."""
        vary = {"backbone": {"name": list(self.bases)}, "head": {"activation": list(self.outputs)}}
        return self._declared("All layers frozen", vary)

    @cached_property
    def frozen(self) -> Results:
        """The heads on cached features: every network with every kind of output, in every repetition."""
        cells = self.folder.declare("frozen", self.frozen_study)
        self.add_seconds(carry_out({"frozen": cells}))
        return self.folder.results("frozen")

    def config(self, backbone: str, repetition: Repetition | None = None, output: str | None = None) -> TrainConfig:
        """The config of a network with its frozen head; without a repetition that of a whole run."""
        values = {"backbone.name": backbone, "head.activation": output or self.outputs[0]}
        return self.frozen_study.config(values, repetition)

    def data(self, backbone: str, repetition: Repetition) -> RunData:
        """Images, features and splits of a network in a repetition."""
        config = self.config(backbone, repetition)
        if backbone not in self._data:
            self._data[backbone] = load_cell_data(config)
        return self._data[backbone].split_anew(config)

    @cached_property
    def _data(self) -> dict[str, RunData]:
        return {}

    def scratch_base(self, backbone: str) -> Base | None:
        """The network that is trained from scratch: at a small input size in a quick study; None for a saved model."""
        base = self.bases[backbone]
        if base.network is None or not self.options["quick"] or base.network.size <= _QUICK_SIZE:
            return base if base.network else None
        return open_base(str(replace(base.network, size=_QUICK_SIZE)))

    @property
    def _images(self) -> dict[str, Any]:
        given = {"path": self.options["path"]} if "path" in self.options else {}
        return {"source": self.options["images"], "exact": True, **given}

    def _declared(self, name: str, vary: dict[str, Any]) -> Study:
        head = {"hidden": [HIDDEN], "dropout": [DROPOUT], "optimizer": ["adam"], "learning_rate": [RATE]}
        return make_study(
            {
                "name": name,
                "seed": self.options["seed"],
                "seeds": self.options["seeds"],
                "vary": vary,
                "images": self._images,
                "backbone": {"precision": "f32"},
                "head": {**head, "epochs": self.options["epochs"]},
            }
        )


def backbones_at_hand() -> tuple[list[str], list[dict[str, Any]]]:
    """The study's networks whose weights are on this machine, and what became of the others.

    Returns:
        The networks, and for each one that is lacking its name (`wanted`) and what takes its place (`instead`, or
        None).
    """
    names, missing = [], []
    for wanted in BACKBONES:
        if local_weights(parse_backbone(wanted)) is not None:
            names.append(wanted)
            continue
        instead = IN_THE_BOX.get(wanted)
        missing.append({"wanted": wanted, "instead": instead})
        if instead is not None:
            names.append(instead)
    return names, missing


def _settings_text(options: dict[str, Any]) -> str:
    import tomli_w

    return tomli_w.dumps({"kind": KIND, **options})
