"""The experiments of the cats-and-dogs study: what each found, as paragraphs, tables and figures."""

from __future__ import annotations

import math
from typing import Any

from regraft.reports import comparison_words as words
from regraft.reports._comparison_phrases import number, signed_points
from regraft.reports._study_results import over
from regraft.reports._words import THIN, listing, percent, shortened, shown
from regraft.reports.cats_figures import Cost, costs, course_of, courses
from regraft.reports.cats_found import CatsFound
from regraft.reports.cats_words import output_finding, quick_scratch, quick_tuning, tuning_caution, tuning_finding
from regraft.reports.comparison_figures import box_plots
from regraft.reports.document import Block, Paragraph, Table, literal
from regraft.reports.flower_experiments import add_figure
from regraft.reports.flower_words import brief
from regraft.studies.conclusions import Conclusion
from regraft.studies.results import Results

_MOST_COLUMNS = 3  # of classes in a table


def frozen_blocks(found: CatsFound) -> tuple[Block, ...]:
    """All layers frozen, with each kind of output."""
    if found.of_outputs:
        text = (
            "Each network’s head was trained with one sigmoid unit and with two softmax units: on the same images and "
            "batches, with the same initial weights of the hidden layer. [[frozen]] shows accuracy and precision."
        )
    else:
        text = (
            f"One sigmoid unit tells two classes apart; of {number(len(found.classes))} there is a softmax alone. "
            "[[frozen]] shows the accuracy and precision of each network."
        )
    repeated = len(found.frozen.repetitions) > 1
    drawn = box_plots(found.frozen) if repeated else None
    blocks: list[Block] = [Paragraph(text + " [[outputs]] shows every repetition." * (drawn is not None))]
    blocks.append(_precision_table(found, "frozen", found.frozen, found.of_frozen))
    add_figure(blocks, "outputs", "Validation accuracy with all layers frozen, in every repetition.", drawn)
    if finding := output_finding(found):
        blocks.append(Paragraph(finding, strong=True))
    else:
        finding = words.finding(found.of_frozen, subject="network")
        blocks.append(Paragraph(literal(finding), strong=True))
    return tuple(blocks)


def _precision_table(found: CatsFound, label: str, results: Results, conclusion: Conclusion) -> Table:
    """Settings with accuracy, interval and precision: of each class where there are few."""
    each = found.classes if len(found.classes) <= _MOST_COLUMNS else []
    rows = []
    for row, verdict in enumerate(conclusion.verdicts):
        low, high = found.interval(verdict)
        macro, by_class = found.precisions(results, row)
        rows.append(
            (
                shown(verdict.label),
                "–" if math.isnan(verdict.mean) else percent(verdict.mean),
                "–" if math.isnan(low) else f"{100 * low:.1f} to {percent(high)}",
                *("–" if math.isnan(value) else percent(value) for value in (macro, *by_class[: len(each)])),
            )
        )
    repeated = len(results.repetitions) > 1
    kind = (
        "The intervals are those of a share of so many validation images (Wilson)."
        if found.same_validation or not repeated
        else "The intervals are over the repetitions."
    )
    return Table(
        label,
        f"Accuracy and precision on the validation images, {over(len(results.repetitions))}.",
        ("Setting", "Accuracy", f"95{THIN}% interval", "Precision", *(f"of {shortened(name, 16)}" for name in each)),
        tuple(rows),
        align="lrrr" + "r" * len(each),
        strong=() if conclusion.best is None else (conclusion.best,),
        note=f"Precision: of the answers that name a class, the share that is right; averaged over the classes. {kind}",
    )


def tuned_blocks(found: CatsFound) -> tuple[Block, ...]:
    """The last layers trained as well."""
    tuned, whole = found.tuned, found.tuned_whole
    assert tuned is not None
    assert whole is not None
    level = "the frozen network"
    drawn = courses(
        [
            course_of(f"{one.backbone}, last {one.last} layers", one.history, _start(one.history))
            for one in found.trained
            if one.last
        ],
        level,
    )
    seen = " [[tuning]] shows the accuracies and [[courses]] how the trainings went." if drawn else " See [[tuning]]."
    short = f" {quick_tuning(found)}" if found.quick else ""
    blocks: list[Block] = [
        Paragraph(f"The last layers were trained as well, from the frozen network with its head on.{seen}{short}"),
        _precision_table(found, "tuning", tuned, whole),
        _cost_table(found),
    ]
    add_figure(
        blocks,
        "courses",
        "Fine-tuning in the first repetition: validation accuracy and loss against epochs; epoch 0 is the frozen "
        "network with its head.",
        drawn,
    )
    remark = "[[times]] gives what each way costs. "
    blocks += [Paragraph(tuning_finding(found), strong=True), Paragraph(remark + tuning_caution())]
    return tuple(blocks)


