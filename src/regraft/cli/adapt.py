"""`regraft adapt`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from regraft.cli._output import note, percent, say, say_json, shown


def adapt(
    source: Annotated[str, typer.Argument(help="Labelled images: a folder of class folders, a manifest, a named set.")],
    target: Annotated[
        str, typer.Argument(help="Images of another kind: the same, or a folder of images without labels.")
    ],
    backbone: Annotated[str | None, typer.Option(help="MobileNetV2, EfficientNetLite0@320 …")] = None,
    weights: Annotated[Path | None, typer.Option(help="A weight file for the backbone.")] = None,
    labels: Annotated[
        int, typer.Option(help="Use the labels of so many target images of each class; half the images are measured.")
    ] = 0,
    method: Annotated[
        list[str] | None, typer.Option(help="Choose among these methods; one alone is taken. Default: all.")
    ] = None,
    classes: Annotated[str | None, typer.Option(help="Keep only these classes: A,B,C.")] = None,
    per_class: Annotated[
        int | None, typer.Option(help="At most so many images of each class of the source and of either target part.")
    ] = None,
    path: Annotated[Path | None, typer.Option(help="A local copy of the named set.")] = None,
    output: Annotated[
        Path | None,
        typer.Option(help="A new or empty folder: adaptation.json, predictions.csv, model.keras, figure.svg."),
    ] = None,
    figure: Annotated[Path | None, typer.Option(help="Draw before and after into this file: .svg, .png or .pdf.")] = (
        None
    ),
    seed: Annotated[int, typer.Option(help="Of what is drawn: the target images that are measured, labelled …")] = 0,
    json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Take a classifier from labelled images to images of another kind, and say whether that helped."""
    from regraft.reports.adaptation_figure import draw_adaptation, write_adaptation_figure
    from regraft.reports.rate_range_figure import check_suffix
    from regraft.transfer.adaptation.job import adapt_domains

    if figure is not None:
        check_suffix(figure)
    done = adapt_domains(
        source,
        target,
        backbone=backbone,
        weights=weights,
        path=path,
        classes=classes.split(",") if classes is not None else None,
        labels=labels,
        per_class=per_class,
        methods=method,
        seed=seed,
        output=output,
        draw=lambda facts: draw_adaptation(facts).svg,
        tell=note,
    )
    if figure is not None:
        write_adaptation_figure(done.facts, figure)
    if json:
        say_json({**done.facts, "output": None if output is None else str(output)})
        return
    _show(done.facts)
    if output is not None:
        say(f"Folder     {output} (model.keras, adaptation.json, predictions.csv, figure.svg)")
    if figure is not None:
        say(f"Figure     {figure}")


def _show(facts: dict[str, Any]) -> None:
    source, target = facts["source"], facts["target"]
    say(f"Source     {shown(source['name'])}: {source['images']:,} labelled images, {len(facts['classes'])} classes")
    say(
        f"Target     {shown(target['name'])}: {target['adapted_to']:,} to adapt to ({target['labelled']} with labels), "
        f"{target['measured']:,} only measured"
    )
    apart = facts["told_apart"]
    say(f"Domains    told apart in {percent(apart['accuracy'])} of {apart['images']:,} images (chance: 50 %)")
    if facts["skipped"]:
        files = "1 file was" if len(facts["skipped"]) == 1 else f"{len(facts['skipped']):,} files were"
        note(f"{files} left out; --json lists them with the reasons.")
    say()
    for row in facts["methods"]:
        mark = "*" if row["name"] == facts["chosen"]["method"] else " "
        say(f"{mark} {row['title']:<26}{_measured(row)}{_score(row)}")
    say()
    say(f"* chosen by {facts['chosen']['by']}." if facts["chosen"]["by"] != "asked for" else "* asked for.")
    if facts["labels_per_class"] == 0 and _what(facts) == "features":
        note("This takes each class to be as frequent in the target as in the source; where it is not, it may hurt.")
    if facts["verdict"] is None:
        say("The target has no labels, so nothing can be measured: the scores above are all there is.")
        return
    say("No measured image took part in adapting or in the choice.")
    for found in facts["verdict"].values():
        say(found["text"])
    if not facts["verdict"]:
        say("What was chosen is a baseline: nothing is to be compared.")
    hurt = [row["title"] for row in facts["methods"] if "hurts" in _kinds(row)]
    if hurt:
        note(f"Warning: worse than the source alone on the target, and not by chance: {', '.join(hurt)}.")


def _what(facts: dict[str, Any]) -> str:
    """What the chosen method transfers."""
    return next(str(row["what"]) for row in facts["methods"] if row["name"] == facts["chosen"]["method"])


def _kinds(row: dict[str, Any]) -> list[str]:
    """Against the source alone: what adapting did."""
    return [found["kind"] for name, found in row["against"].items() if name == "source-only"]


def _measured(row: dict[str, Any]) -> str:
    if "measured" not in row:
        return ""
    low, high = row["measured"]["accuracy_interval"]
    words = f"{percent(row['measured']['accuracy']):>8} ({percent(low)} to {percent(high)})"
    difference = row["against"].get("source-only")
    if difference is not None:
        words += f"  {100 * difference['difference']:+5.1f} {difference['kind']}"
    return f"{words:<58}"


def _score(row: dict[str, Any]) -> str:
    scores = row["scores"]
    for name, words in (("cross_validation", "cross-validation"), ("there_and_back", "there and back")):
        if name in scores:
            return f" {words} {percent(scores[name])}"
    return ""
