"""`regraft predict`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from regraft.cli._output import note, percent, say, say_json, shown


def predict(
    run: Annotated[Path, typer.Argument(help="A run folder.")],
    images: Annotated[list[Path], typer.Argument(help="Image files.")],
    top: Annotated[int, typer.Option(min=1, help="How many classes to show for each image.")] = 3,
    json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Say what is on images, with probabilities."""
    from regraft.runs.prediction import Predictor

    answers, skipped = Predictor(run).predict(images)
    if json:
        say_json(
            {
                "run": str(run),
                "predictions": [vars(answer) for answer in answers],
                "skipped": [{"image": file.name, "reason": file.reason} for file in skipped],
            }
        )
        return
    for answer in answers:
        ranked = list(answer.probabilities.items())[:top]
        say(
            f"{shown(answer.image)}: "
            + ", ".join(f"{shown(label)} {percent(probability)}" for label, probability in ranked)
        )
    for file in skipped:
        note(f"Left out {shown(file.name)}: {file.reason}")
