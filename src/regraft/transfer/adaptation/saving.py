"""The output folder of an adaptation: numbers, answers, classes, figure and the joined model, whole or not at all."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from regraft._files import atomic_folder, write_text
from regraft.backbones.base import Base
from regraft.errors import InputError, RegraftError
from regraft.images.reading import read_image
from regraft.training.joining import join, save_model
from regraft.training.weights import HeadWeights
from regraft.transfer.adaptation.images import Parts

_CHECKED = 8  # images the joined model is compared on
_TOLERANCE = 0.2  # of a probability: bf16 explains less; wrong preprocessing or class order give differences near 1


def check_folder(folder: Path) -> None:
    """Makes sure that `folder` can be written.

    Raises:
        InputError: it exists and is not an empty folder.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(
            f"{folder} exists already; nothing in it was touched.",
            expected="a new or empty folder",
            received="a folder with files in it" if folder.is_dir() else "a file",
            hint="choose another folder with --output",
        )


def save_adaptation(
    facts: dict[str, Any],
    head: HeadWeights,
    base: Base,
    parts: Parts,
    probabilities: npt.NDArray[np.float32],
    folder: Path,
    draw: Callable[[dict[str, Any]], str] | None,
) -> None:
    """Writes the folder.

    Args:
        facts: `adaptation.json`.
        head, base: joined as `model.keras`.
        parts: the target images are the rows of `predictions.csv`.
        probabilities: (adapted + measured, classes), of the head.
        folder: new or empty.
        draw: gives `figure.svg` from the facts.

    Raises:
        InputError: the disk is full or the place cannot be written.
        RegraftError: the joined model does not answer as the head on the features does. Nothing is saved then.
    """
    model = join(base, head, "softmax")
    _check_model(model, base, parts, probabilities)
    with atomic_folder(folder) as temporary:
        write_text(temporary / "adaptation.json", json.dumps(facts, indent=2, allow_nan=False) + "\n")
        write_text(temporary / "labels.txt", "".join(f"{name}\n" for name in parts.classes))
        write_text(temporary / "predictions.csv", _predictions(parts, probabilities))
        if draw is not None:
            write_text(temporary / "figure.svg", draw(facts))
        save_model(model, temporary / "model.keras")


def _predictions(parts: Parts, probabilities: npt.NDArray[np.float32]) -> str:
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["image", "sha256", "part", "label", "answer", "probability"])
    images = (*parts.adapted, *parts.measured)
    for number, (image, shares) in enumerate(zip(images, probabilities, strict=True)):
        part = "measured" if number >= len(parts.adapted) else "adapted to"
        if image.sha256 in parts.labelled:
            part = "labelled"
        likeliest = int(shares.argmax())
        table.writerow(
            [image.name, image.sha256, part, image.label, parts.classes[likeliest], f"{shares[likeliest]:.6f}"]
        )
    return text.getvalue()


def _check_model(model: Any, base: Base, parts: Parts, probabilities: npt.NDArray[np.float32]) -> None:
    images = (*parts.adapted, *parts.measured)[:_CHECKED]
    pixels = np.stack([read_image(image.source, (base.height, base.width)) for image in images])
    answers = np.asarray(model.predict_on_batch(pixels), np.float32)
    difference = float(np.median(np.abs(answers - probabilities[: len(images)]).max(axis=1)))
    if not difference <= _TOLERANCE:
        raise RegraftError(
            f"The joined model does not agree with the head: probabilities differ by {difference:.3f} "
            f"(at most {_TOLERANCE} was expected). This is a fault of regraft: please report it."
        )
