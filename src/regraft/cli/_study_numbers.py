"""The numbers of a finished study that recommends no setting, as the command line shows them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from regraft.cli._output import percent

if TYPE_CHECKING:
    from regraft.studies.digits_study import DigitRun
    from regraft.studies.folder import StudyFolder
    from regraft.studies.proportions_results import ProportionResults


def digit_accuracies(folder: StudyFolder) -> list[dict[str, Any]]:
    """Of every setting of a digits study: way, dropout, proportion, images, and the mean test accuracy of its runs."""
    from regraft.studies.digits_study import read_runs

    found: dict[tuple[str, bool, float], list[DigitRun]] = {}
    for run in read_runs(folder):
        found.setdefault((run.way, run.dropout, run.proportion), []).append(run)
    return [
        {
            "way": way,
            "dropout": dropout,
            "proportion": proportion,
            "images": runs[0].images,
            "accuracy": sum(run.accuracies[-1] for run in runs) / len(runs),
            "runs": [run.accuracies[-1] for run in runs],
        }
        for (way, dropout, proportion), runs in found.items()
    ]


def digit_lines(folder: StudyFolder) -> list[str]:
    """A table of them: a line for each way, a column for each number of images of the target task."""
    found = digit_accuracies(folder)
    runs = len(found[0]["runs"])
    sources = [row for row in found if row["way"] == "source"]
    counts = sorted({row["images"] for row in found if row["way"] != "source"})
    lines = [
        f"Test accuracy, mean of {runs} run{'' if runs == 1 else 's'} (monitoring: nothing was chosen by it)",
        *(f"Source task{_with(row)}: {percent(row['accuracy'])} of {row['images']:,} images" for row in sources),
        "",
        _row("Target task, images", [f"{count:,}" for count in counts]),
    ]
    settings = dict.fromkeys((row["way"], row["dropout"]) for row in found if row["way"] != "source")
    for way, dropout in sorted(settings, key=lambda setting: (setting[1], list(_WAYS).index(setting[0]))):
        rows = {row["images"]: row for row in found if (row["way"], row["dropout"]) == (way, dropout)}
        lines.append(_row(_WAYS[way] + _with(rows[counts[0]]), [percent(rows[count]["accuracy"]) for count in counts]))
    return lines


def proportion_accuracies(folder: StudyFolder) -> list[dict[str, Any]]:
    """Of every number of images: the mean test accuracy of each way of training, with its 95 % interval."""
    from regraft.studies.proportions_results import gather_results

    return _rows_of(gather_results(folder))


def _rows_of(found: ProportionResults) -> list[dict[str, Any]]:
    curves = {"transfer": found.transfer} | ({} if found.scratch is None else {"scratch": found.scratch})
    return [
        {"way": way, "images": images, "accuracy": mean.mean, "accuracy_interval": [mean.low, mean.high]}
        for way, curve in curves.items()
        for images, mean in zip(curve.images, curve.means, strict=True)
    ] + [
        {
            "way": "transfer, expected",
            "images": round(expected.images),
            "accuracy": expected.accuracy,
            "accuracy_interval": [expected.low, expected.high],
        }
        for expected in found.ahead.predictions
    ]


def proportion_lines(folder: StudyFolder) -> list[str]:
    """A table of them, and what is to be expected of more images."""
    from regraft.reports.proportions_words import more_images
    from regraft.studies.proportions_results import gather_results

    found = gather_results(folder)
    rows = _rows_of(found)
    lines = [_row("Training images", ["accuracy", "95 % interval"], 17)]
    for row in rows:
        low, high = map(percent, row["accuracy_interval"])
        way = {"transfer": "", "scratch": ", from scratch"}.get(row["way"], ", expected")
        lines.append(_row(f"{row['images']:,}{way}", [percent(row["accuracy"]), f"{low} to {high}"], 17))
    return [*lines, "", more_images(found)]


def mobilenet_accuracies(folder: StudyFolder) -> list[dict[str, Any]]:
    """Of every stage of a MobileNet study: the test accuracy with its 95 % interval, and the seconds it took."""
    from regraft.reports.mobilenet_found import gather_mobilenet

    found = gather_mobilenet(folder)
    stages = [(str(one.stage), one.metrics["test"], one.seconds) for one in found.stages]
    if found.dogs is not None:
        stages.append(("dogs against flowers", found.dogs["test"], found.dogs["seconds"]["training"]))
    return [
        {
            "stage": stage,
            "images": test["images"],
            "accuracy": test["accuracy"],
            "accuracy_interval": test["accuracy_interval"],
            "seconds": round(seconds, 3),
        }
        for stage, test, seconds in stages
    ]


def mobilenet_lines(folder: StudyFolder) -> list[str]:
    """A table of them, and whether fine-tuning came to overfit."""
    from regraft.reports.mobilenet_found import STAGE_NAMES, gather_mobilenet
    from regraft.reports.mobilenet_words import overfitting_words

    names = {str(stage): name for stage, name in STAGE_NAMES.items()}
    lines = [_row("Test", ["accuracy", "95 % interval", "seconds"], 17)]
    for row in mobilenet_accuracies(folder):
        low, high = map(percent, row["accuracy_interval"])
        cells = [percent(row["accuracy"]), f"{low} to {high}", f"{row['seconds']:.1f}"]
        lines.append(_row(names.get(row["stage"], row["stage"]), cells, 17))
    return [*lines, "", overfitting_words(gather_mobilenet(folder))]


_WAYS = {"scratch": "from scratch", "fixed": "convolutions fixed", "throughout": "trained throughout"}


def _with(row: dict[str, Any]) -> str:
    return ", dropout" if row["dropout"] else ""


def _row(name: str, cells: list[str], width: int = 10) -> str:
    return f"{name:<28}" + "".join(f"{cell:>{width}}" for cell in cells)


LINES = {"digits": digit_lines, "proportions": proportion_lines, "mobilenet": mobilenet_lines}
ACCURACIES = {"digits": digit_accuracies, "proportions": proportion_accuracies, "mobilenet": mobilenet_accuracies}
"""By the kind of the study."""
