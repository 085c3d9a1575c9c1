"""The report of a run: its figures, and one page that holds everything and needs nothing."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from regraft._files import write_text
from regraft.images.labelled import LabelledImage
from regraft.reports import _facts as facts
from regraft.reports._augmentation_parts import augmentation_preview, augmentation_words
from regraft.reports._finetune_words import finetuning
from regraft.reports._mistakes import worst_mistakes
from regraft.reports._run_control import COLUMNS, control_figures, control_rows, control_words
from regraft.reports._run_finetuning import Captioned, finetuning_figures
from regraft.reports._svg import inline_svg
from regraft.reports._words import count, percent, shown
from regraft.reports.figures import MAX_OTHER_HEADS, confusion_matrix, learning_curves
from regraft.reports.model_card import write_model_card
from regraft.runs.folder import RunFolder

_MAX_CLASS_ROWS = 40  # with more classes than this the table of classes is folded, and the weakest are shown
_PAIRS = 20


def write_report(run: RunFolder, images: Mapping[str, LabelledImage] | None = None) -> Path:
    """Writes `figures/*.svg`, `README.md` (the model card) and `report.html` into the folder of a measured run.

    The page needs no network and no other file: styles, figures and pictures lie inside it, and it forbids itself to
    load anything. It runs no script.

    Args:
        run: with config, splits, skipped files, history, metrics and predictions written.
        images: by content hash (`LabelledImage.sha256`), for the pictures of the worst mistakes; without them, or
            where a file is gone or has changed, the page says so in the picture's place.

    Returns:
        The path of the page.

    Raises:
        InputError: the run is not that far, or its folder cannot be written.
    """
    metrics, history = run.metrics(), run.history()
    test, classes = metrics["test"], metrics["collection"]["classes"]
    figures = _write_figures(run, metrics, history)
    augmentation = _augmentation(run, metrics, images)
    tuning = _finetuning(run, metrics, history)
    mistakes, wrong = worst_mistakes(run.table("predictions"), images)
    pairs = facts.confusions(test["confusion_matrix"], classes)
    per_class = facts.class_rows(test)
    environment = _environment(run.path)
    page = _template().render(
        title=metrics["collection"]["name"],
        test=test,
        headline=facts.headline(test),
        when=facts.when(environment),
        key_facts=facts.key_facts(metrics),
        figures=figures,
        curves_caption=facts.curves_caption(metrics, history, MAX_OTHER_HEADS) if metrics.get("chosen") else "",
        augmentation=augmentation,
        tuning=tuning,
        control=_control(run, metrics, history),
        pairs=pairs[:_PAIRS],
        more_pairs=max(0, len(pairs) - _PAIRS),
        confusion_sentence=facts.confusion_sentence(pairs),
        per_class=per_class,
        weakest=sorted((row for row in per_class if row["f1"] is not None), key=lambda row: row["f1"])[:10],
        fold_classes=len(classes) > _MAX_CLASS_ROWS,
        mistakes=mistakes,
        wrong=wrong,
        skipped=facts.skipped_groups(run.skipped()),
        method=facts.method(run.config(), metrics, history, None if images is None else images.values()),
        command=facts.command_line(environment),
        environment=environment,
        warnings=metrics.get("warnings", []),
    )
    write_model_card(run, run.path)
    write_text(run.report, page)
    return run.report


def _write_figures(run: RunFolder, metrics: Mapping[str, Any], history: list[dict[str, Any]]) -> dict[str, str]:
    """Writes the figures that there is something to draw for, and gives each as an element of the page."""
    chosen, test = metrics.get("chosen", {}), metrics["test"]
    drawn = {
        "loss": learning_curves(history, chosen, "loss"),
        "accuracy": learning_curves(history, chosen, "accuracy"),
        "confusion_matrix": confusion_matrix(test["confusion_matrix"], metrics["collection"]["classes"]),
    }
    right, total = facts.right_answers(test), test["images"]
    descriptions = {
        "loss": "Loss against epochs, on training and validation images.",
        "accuracy": "Accuracy against epochs, on training and validation images.",
        "confusion_matrix": f"Confusion matrix: {right:,} of {count(total, 'test image')} on the diagonal.",
    }
    elements = {}
    for name, svg in drawn.items():
        file = run.path / "figures" / f"{name}.svg"
        if svg is None:
            file.unlink(missing_ok=True)  # of an earlier report of this run
            continue
        write_text(file, svg)
        elements[name] = inline_svg(svg, name.replace("_", "-"), descriptions[name])
    return elements


def _augmentation(
    run: RunFolder, metrics: Mapping[str, Any], images: Mapping[str, LabelledImage] | None
) -> dict[str, Any]:
    """The words on augmentation and its preview, as an element of the page; empty for a run without it."""
    preview = augmentation_preview(run, metrics, images) if "augmentation" in metrics else None
    figures = [Captioned("augmentation", *preview)] if preview else []
    drawn = _write_drawn(run, ("augmentation",), figures)
    if "augmentation" not in metrics:
        return {}
    return {"text": augmentation_words(metrics, run.config(), is_shown=preview is not None), "figures": drawn}


def _finetuning(run: RunFolder, metrics: Mapping[str, Any], history: list[dict[str, Any]]) -> dict[str, Any]:
    """The words on fine-tuning and its figures, as elements of the page; empty for a run without it."""
    config = run.config()
    figures = finetuning_figures(metrics, history, config) if "finetune" in metrics else []
    drawn = _write_drawn(run, ("cut", "finetuning"), figures)
    if "finetune" not in metrics:
        return {}
    return {"paragraphs": finetuning(metrics, history, config), "figures": drawn}


def _control(run: RunFolder, metrics: Mapping[str, Any], history: list[dict[str, Any]]) -> dict[str, Any]:
    """The words on the control, its table and its figure; empty for a run without it."""
    drawn = _write_drawn(run, ("scratch",), control_figures(run, metrics, history))
    if "control" not in metrics:
        return {}
    return {
        "paragraphs": control_words(metrics),
        "columns": COLUMNS,
        "rows": control_rows(metrics, run.config()),
        "figures": drawn,
    }


def _write_drawn(run: RunFolder, names: Sequence[str], figures: Sequence[Captioned]) -> dict[str, tuple[str, str]]:
    """Writes figures to their files, and gives for each its element of the page and its caption.

    Args:
        names: of all there may be: what an earlier report of this run had, and this one has not, is removed.
        figures: those there are.
    """
    for name in {*names} - {figure.name for figure in figures}:
        (run.path / "figures" / f"{name}.svg").unlink(missing_ok=True)
    for figure in figures:
        write_text(run.path / "figures" / f"{figure.name}.svg", figure.drawn.svg)
    return {
        figure.name: (inline_svg(figure.drawn.svg, figure.name, shown(figure.drawn.description)), figure.caption)
        for figure in figures
    }


def _environment(path: Path) -> dict[str, Any]:
    file = path / "environment.json"
    return dict(json.loads(file.read_text(encoding="utf-8"))) if file.is_file() else {}


def _template() -> Any:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("regraft.reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"percent": percent, "shown": shown, "breakable": _breakable}
    environment.globals |= {"count": count}
    return environment.get_template("report.html.j2")


def _breakable(name: str) -> Any:
    """The name, escaped, with a chance to break the line after each slash, underscore and hyphen."""
    from markupsafe import Markup, escape

    return Markup(re.sub(r"([/_-])(?=.)", r"\1<wbr>", str(escape(shown(name)))))
