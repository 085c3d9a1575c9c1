"""Everything that the report of the MobileNet study looks at, gathered from the study folder."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from regraft.backbones.names import parse_backbone
from regraft.errors import InputError
from regraft.runs.comparing import compare_runs
from regraft.runs.comparison import ComparedPair
from regraft.studies.folder import StudyFolder
from regraft.studies.mobilenet_runs import STAGES, Stage, Step, dogs_run, is_done, read_steps, stage_run

STAGE_NAMES: dict[Stage, str] = {
    "untrained": "untrained",
    "scratch": "trained from scratch",
    "new-head": "pretrained, new head",
    "fine-tuned": "pretrained, fine-tuned",
}


@dataclass(frozen=True, eq=False)
class Measured:
    """A stage with what it reached.

    Attributes:
        stage: which.
        metrics: of its run; how it was trained is under `trained`.
        history: the rows of its epochs.
    """

    stage: Stage
    metrics: dict[str, Any]
    history: tuple[dict[str, Any], ...]

    @property
    def name(self) -> str:
        """For people."""
        return STAGE_NAMES[self.stage]

    @property
    def seconds(self) -> float:
        """What is computed once, and the training."""
        trained = self.metrics["trained"]
        return float(trained["seconds"] + trained["computing_seconds"])


@dataclass(frozen=True, eq=False)
class MobileNetFound:
    """The results of a finished study.

    Attributes:
        facts, settings: `study.json` and `study.toml`.
        stages: those that were measured on test, in order.
        pairs: each later stage against each earlier one on the same test images, with the two stages.
        steps: the four steps of fine-tuning.
        dogs: the metrics of dogs against flowers; None where it was left out.
    """

    facts: dict[str, Any]
    settings: dict[str, Any]
    stages: tuple[Measured, ...]
    pairs: tuple[tuple[Stage, Stage, ComparedPair], ...]
    steps: tuple[Step, ...]
    dogs: dict[str, Any] | None

    @property
    def network(self) -> str:
        """As it is spelled."""
        return str(self.facts["backbone"]["name"])

    @property
    def pixels(self) -> str:
        """`160 × 160 pixels`."""
        height, width = self.facts["backbone"]["size"]
        return f"{height} × {width} pixels"

    @property
    def usual_size(self) -> int | None:
        """Height of the images it was pretrained with; None of a saved model, of which that is not known."""
        try:
            return parse_backbone(self.network).card.size
        except InputError:
            return None

    @property
    def classes(self) -> list[str]:
        """The names of the classes."""
        return list(self.facts["collection"]["classes"])

    @property
    def chance(self) -> float:
        """The accuracy of guessing: one in so many classes."""
        return 1 / len(self.classes)

    @property
    def quick(self) -> bool:
        """Whether the trainings were cut short."""
        return bool(self.settings.get("quick"))

    @property
    def images(self) -> dict[str, int]:
        """How many images each split has."""
        return dict(self.stages[0].metrics["images"])

    def stage(self, name: Stage) -> Measured | None:
        """A stage; None where it was left out."""
        return next((one for one in self.stages if one.stage == name), None)

    def pair(self, earlier: Stage, later: Stage) -> ComparedPair | None:
        """The later stage against the earlier one; None where one of them was left out."""
        return next((pair for first, second, pair in self.pairs if (first, second) == (earlier, later)), None)


def gather_mobilenet(folder: StudyFolder) -> MobileNetFound:
    """Reads the results of a finished MobileNet study.

    Raises:
        InputError: a run or the file of the steps is missing or damaged.
    """
    there = [stage for stage in STAGES if stage != "scratch" or is_done(stage_run(folder, stage))]
    runs = [stage_run(folder, stage) for stage in there]
    stages = [Measured(s, run.metrics(), tuple(run.history())) for s, run in zip(there, runs, strict=True)]
    pairs = compare_runs(runs, all_pairs=True).pairs
    dogs = dogs_run(folder)
    return MobileNetFound(
        facts=folder.facts(),
        settings=folder.settings(),
        stages=tuple(stages),
        pairs=tuple((there[pair.first - 1], there[pair.second - 1], pair) for pair in pairs),
        steps=tuple(read_steps(folder)),
        dogs=dogs.metrics() if is_done(dogs) else None,
    )