def _start(history: tuple[dict[str, Any], ...]) -> float | None:
    return next((row.get("val_accuracy") for row in history if row["epoch"] == 0), None)


def _cost_table(found: CatsFound) -> Table:
    assert found.tuned_whole is not None
    verdicts = {verdict.label: verdict for verdict in found.tuned_whole.verdicts}
    rows = []
    for name in found.of_tuned:
        for one in found.trained:
            if one.backbone != name:
                continue
            what = f"last {one.last} layers trained" if one.last else "all layers frozen"
            about, verdict = one.about, verdicts[f"{name}, {what}"]
            rows.append(
                (
                    shown(f"{name}, {what}"),
                    f"{about['parameters']:,}",
                    brief(about["computing_seconds"]),
                    brief(about["epoch_seconds"]),
                    brief(about["computing_seconds"] + about["seconds"]),
                    signed_points(verdict.difference) if verdict.status not in ("best", "diverged") else "–",
                    words.verdict_word(verdict),
                )
            )
    return Table(
        "times",
        "What each way trains and takes, in the first repetition, and how its mean accuracy compares with the best.",
        ("Setting", "Trained weights", "Once", "An epoch", "In all", "Difference (points)", "Verdict"),
        tuple(rows),
        align="lrrrrrl",
        note="Once: computing the features, or the activations before the trained layers, of the training images, by "
        "the speed measured on some of them. An epoch: the median, without the first, which builds TensorFlow’s "
        "graph; all epochs are in the sum." + " Quick study: few epochs." * found.quick,
    )


def scratch_blocks(found: CatsFound) -> tuple[Block, ...]:
    """The same networks from random weights."""
    small = f" {quick_scratch(found.scratch[0])}" if found.quick else ""
    drawn = courses(
        [
            course_of(f"{one.network} from scratch", one.history, one.frozen["validation"]["accuracy"])
            for one in found.scratch
        ],
        "with frozen pretrained layers",
    )
    ways = costs(_ways(found))
    shows = [f"[[{label}]]" for label, figure in (("scratch-courses", drawn), ("costs", ways)) if figure]
    more = f", and {listing(shows)} {'show' if len(shows) > 1 else 'shows'} it" if shows else ""
    blocks: list[Block] = [
        Paragraph(
            "The same networks were trained from random weights, all layers of them, once each. [[scratch]] sets them "
            f"beside a head on the frozen network, trained on the same images{more}.{small}"
        ),
        _scratch_table(found),
    ]
    add_figure(
        blocks,
        "scratch-courses",
        "Training from scratch: validation accuracy and loss against epochs; dashed, the accuracy of the frozen "
        "pretrained network with its head, on the same training images.",
        drawn,
    )
    add_figure(
        blocks,
        "costs",
        "What 1,000 training images cost in each way of training: computed once, and in every epoch. The scale is "
        "logarithmic.",
        ways,
    )
    return tuple(blocks)


def _ways(found: CatsFound) -> list[Cost]:
    ways = []
    for name in found.of_tuned:
        for one in found.trained:
            if one.backbone == name:
                what = f"{name}, last {one.last} layers" if one.last else f"{name}, all layers frozen"
                ways.append(_cost(what, one.about, one.images))
        ways += [
            _cost(f"{one.network}, from scratch", one.scratch["trained"], one.scratch["images"]["train"])
            for one in found.scratch
            if one.backbone == name
        ]
    return ways


def _cost(name: str, about: dict[str, Any], images: int) -> Cost:
    share = 1000 / images
    return Cost(name, about["computing_seconds"] * share, about["epoch_seconds"] * share)


def _scratch_table(found: CatsFound) -> Table:
    rows = []
    for one in found.scratch:
        for what, metrics in (("frozen, pretrained", one.frozen), ("from scratch", one.scratch)):
            trained, validation = metrics["trained"], metrics["validation"]
            low, high = validation["accuracy_interval"]
            rows.append(
                (
                    shown(f"{one.network}, {what}"),
                    f"{metrics['images']['train']:,}",
                    f"{trained['epochs']:,}",
                    "–" if not trained["computing_seconds"] else brief(trained["computing_seconds"]),
                    brief(trained["epoch_seconds"]),
                    percent(validation["accuracy"]),
                    f"{100 * low:.1f} to {percent(high)}",
                    percent(validation["macro"]["precision"]),
                )
            )
    return Table(
        "scratch",
        "The same network with frozen pretrained layers and from scratch, on the same training images.",
        ("Network", "Images", "Epochs", "Once", "An epoch", "Accuracy", f"95{THIN}% interval", "Precision"),
        tuple(rows),
        align="lrrrrrrr",
        note="On the validation images, at the epoch with the lowest validation loss, the random start included."
        + " Quick study: few and small images, few epochs." * found.quick,
    )
