"""The report of one run as a document of two or three pages."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from regraft.images.labelled import LabelledImage
from regraft.reports import _facts as facts
from regraft.reports._finetune_words import is_tuned
from regraft.reports._run_control import control_sections
from regraft.reports._run_errors import errors_sections
from regraft.reports._run_finetuning import (
    augmentation_sections,
    finetuning_references,
    finetuning_sections,
    trained_words,
)
from regraft.reports._words import THIN, count, listing, percent, shown
from regraft.reports.document import (
    Block,
    Bullets,
    Code,
    Details,
    Document,
    Figure,
    Paragraph,
    Reference,
    Section,
    Table,
    literal,
)
from regraft.reports.figures import MAX_OTHER_HEADS, learning_curves
from regraft.reports.references import TRANSFER, WILSON, backbone_paper
from regraft.runs.folder import RunFolder

_CLASS_ROWS = 15  # with more classes than this only some of them are shown; all of them are in `Details`
_FEW_IMAGES = 50  # a class with fewer test images than this is measured roughly
_SPLITS = ("train", "validation", "test")

Metrics = Mapping[str, Any]


def run_document(run: RunFolder, images: Mapping[str, LabelledImage] | None) -> Document:
    """The report of a run that has been measured: result, data, training, errors, method, limits, reproduction.

    Args:
        run: with config, splits, skipped files, history, metrics and predictions written.
        images: by content hash (`LabelledImage.sha256`), for the pictures of the worst mistakes; None where they are
            not at hand, which the document says.

    Raises:
        InputError: the run is not that far.
    """
    metrics, history, environment = run.metrics(), run.history(), _environment(run)
    name = shown(metrics["collection"]["name"])
    backbone = str(metrics.get("backbone", {}).get("name", ""))
    papers = tuple(dict.fromkeys(filter(None, map(backbone_paper, _backbones(metrics)))))
    version = environment.get("packages", {}).get("regraft")
    byline = [f"regraft {version}" if version else "regraft", facts.when(environment)]
    return Document(
        title=f"An image classifier for “{name}”",
        subtitle=f"Report of one training run{_on(metrics, shown(backbone))}",
        byline=", ".join(filter(None, byline)),
        abstract=_abstract(metrics, name, backbone),
        sections=(
            Section("Result", _result(metrics)),
            Section("Data", _data(run, metrics)),
            *augmentation_sections(run, metrics, images),
            *_training(metrics, history),
            *finetuning_sections(metrics, history, run.config()),
            *control_sections(run, metrics, history),
            *errors_sections(run, metrics, images, _CLASS_ROWS),
            Section("Method", _method(run, metrics, history, images, papers)),
            Section("Limits", (Bullets(tuple(_limits(metrics))),)),
            Section("How to reproduce it", _reproduction(environment)),
        ),
        references=(WILSON, TRANSFER, *papers, *finetuning_references(metrics)),
        warnings=tuple(literal(warning) for warning in metrics.get("warnings", [])),
    )


def _on(metrics: Metrics, backbone: str) -> str:
    """What the run stands on, for the subtitle."""
    if not backbone:
        return ""
    return f": {backbone}, fine-tuned" if is_tuned(metrics) else f" on frozen features of {backbone}"


def _environment(run: RunFolder) -> dict[str, Any]:
    file = run.path / "environment.json"
    return dict(json.loads(file.read_text(encoding="utf-8"))) if file.is_file() else {}


def _abstract(metrics: Metrics, name: str, backbone: str) -> str:
    classes = count(len(metrics["collection"]["classes"]), "class", "classes")
    return literal(
        f"{trained_words(metrics, shown(backbone))} to tell apart the {classes} of the image collection “{name}”, and "
        "measured once on images that took part in no choice and in no training. The result: "
        f"{_small(facts.headline(metrics['test']))}"
    )


def _result(metrics: Metrics) -> tuple[Block, ...]:
    test = metrics["test"]
    low, high = test["accuracy_interval"]
    right, macro = facts.right_answers(test), test["macro"]
    rows = [
        (
            "Test accuracy",
            percent(test["accuracy"]),
            f"{right:,} of {count(test['images'], 'image')} right; 95{THIN}% interval "
            f"{percent(low)} to {percent(high)}",
        ),
        (
            "Baseline",
            percent(test["baseline"]["accuracy"]),
            f"always answering “{shown(test['baseline']['class'])}”, the training images’ most frequent class",
        ),
        (
            "Macro F1",
            percent(macro["f1"]),
            f"mean of the classes; precision {percent(macro['precision'])}, recall {percent(macro['recall'])}",
        ),
        ("Log loss", f"{test['log_loss']:.3f}", "0 where every answer is right and certain"),
    ]
    rows += [(fact.title, shown(fact.value), shown(fact.detail)) for fact in facts.key_facts(metrics)]
    text = (
        "[[facts]] gives the measures on the test images and the facts of the run. The interval is Wilson’s score "
        f"interval [[cite:{WILSON.key}]]: with 95{THIN}% confidence it holds the true accuracy on images like these."
    )
    return Paragraph(text), Table("facts", "The run in numbers.", ("what", "value", "remark"), tuple(rows), "lll", (0,))


def _data(run: RunFolder, metrics: Metrics) -> tuple[Block, ...]:
    table = run.table("splits").select(["label", "split"]).to_pydict()
    counts = {label: dict.fromkeys(_SPLITS, 0) for label in metrics["collection"]["classes"]}
    for label, split in zip(table["label"], table["split"], strict=True):
        counts[label][split] += 1
    rows = [(label, *(row[split] for split in _SPLITS), sum(row.values())) for label, row in counts.items()]
    is_long = len(rows) > _CLASS_ROWS
    few = sorted(rows, key=lambda row: (row[-1], row[0]))[:_CLASS_ROWS] if is_long else rows
    total = ("all classes", *(sum(row[column] for row in rows) for column in range(1, 5)))
    text = f"The run used {count(total[-1], 'image')} of {count(len(rows), 'class', 'classes')}. "
    text += "[[splits]] shows where they went" + (
        f", for the {len(few)} classes with the fewest images. " if is_long else ". "
    )
    caption = "Images by class and split. Training images teach, validation images choose, test images only measure."
    skipped, files = _skipped(run)
    blocks: list[Block] = [Paragraph(text + skipped), _split_table("splits", caption, [*few, total], (len(few),))]
    if is_long:
        folded = _split_table("all-splits", "Images by class and split, all classes.", rows)
        return *blocks, Details("All classes", (folded,)), *files
    return *blocks, *files


def _split_table(label: str, caption: str, rows: Sequence[tuple[Any, ...]], strong: tuple[int, ...] = ()) -> Table:
    cells = tuple((shown(row[0]), *(f"{number:,}" for number in row[1:])) for row in rows)
    return Table(label, caption, ("class", *_SPLITS, "all"), cells, "lrrrr", strong)


def _skipped(run: RunFolder) -> tuple[str, list[Block]]:
    """What was left out in a sentence or two, and the files folded."""
    groups = facts.skipped_groups(run.skipped())
    if not groups:
        return "Nothing was skipped: every file that was found was used.", []
    total = sum(group.total for group in groups)
    parts = listing([f"{shown(group.reason)} ({group.total:,})" for group in groups])
    text = literal(f"{count(total, 'file')} {'was' if total == 1 else 'were'} left out: {parts}.")
    names = [f"{name}: {particular or group.reason}" for group in groups for name, particular in group.files]
    files = [literal(shown(name)) for name in names]
    if more := total - len(files):
        files.append(f"{count(more, 'file')} more, in skipped.csv")
    end = f"The file skipped.csv in the run’s folder names {'it' if total == 1 else 'each'}."
    return f"{text} {end}", [Details("Files that were left out", (Bullets(tuple(files)),))]


def _training(metrics: Metrics, history: Sequence[Mapping[str, Any]]) -> list[Section]:
    chosen = metrics.get("chosen", {})
    loss, accuracy = (learning_curves(history, chosen, quantity) for quantity in ("loss", "accuracy"))
    drawn = [
        Figure(
            name,
            f"{name.capitalize()} of the heads against epochs.",
            svg,
            f"{name.capitalize()} against epochs, on training and validation images.",
            0.5,
        )
        for name, svg in (("loss", loss), ("accuracy", accuracy))
        if svg
    ]
    if not drawn:
        return []
    where = listing([f"[[{figure.label}]]" for figure in drawn])
    verb = "show" if len(drawn) > 1 else "shows"
    text = literal(_small(facts.curves_caption(metrics, history, MAX_OTHER_HEADS)))
    what = "the heads learnt, before fine-tuning" if "finetune" in metrics else "training went"
    return [Section("Training", (Paragraph(f"{where} {verb} how {what}: {text}"), *drawn))]


def _small(sentence: str) -> str:
    """The sentence as it goes on after a colon."""
    return sentence[:1].lower() + sentence[1:]


def _backbones(metrics: Metrics) -> list[str]:
    """The backbones of a run, each by its name."""
    facts_of = metrics.get("backbone", {})
    return [str(one["name"]) for one in facts_of.get("members", [facts_of]) if "name" in one]


def _method(
    run: RunFolder,
    metrics: Metrics,
    history: Sequence[Mapping[str, Any]],
    images: Mapping[str, LabelledImage] | None,
    papers: Sequence[Reference],
) -> tuple[Block, ...]:
    cite = "".join(f" [[cite:{paper.key}]]" for paper in papers)
    when = "in every epoch anew" if run.config().head.standard else "once"
    first = (
        f"The pretrained backbone{cite} is frozen: it turns each image into features, which are computed {when}. Only "
        f"a new head on top of them is trained; features learnt for one task serve others [[cite:{TRANSFER.key}]]."
    )
    if len(_backbones(metrics)) > 1:
        first = first.replace("backbone", "backbones", 1).replace("is frozen: it turns", "are frozen: they turn")
    if "finetune" in metrics:
        first = first.replace("is frozen:", "is frozen at first:").replace("Only a new", "At first only a new")
    given = None if images is None else images.values()
    paragraphs = [literal(text) for text in facts.method(run.config(), metrics, history, given)]
    paragraphs[-1] = paragraphs[-1].replace("(E. B. Wilson, 1927)", f"[[cite:{WILSON.key}]]")
    return Paragraph(f"{first} {paragraphs[0]}"), *(Paragraph(text) for text in paragraphs[1:])


def _limits(metrics: Metrics) -> list[str]:
    test = metrics["test"]
    limits = [
        "The numbers hold for images like the test images: from the same source, of the same classes. The classifier "
        "gives one of its classes as the answer to any image, also to one of something else.",
        "There is one split and one final training. Another split or another seed would give another number; the "
        "interval allows for the choice of the test images, not for that of the training images.",
        "Equal files are kept out of two splits. Images that are nearly equal, such as neighbours in a burst, are not "
        "looked for; where there are some, a group for each burst keeps them together.",
    ]
    rows = [row for row in test["per_class"] if row["images"]]
    smallest = min(rows, key=lambda row: (row["images"], row["class"]))
    if smallest["images"] < _FEW_IMAGES:
        limits.append(
            literal(
                f"Measures of single classes rest on few images: “{shown(smallest['class'])}” has "
                f"{count(smallest['images'], 'test image')}, so one answer more or less moves its recall by "
                f"{percent(1 / smallest['images'])}."
            )
        )
    if unseen := len(test["per_class"]) - len(rows):
        limits.append(f"Nothing is known of {count(unseen, 'class', 'classes')} without a test image.")
    if metrics.get("images", {}).get("skipped"):
        limits.append("Files that were skipped were neither learnt from nor measured.")
    return limits


def _reproduction(environment: Mapping[str, Any]) -> tuple[Block, ...]:
    blocks: list[Block] = []
    if command := facts.command_line(environment):
        blocks += [
            Paragraph("With the same images, versions and machine this command gives the same numbers again:"),
            Code(command),
        ]
    blocks.append(
        Paragraph(
            "Every setting, defaults included, is in config.toml in the run’s folder, the split of every image in "
            "splits.parquet, every answer in predictions.parquet, every number in metrics.json."
        )
    )
    if environment:
        machine = [f"{environment[key]}" for key in ("platform", "processor") if environment.get(key)]
        if cores := environment.get("cores"):
            machine.append(count(cores, "core"))
        versions = {"Python": environment.get("python"), **environment.get("packages", {})}
        packages = ", ".join(f"{name} {version}" for name, version in versions.items() if version)
        text = f"Versions: {packages}." + (f" Machine: {', '.join(machine)}." if machine else "")
        blocks.append(Paragraph(literal(shown(text))))
    return tuple(blocks)
