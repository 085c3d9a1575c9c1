"""The same jobs from Python: each function does what the command of its name does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from regraft._keras_backend import prefer_training_backend
from regraft.errors import InputError
from regraft.runs.config import TrainConfig, make_config, read_config
from regraft.runs.finetune_config import with_finetune
from regraft.runs.folder import RunFolder

if TYPE_CHECKING:
    from regraft.runs.comparing import Comparison
    from regraft.training.rate_range import RateRange


def train(
    images: str | Path,
    *,
    output: str | Path | None = None,
    backbone: str | Sequence[str] | None = None,
    weights: str | Path | None = None,
    seed: int = 0,
    control: bool = False,
    settings: dict[str, dict[str, Any]] | None = None,
) -> RunFolder:
    """Trains and measures a classifier and writes its run folder, report included.

    Args:
        images: a folder of class folders, a manifest, or a named set.
        output: the run folder; the next free name under `runs/` where None.
        backbone: `EfficientNetLite0` where None; `MobileNetV2-0.35@320`, a `.keras` file, a run folder …; several at
            once in a list, or with a plus between them; `auto` chooses them by cross-validation.
        weights: a weight file of the user's own.
        seed: of split, batches and initial weights.
        control: trains the same network from random weights as well, on the same images, to say whether transfer
            helps: `.metrics()["control"]`, with the `verdict` in words and its `kind`, `helps`, `no difference` or
            `hurts`. The section `control` of `settings` says how (`{"control": {"epochs": 10}}`) and is enough alone.
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
    if control:
        values.setdefault("control", {})
    prefer_training_backend()
    return run_config(make_config(values), Path(output) if output is not None else None)


def run_config(
    config: TrainConfig,
    output: Path | None = None,
    *,
    resume: Path | None = None,
    like: RunFolder | None = None,
    on_measured: Callable[[RunFolder, dict[str, Any]], object] | None = None,
    tell: Callable[[str], object] | None = None,
) -> RunFolder:
    """Trains from a whole config and writes the report: `regraft train`."""
    from regraft.reports.page import write_report
    from regraft.runs.pipeline import train as run_pipeline

    return run_pipeline(
        config, output, resume=resume, like=like, on_measured=on_measured, report=write_report, tell=tell
    )


def finetune(
    run: str | Path,
    *,
    output: str | Path | None = None,
    settings: dict[str, dict[str, Any]] | None = None,
) -> RunFolder:
    """Fine-tunes a finished run into a new one: the same images and splits, and the last blocks trained as well.

    The heads are trained again, to the same weights unless `views` are given, which they then see too.

    Args:
        run: the run folder; it is left as it is.
        output: the new run folder; `RUN-finetuned`, or the next free name after it, where None.
        settings: the sections `finetune` and `augmentation` of `config.toml`:
            `{"finetune": {"blocks": 3, "learning_rate": 1e-4}, "augmentation": {"views": 4}}`.

    Raises:
        InputError: says what was expected, what was received and what to do.
    """
    return finetune_run(run, Path(output) if output is not None else None, settings or {})


def finetune_run(
    run: str | Path,
    output: Path | None,
    settings: dict[str, dict[str, Any]],
    *,
    on_measured: Callable[[RunFolder, dict[str, Any]], object] | None = None,
    tell: Callable[[str], object] | None = None,
) -> RunFolder:
    """`finetune` with what the command line adds: told of the numbers as soon as they are there, and of sizes."""
    source = RunFolder(run)
    config = _finetuned_config(source, settings)
    return run_config(config, output, like=source, on_measured=on_measured, tell=tell)


def find_learning_rate(
    run: str | Path,
    figure: str | Path | None = None,
    settings: dict[str, Any] | None = None,
    *,
    lowest: float = 1e-6,
    highest: float = 1.0,
    steps: int = 100,
    tell: Callable[[str], object] | None = None,
) -> RateRange:
    """Tests which learning rates suit the fine-tuning of a run; the run is left as it is.

    Args:
        run: a finished run folder.
        figure: a file to draw the losses into: .svg, .png or .pdf.
        settings: the section `finetune` of `config.toml`.
        lowest, highest, steps: of the rates that are tried.
        tell: told how much room the activations take.

    Returns:
        `.rates`, `.losses`, `.smoothed` and `.suggested`.
    """
    from regraft.reports.rate_range_figure import check_suffix, write_rate_range
    from regraft.runs.rate_finding import find_rate

    if figure is not None:
        check_suffix(Path(figure))
    source = RunFolder(run)
    config = _finetuned_config(source, {"finetune": settings or {}})
    found = find_rate(source, config, lowest=lowest, highest=highest, steps=steps, tell=tell)
    if figure is not None:
        write_rate_range(found, Path(figure))
    return found


def _finetuned_config(run: RunFolder, settings: dict[str, dict[str, Any]]) -> TrainConfig:
    """The config of a run, with fine-tuning."""
    if unknown := [name for name in settings if name not in ("finetune", "augmentation")]:
        raise InputError(
            "A run is fine-tuned with its own settings of all else.",
            expected="the sections finetune and augmentation",
            received=", ".join(unknown),
            hint="for other settings: regraft train --finetune",
        )
    run.metrics()  # says what is wrong where it is no finished run
    values = read_config(run.path / "config.toml")
    values.pop("control", None)  # that of a run says nothing of another one
    values["finetune"] = with_finetune(values.get("finetune", {}), settings.get("finetune", {}))
    values["augmentation"] = {**values.get("augmentation", {}), **settings.get("augmentation", {})}
    return make_config(values)


def predict(run: str | Path, images: str | Path | Sequence[str | Path]) -> list[dict[str, Any]]:
    """Answers for image files: for each readable one `image`, `label`, `probability` and `probabilities`.

    Args:
        run: a run folder.
        images: files, folders (with all folders in them) and patterns (`photos/**/*.jpg`), one or several.

    Raises:
        InputError: the run is not finished, or none of the files can be read.
    """
    from regraft.images.listing import list_images
    from regraft.runs.bulk import none_readable, open_predictor, predict_files
    from regraft.runs.prediction import answer

    listed = list_images([images] if isinstance(images, str | Path) else images)
    predictor = open_predictor(Path(run), len(listed.files))
    answers: list[dict[str, Any]] = []
    skipped = []
    for names, probabilities, unreadable in predict_files(predictor, listed.files):
        skipped += unreadable
        answers += [vars(answer(name, predictor.classes, row)) for name, row in zip(names, probabilities, strict=True)]
    if not answers:
        raise none_readable([*skipped, *listed.skipped])
    return answers


def evaluate(run: str | Path, images: str | Path) -> dict[str, Any]:
    """Measures a run on labelled images it was not trained on: accuracy with interval, per-class numbers, confusion."""
    from regraft.images.opening import open_images
    from regraft.runs.prediction import Predictor

    return Predictor(Path(run)).evaluate(open_images(images, minimum_classes=1))


def compare(runs: Sequence[str | Path], *, split: str = "test", all_pairs: bool = False) -> Comparison:
    """Compares runs: differences of accuracy with intervals, paired where the images are the same.

    Args:
        runs: at least two run folders, each compared with the first.
        split: `test`, or `validation`, the only one that the cells of a study measure.
        all_pairs: every run against every other.

    Raises:
        InputError: they cannot be compared.
    """
    from regraft.runs.comparing import compare_runs

    return compare_runs(runs, split=split, all_pairs=all_pairs)
