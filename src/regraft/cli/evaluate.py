"""`regraft evaluate`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from regraft.cli._output import measured, note, percent, say, say_json


def evaluate(
    run: Annotated[Path, typer.Argument(help="A run folder.")],
    images: Annotated[str, typer.Argument(help="Labelled images, as for `regraft train`.")],
    path: Annotated[Path | None, typer.Option(help="A local copy of a named set.")] = None,
    classes: Annotated[str | None, typer.Option(help="Keep only these classes: A,B,C.")] = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Measure a run on labelled images it was not trained on."""
    from regraft.images.opening import open_images
    from regraft.runs.prediction import Predictor

    names = classes.split(",") if classes is not None else None
    collection = open_images(images, path=path, classes=names, minimum_classes=1)
    numbers = Predictor(run).evaluate(collection)
    if json:
        say_json(numbers)
        return
    say(measured(numbers, "Measured"))
    say()
    width = max(len(row["class"]) for row in numbers["per_class"])
    say(f"{'class':<{width}}  images  precision  recall      F1")
    for row in numbers["per_class"]:
        values = [row[name] for name in ("precision", "recall", "f1")]
        shown = "  ".join(f"{percent(value) if row['images'] else '-':>8}" for value in values)
        say(f"{row['class']:<{width}}  {row['images']:>6}  {shown}")
    if numbers["left_out"]:
        note(f"{numbers['left_out']} images were left out: the run was trained on or chosen by them or their group.")
    for file in numbers["skipped"]:
        note(f"Left out {file['file']}: {file['reason']}")
