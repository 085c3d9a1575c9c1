"""The tables of the digits study."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from regraft.reports._words import THIN, count, duration
from regraft.reports.digits_found import CONFIDENCE, TRANSFERS, Difference, DigitsFound, Setting, Times
from regraft.reports.digits_words import NAMES, accuracy, proportion_text, signed, with_dropout
from regraft.reports.document import Table
from regraft.reports.flower_words import brief
from regraft.studies.digit_networks import DROPOUT, FILTERS, KERNEL, POOL, UNITS
from regraft.studies.digits_study import WAYS, Way

ALIKE = 1.1
"""Times whose ratio is below this are called alike."""

_BOTH = (False, True)
_INTERVAL = f"{100 * CONFIDENCE:g}{THIN}%"
_MARKED = "*"


def task_table(found: DigitsFound) -> Table:
    """The two tasks and their images."""
    rows = []
    for name in ("source", "target"):
        task = found.facts["collection"][name]
        classes = task["classes"]
        rows.append((name, f"{classes[0]} to {classes[-1]}", f"{task['train']:,}", f"{task['test']:,}"))
    return Table(
        "tasks",
        "The two tasks and their images.",
        ("Task", "Digits", "Images to train on", "Test images"),
        tuple(rows),
        align="llrr",
    )


def layers(size: tuple[int, int], outputs: int) -> list[tuple[str, str, int]]:
    """The network, layer by layer: what it is, the shape of what it gives, and how many parameters it has.

    Args:
        size: height and width of the images.
        outputs: classes.
    """
    maps = [(size[0] - step * (KERNEL - 1), size[1] - step * (KERNEL - 1)) for step in (1, 2)]
    high, wide = (side // POOL for side in maps[1])
    convolution = f"convolution, {FILTERS} filters {KERNEL} × {KERNEL}, ReLU"
    sizes = high * wide * FILTERS, UNITS, outputs
    dense = [(inputs + 1) * units for inputs, units in pairwise(sizes)]
    return [
        *(
            (convolution, f"{rows} × {columns} × {FILTERS}", (KERNEL**2 * channels + 1) * FILTERS)
            for (rows, columns), channels in zip(maps, (1, FILTERS), strict=True)
        ),
        (f"max pooling {POOL} × {POOL}", f"{high} × {wide} × {FILTERS}", 0),
        (f"fully connected, {UNITS} units, ReLU", f"{UNITS}", dense[0]),
        ("fully connected, softmax", f"{outputs}", dense[1]),
    ]


def network_table(found: DigitsFound) -> Table:
    """The network of the target task with its parameters."""
    collection = found.facts["collection"]
    size, outputs = tuple(collection["size"]), len(collection["target"]["classes"])
    drawn = layers((size[0], size[1]), outputs)
    other = len(collection["source"]["classes"])
    last = layers((size[0], size[1]), other)[-1][2]
    rows = [("image", f"{size[0]} × {size[1]} × 1", "0")]
    rows += [(name, shape, f"{parameters:,}") for name, shape, parameters in drawn]
    rows.append(("all", "", f"{sum(parameters for *_, parameters in drawn):,}"))
    return Table(
        "network",
        "The network of the target task.",
        ("Layer", "Gives", "Parameters"),
        tuple(rows),
        align="lrr",
        strong=(len(rows) - 1,),
        note=f"The source network has {other} outputs, and so {last:,} parameters in its last layer.",
    )


def effort_table(found: DigitsFound) -> Table:
    """How many images each training has, and how many it is given."""
    plan, size = found.plan, int(found.plan["batch_size"])
    source = found.of(Setting("source", False, 1.0))[0]
    rows = []
    for name, images, measurements in (
        ("source network", source.images, len(source.accuracies)),
        *((proportion_text(p), found.images(p), found.measurements(p)) for p in found.proportions),
    ):
        processed = measurements * int(plan["every"])
        rows.append((name, f"{images:,}", f"{processed:,}", f"{processed // size:,}", f"{processed / images:,.1f}"))
    return Table(
        "effort",
        "The effort of every training, the same for all ways.",
        ("Training", "Images", "Images processed", "Updates", "Times through the images"),
        tuple(rows),
        align="lrrrr",
    )


def accuracy_table(found: DigitsFound) -> Table:
    """The final accuracies: mean, lowest and highest run."""
    rows = [
        (_images(found, p), _dropout(dropout), *(_cell(found, Setting(way, dropout, p)) for way in WAYS))
        for dropout in _BOTH
        for p in found.proportions
    ]
    runs = len(found.repeats)
    what = f"mean of {runs} runs, with the lowest and the highest in brackets" if runs > 1 else "one run each"
    return Table(
        "accuracies",
        f"Accuracy in percent on the {count(found.tested, 'test image')} of the target task, after the last image: "
        f"{what}.",
        ("Images", "Dropout", *(NAMES[way] for way in WAYS)),
        tuple(rows),
        align="lrrrr",
    )


def source_table(found: DigitsFound) -> Table:
    """The final accuracies of the source networks."""
    task = found.facts["collection"]["source"]
    rows = []
    for dropout in _BOTH:
        values = found.accuracies(Setting("source", dropout, 1.0))
        mean, low, high = (accuracy(float(v), found.decimals) for v in (values.mean(), values.min(), values.max()))
        rows.append((with_dropout(dropout), mean, low, high) if found.repeated else (with_dropout(dropout), mean))
    columns = ("Source network", "Mean", "Lowest run", "Highest run") if found.repeated else ("Source network", "Run")
    return Table(
        "sources",
        f"Accuracy of the source networks on the {count(task['test'], 'test image')} of their own task.",
        columns,
        tuple(rows),
        align="l" + "r" * (len(columns) - 1),
    )


def gain_table(found: DigitsFound) -> Table:
    """What transfer gains over training from scratch, and one way of it over the other."""
    rows = [
        (
            _images(found, proportion),
            _dropout(dropout),
            *(_difference(found, found.gain(way, dropout, proportion)) for way in TRANSFERS),
            _difference(found, found.between(dropout, proportion)),
        )
        for dropout in _BOTH
        for proportion in found.proportions
    ]
    return Table(
        "gains",
        f"Differences of accuracy in percentage points{_over(found)}.",
        ("Images", "Dropout", "fixed − scratch", "throughout − scratch", "throughout − fixed"),
        tuple(rows),
        align="lrrrr",
        note=_note(rows),
    )


def dropout_table(found: DigitsFound) -> Table:
    """What dropout changes."""
    rows = [
        (_images(found, proportion), *(_difference(found, found.change(way, proportion)) for way in WAYS))
        for proportion in found.proportions
    ]
    return Table(
        "dropout",
        f"Accuracy with dropout minus accuracy without, in percentage points{_over(found)}.",
        ("Images", *(NAMES[way] for way in WAYS)),
        tuple(rows),
        align="lrrr",
        note=_note(rows),
    )


def time_table(found: DigitsFound) -> Table:
    """What the trainings took."""
    ways: tuple[Way, ...] = ("source", *WAYS)
    scratch = found.times("scratch")
    rows = [_time_row(NAMES[way], found.times(way), scratch if way in TRANSFERS else None) for way in ways]
    return Table(
        "times",
        "Time of all runs, with and without dropout. Images are those trained on, each as often as it was.",
        ("", "Images", "Training", "Measuring", "Features", "For 1,000", "Against scratch"),
        tuple(rows),
        align="lrrrrrr",
        note="The heads on fixed convolutions are trained and measured in one go: both are in their time of training. "
        "“For 1,000” images and “Against scratch” take in training, measuring and features. The first training of "
        "each network includes the building of its graph.",
    )


def _time_row(name: str, times: Times, scratch: Times | None) -> tuple[str, ...]:
    faster = "–" if scratch is None else _against(times.each / max(scratch.each, 1e-12))
    return (
        name,
        f"{times.images:,}",
        duration(times.training),
        duration(times.measuring) if times.measuring else "–",
        duration(times.computing) if times.computing else "–",
        brief(1000 * times.each),
        faster,
    )


def _against(ratio: float) -> str:
    if 1 / ALIKE < ratio < ALIKE:
        return "about as fast"
    times = max(ratio, 1 / max(ratio, 1e-12))
    return (
        f"{times:.2g} times {'slower' if ratio > 1 else 'faster'}"
        if times < 10
        else (f"{times:,.0f} times {'slower' if ratio > 1 else 'faster'}")
    )


def _images(found: DigitsFound, proportion: float) -> str:
    return f"{found.images(proportion):,} ({proportion_text(proportion)})"


def _dropout(dropout: bool) -> str:
    return f"{DROPOUT:g}" if dropout else "–"


def _cell(found: DigitsFound, setting: Setting) -> str:
    values = found.accuracies(setting)
    mean, low, high = (f"{100 * value:.{found.decimals}f}" for value in (values.mean(), values.min(), values.max()))
    return f"{mean} ({low}–{high})" if found.repeated else mean


def _difference(found: DigitsFound, difference: Difference) -> str:
    mean, low, high = (signed(value, found.decimals) for value in (difference.mean, difference.low, difference.high))
    if not found.repeated:
        return mean
    return f"{mean} ({low} to {high}){_MARKED if difference.status != 'open' else ''}"


def _over(found: DigitsFound) -> str:
    if not found.repeated:
        return ", of one run each"
    return f": mean over {len(found.repeats)} paired runs and its {_INTERVAL} interval"


def _note(rows: Sequence[tuple[str, ...]]) -> str:
    marked = any(cell.endswith(_MARKED) for row in rows for cell in row)
    return f"The interval of a difference with {_MARKED} leaves out 0." if marked else ""
