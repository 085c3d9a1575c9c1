"""The same jobs from Python: each function does what the command of its name does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from regraft.runs.config import TrainConfig, make_config
from regraft.runs.folder import RunFolder


def train(
    images: str | Path,
    *,
    output: str | Path | None = None,
    backbone: str | None = None,
    weights: str | Path | None = None,
    seed: int = 0,
    settings: dict[str, dict[str, Any]] | None = None,
) -> RunFolder:
    """Trains and measures a classifier and writes its run folder, report included.

    Args:
        images: a folder of class folders, a manifest, or a named set.
        output: the run folder; the next free name under `runs/` where None.
        backbone: `EfficientNetLite0` where None; `MobileNetV2-0.35@320`, a `.keras` file, a run folder …
        weights: a weight file of the user's own.
        seed: of split, batches and initial weights.
        settings: further settings, in the sections and by the names of `config.toml`:
            `{"images": {"exact": True}, "head": {"epochs": 50}}`.

    Returns:
        The run folder: `.metrics()`, `.classes()`, `.table("predictions")`, `.model` …

    Raises:
        InputError: says what was expected, what was received and what to do.
    """
    values: dict[str, Any] = {name: dict(section) for name, section in (settings or {}).items()}
    values["seed"] = seed
    values.setdefault("images", {})["source"] = str(images)
    for key, value in (("name", backbone), ("weights", weights)):
        if value is not None:
            values.setdefault("backbone", {})[key] = value
    return run_config(make_config(values), Path(output) if output is not None else None)


def run_config(
    config: TrainConfig,
    output: Path | None = None,
    *,
    resume: Path | None = None,
    on_measured: Callable[[RunFolder, dict[str, Any]], object] | None = None,
) -> RunFolder:
    """Trains from a whole config and writes the report: `regraft train`."""
    from regraft.reports.page import write_report
    from regraft.runs.pipeline import train as run_pipeline

    return run_pipeline(config, output, resume=resume, on_measured=on_measured, report=write_report)


def predict(run: str | Path, images: Sequence[str | Path]) -> list[dict[str, Any]]:
    """Answers for image files: for each readable one `image`, `label`, `probability` and `probabilities`.

    Raises:
        InputError: the run is not finished, or none of the files can be read.
    """
    from regraft.runs.prediction import Predictor

    answers, _ = Predictor(Path(run)).predict(images)
    return [vars(answer) for answer in answers]


def evaluate(run: str | Path, images: str | Path) -> dict[str, Any]:
    """Measures a run on labelled images it was not trained on: accuracy with interval, per-class numbers, confusion."""
    from regraft.images.opening import open_images
    from regraft.runs.prediction import Predictor

    return Predictor(Path(run)).evaluate(open_images(images, minimum_classes=1))
