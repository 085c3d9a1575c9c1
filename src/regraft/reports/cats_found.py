"""Everything that the report of the cats-and-dogs study looks at, gathered from the study folder."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from regraft.evaluation.intervals import wilson_interval
from regraft.runs.folder import RunFolder
from regraft.studies.cats_results import (
    TRAINED,
    FromScratch,
    all_settings,
    by_network_and_output,
    by_output,
    first_repetitions,
    from_scratch,
    tuned_results,
    tuned_run,
)
from regraft.studies.conclusions import Conclusion, Verdict, conclude
from regraft.studies.folder import StudyFolder
from regraft.studies.results import Results

Metrics = Mapping[str, Any]


@dataclass(frozen=True, eq=False)
class Trained:
    """The last layers of a network, or its head alone (`last` 0), trained in the first repetition, and what it took.

    Attributes:
        backbone: as the study calls it.
        last: how many layers at the end were trained with the head.
        about: what the run's metrics have under `trained`: parameters, epochs, seconds.
        history: the rows of its run.
        images: how many it was trained on.
    """

    backbone: str
    last: int
    about: dict[str, Any]
    history: tuple[dict[str, Any], ...]
    images: int


@dataclass(frozen=True, eq=False)
class CatsFound:
    """The results of a finished study.

    Attributes:
        facts, settings: `study.json` and `study.toml`.
        frozen: the heads with all layers frozen, named by network and output.
        tuned: all layers frozen, and the last ones trained; None where nothing was trained through Keras.
        everything, whole: all settings in the same repetitions, and the conclusion over them.
        trained: what single trainings took, those of the heads first.
        scratch: the trainings from scratch.
        test: of the recommended run; None where there is none.
    """

    facts: dict[str, Any]
    settings: dict[str, Any]
    frozen: Results
    tuned: Results | None
    everything: Results
    whole: Conclusion
    trained: tuple[Trained, ...]
    scratch: tuple[FromScratch, ...]
    test: dict[str, Any] | None

    @property
    def classes(self) -> list[str]:
        """The names of the classes."""
        return list(self.facts["collection"]["classes"])

    @property
    def outputs(self) -> list[str]:
        """The activations that were compared; the first is that of all other trainings."""
        return list(self.facts["outputs"])

    @property
    def networks(self) -> list[str]:
        """Their names, in order."""
        return [backbone["name"] for backbone in self.facts["backbones"]]

    @property
    def quick(self) -> bool:
        """Whether the trainings through Keras were cut short."""
        return bool(self.settings.get("quick"))

    @property
    def refused(self) -> str | None:
        """Why nothing was trained through Keras; None where it was."""
        return self.facts.get("refused")

    @property
    def same_validation(self) -> bool:
        """Whether the collection names its validation images, so that all repetitions have the same ones."""
        return "validation" in self.facts["collection"]["splits"]

    @cached_property
    def of_outputs(self) -> dict[str, Conclusion]:
        """For each network, one unit against two; nothing where there is one kind of output."""
        if len(self.outputs) < 2:
            return {}
        return {name: conclude(by_output(self.frozen, name), seed=self.settings["seed"]) for name in self.networks}

    @cached_property
    def of_frozen(self) -> Conclusion:
        """Over all frozen heads."""
        return conclude(self.frozen, seed=self.settings["seed"])

    @cached_property
    def of_tuned(self) -> dict[str, Conclusion]:
        """For each network that was fine-tuned, all layers frozen against the last ones trained."""
        if self.tuned is None:
            return {}
        names = dict.fromkeys(str(setting.values["backbone.name"]) for setting in self.tuned.settings)
        return {name: conclude(self._tuned_of(name), seed=self.settings["seed"]) for name in names}

    @cached_property
    def tuned_whole(self) -> Conclusion | None:
        """Over all of them."""
        return None if self.tuned is None else conclude(self.tuned, seed=self.settings["seed"])

    def _tuned_of(self, name: str) -> Results:
        assert self.tuned is not None
        return self.tuned.select([i for i, s in enumerate(self.tuned.settings) if s.values["backbone.name"] == name])

    def interval(self, verdict: Verdict) -> tuple[float, float]:
        """The interval of a setting's mean accuracy.

        Over the repetitions; where these share their validation images, or there is one alone, that of so many images
        answered rightly (Wilson), for the spread over equal images tells nothing of other ones.
        """
        if not math.isfinite(verdict.mean) or not (self.same_validation or verdict.repetitions == 1):
            return verdict.low, verdict.high
        images = int(self.frozen.images[0])
        return wilson_interval(round(verdict.mean * images), images)

    def precisions(self, results: Results, row: int) -> tuple[float, list[float]]:
        """The precision of a setting on validation, mean over the repetitions: of the classes together, and of each."""
        measured = [RunFolder(path).metrics() for path in results.runs[row]]
        found = [metrics["validation"] for metrics in measured if not metrics.get("diverged")]
        if not found:
            return math.nan, [math.nan] * len(self.classes)
        each = np.mean([[c["precision"] for c in one["per_class"]] for one in found], axis=0)
        return float(np.mean([one["macro"]["precision"] for one in found])), [float(value) for value in each]

    def took(self, backbone: str, last: int) -> Trained | None:
        """What a training took."""
        return next((one for one in self.trained if (one.backbone, one.last) == (backbone, last)), None)


def gather_cats(folder: StudyFolder) -> CatsFound:
    """Reads the results of a finished cats-and-dogs study."""
    facts, settings = folder.facts(), folder.settings()
    frozen = folder.results("frozen")
    tuned, wanted = None, facts.get("tuned")
    trained = [_trained(folder, backbone["name"], 0, settings["seed"]) for backbone in facts["backbones"]]
    in_common = frozen
    if wanted:
        in_common = first_repetitions(frozen, wanted["seeds"])
        tuned = tuned_results(folder, in_common, wanted["backbones"], wanted["last"])
        work = [(name, last) for name in wanted["backbones"] for last in wanted["last"]]
        trained += [_trained(folder, name, last, settings["seed"]) for name, last in work]
    everything = all_settings(by_network_and_output(in_common), tuned)
    run = folder.recommended
    return CatsFound(
        facts=facts,
        settings=settings,
        frozen=by_network_and_output(frozen),
        tuned=tuned,
        everything=everything,
        whole=conclude(everything, seed=settings["seed"]),
        trained=tuple(trained),
        scratch=tuple(from_scratch(folder, name) for name in facts.get("scratch", ())),
        test=run.metrics()["test"] if (run.path / "metrics.json").is_file() else None,
    )


def _trained(folder: StudyFolder, backbone: str, last: int, seed: int) -> Trained:
    run = tuned_run(folder, backbone, last, seed)
    metrics = run.metrics()
    return Trained(backbone, last, metrics["trained"], tuple(run.history()), metrics["images"]["train"])


def is_frozen(results: Results, row: int) -> bool:
    """Whether all layers of the network are frozen in a setting."""
    return not results.settings[row].values.get(TRAINED)
