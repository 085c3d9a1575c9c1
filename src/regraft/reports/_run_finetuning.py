"""How a run was fine-tuned, and the views it learnt from, as sections of its report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from regraft.images.labelled import LabelledImage
from regraft.reports._augmentation_parts import augmentation_preview, augmentation_words
from regraft.reports._drawing import Drawn
from regraft.reports._finetune_words import finetuning, finetuning_caption, is_tuned, is_whole
from regraft.reports.diagram import cut_diagram
from regraft.reports.document import Figure, Paragraph, Reference, Section, literal
from regraft.reports.finetune_figure import draw_finetuning
from regraft.reports.references import RECIPES
from regraft.runs.config import TrainConfig
from regraft.runs.folder import RunFolder

Metrics = Mapping[str, Any]
History = Sequence[Mapping[str, Any]]


class Captioned(NamedTuple):
    """A figure of the report, the name of its file, and what stands below it."""

    name: str
    drawn: Drawn
    caption: str


def finetuning_figures(metrics: Metrics, history: History, config: TrainConfig) -> list[Captioned]:
    """Where the network was cut, and how its training went: what there is to draw of them.

    Args:
        metrics: of a run with the key `finetune`.
        history, config: of the run.
    """
    facts = metrics["finetune"]
    figures = []
    if diagram := _diagram(metrics, config):
        caption = "The cut: what is before it is frozen, what is behind it was trained together with the head."
        figures.append(Captioned("cut", diagram, caption))
    if curves := draw_finetuning(history, facts["best_epoch"]):
        figures.append(Captioned("finetuning", curves, finetuning_caption(facts, config)))
    return figures


def finetuning_sections(metrics: Metrics, history: History, config: TrainConfig) -> list[Section]:
    """The section on fine-tuning; none for a run without it."""
    if "finetune" not in metrics:
        return []
    figures = finetuning_figures(metrics, history, config)
    first, how, change = (literal(text) for text in finetuning(metrics, history, config))
    names = [figure.name for figure in figures]
    first += " [[cut]] shows the two parts." * ("cut" in names)
    change += " [[finetuning]] shows how it went." * ("finetuning" in names)
    drawn = {
        figure.name: Figure(
            figure.name, literal(figure.caption), figure.drawn.svg, figure.drawn.description, figure.drawn.width
        )
        for figure in figures
    }
    blocks = (
        Paragraph(first), drawn.get("cut"), Paragraph(_cited(how)), Paragraph(change), drawn.get("finetuning"),
    )  # fmt: skip
    return [Section("Fine-tuning", tuple(block for block in blocks if block is not None))]


def augmentation_sections(
    run: RunFolder, metrics: Metrics, images: Mapping[str, LabelledImage] | None
) -> list[Section]:
    """The section on augmentation; none for a run without it."""
    if "augmentation" not in metrics:
        return []
    preview = augmentation_preview(run, metrics, images)
    text = literal(augmentation_words(metrics, run.config(), is_shown=preview is not None))
    if preview is None:
        return [Section("Augmentation", (Paragraph(text),))]
    drawn, caption = preview
    figure = Figure("views", literal(caption), drawn.svg, drawn.description, drawn.width)
    return [Section("Augmentation", (Paragraph(f"{text} [[views]] shows some."), figure))]


def finetuning_references(metrics: Metrics) -> list[Reference]:
    """What the recipe of a fine-tuned run comes from."""
    label = metrics.get("finetune", {}).get("settings", "")
    return [reference for word, reference in RECIPES.items() if word in label]


def trained_words(metrics: Metrics, backbone: str) -> str:
    """What was trained on which network, for the first sentence of a report: `… was trained on …`."""
    if not is_tuned(metrics):
        on = f"the frozen features of {backbone}" if backbone else "frozen features"
        return f"A new head was trained on {on}"
    some = "All layers" if is_whole(metrics["finetune"]) else "The last layers"
    return f"{some} of {backbone or 'a pretrained network'}, with a new head, were fine-tuned"


def _cited(text: str) -> str:
    """The recipe with its sources: each word of it that has one is followed by its number."""
    for word, reference in RECIPES.items():
        place = text.find(word)
        if place >= 0:
            end = min(at for sign in (",", ". ") if (at := text.find(sign, place)) >= 0)  # a sentence follows it
            text = f"{text[:end]} [[cite:{reference.key}]]{text[end:]}"
    return text


def _diagram(metrics: Metrics, config: TrainConfig) -> Drawn | None:
    """None where there is no cut inside the network, or where the diagram has no room for the head."""
    facts, backbone = metrics["finetune"], metrics.get("backbone", {})
    hidden = metrics.get("chosen", {}).get("hidden", [])
    shape = facts["activations"]
    if is_whole(facts) or len(shape) != 3 or len(hidden) > 1 or not {"features", "size", "name"} <= backbone.keys():
        return None
    size = backbone["size"]
    classes = len(metrics["collection"]["classes"])
    outputs = 1 if config.head.activation == "sigmoid" else classes
    head = sum((inputs + 1) * units for inputs, units in pairwise([backbone["features"], *hidden, outputs]))
    return cut_diagram(
        backbone["name"],
        size if isinstance(size, int) else (size[0], size[1]),
        backbone["features"],
        classes,
        hidden=hidden[0] if hidden else None,
        trainable=facts["parameters"] + head,
        activation=config.head.activation,
        blocks=len(facts["blocks"]),
        activations=shape,
    )
