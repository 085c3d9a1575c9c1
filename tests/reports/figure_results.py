"""Results of studies made up for the figures: learning curves that fall as real ones do, drawn by a seed."""

from __future__ import annotations

import itertools
import xml.etree.ElementTree as ET
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from regraft.reports._drawing import SMALL, Drawn, text_inches
from regraft.reports._svg import figure_style
from regraft.studies.results import Repetition, Results, Setting

SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = '<&"$\n'
"""A name that breaks SVG, HTML, typst and mathematics in matplotlib; shown, its line feed is written out."""


def texts(drawn: Drawn | None) -> list[str]:
    """The texts of a figure. Checks on the way what holds for each: sound, readable, nothing cut off, no overlap."""
    assert drawn is not None
    root = ET.fromstring(drawn.svg)
    wide, high = (float(number) for number in root.get("viewBox", "").split()[2:])
    places = [place for node in root.iter(f"{SVG}text") if (place := _place(node)) is not None]
    for left, top, right, bottom, text in places:
        assert -1 <= left <= right <= wide + 1, text
        assert -1 <= top <= bottom <= high + 1, text
    for one, other in itertools.combinations(places, 2):
        apart = one[2] <= other[0] or other[2] <= one[0] or one[3] <= other[1] or other[3] <= one[1]
        assert apart, (one, other)
    assert drawn.description.endswith(".")
    assert "nan" not in drawn.description
    assert 0 < drawn.width <= 1
    return [node.text or "" for node in root.iter(f"{SVG}text")]


def _place(node: ET.Element) -> tuple[float, float, float, float, str] | None:
    """Left, top, right and bottom of a text in the font of printed reports; None for one that is not level."""
    style, turned = node.get("style", ""), node.get("transform", "")
    size = float(style.split("font-size: ")[1].split("px")[0]) if "font-size" in style else 0.0
    if "font: " in style:
        size = float(style.split("px")[0].split()[-1])
    assert size >= SMALL, node.text
    rotation = float(turned.split("rotate(")[1].split(")")[0].split()[0]) if "rotate(" in turned else 0.0
    if rotation:
        return None
    at = [node.get("x"), node.get("y")] if node.get("x") else turned.split("translate(")[1].split(")")[0].split()
    x, y = (float(number or 0) for number in at)
    wide = _points_wide(node.text or "", size) * (1.1 if "bold" in style or "700" in style else 1)
    shift = {"middle": 0.5, "end": 1.0}.get((style.split("text-anchor: ")[1:] or [""])[0].split(";")[0], 0.0)
    return x - shift * wide, y - 0.72 * size, x + (1 - shift) * wide, y + 0.15 * size, node.text or ""


@cache
def _points_wide(text: str, size: float) -> float:
    with figure_style():
        return 72 * text_inches(text, size)


def strokes(drawn: Drawn, colour: str) -> list[str]:
    """The paths of curves of one colour: those inside the axes, which clip them."""
    paths = [node for node in ET.fromstring(drawn.svg).iter(f"{SVG}path") if node.get("clip-path")]
    wanted = [path for path in paths if f" stroke: {colour};" in path.get("style", "") + ";"]
    return [path.get("d", "") for path in wanted if path.get("d", "").strip()]


def figure_results(
    axes: Mapping[str, Sequence[Any]] | None = None,
    *,
    repetitions: int = 5,
    epochs: int = 30,
    quality: Sequence[float] | None = None,
    diverged: Sequence[tuple[int, int]] = (),
    exploding: Mapping[int, float] | None = None,
    seed: int = 0,
) -> Results:
    """One setting for each combination of the axes.

    Args:
        axes: by default three learning rates.
        repetitions, epochs: how many.
        quality: of each setting, the accuracy it tends to; by default from 0.9 downwards.
        diverged: (setting, repetition) pairs that have no number after three epochs, or none at all where
            their sum is odd.
        exploding: by setting, the finite loss it rises to.
        seed: of the scatter between repetitions.
    """
    axes = {"head.learning_rate": (0.01, 0.1, 1.0)} if axes is None else axes
    combinations = [dict(zip(axes, values, strict=True)) for values in itertools.product(*axes.values())]
    settings = tuple(
        Setting(", ".join(f"{axis.split('.')[-1].replace('_', ' ')} {value}" for axis, value in values.items()), values)
        for values in combinations
    ) or (Setting("all"),)
    count, generator = len(settings), np.random.default_rng(seed)
    tends_to = np.asarray(quality if quality is not None else 0.9 - 0.04 * np.arange(count))
    reached = tends_to[:, None] + 0.012 * generator.standard_normal((count, repetitions))
    pace = 0.08 + 0.5 * (np.arange(count)[:, None, None] + 1) / count
    falling = np.exp(-pace * np.arange(1, epochs + 1)) + 0.01 * generator.standard_normal((count, repetitions, epochs))
    curves = {
        "val_accuracy": np.clip(reached[..., None] - (tends_to[:, None, None] - 0.2) * falling, 0, 1),
        "accuracy": np.clip(reached[..., None] + 0.06 - (tends_to[:, None, None] - 0.2) * falling, 0, 1),
    }
    curves |= {"val_loss": 1.8 * (1 - curves["val_accuracy"]), "loss": 1.8 * (1 - curves["accuracy"])}
    for row, top in (exploding or {}).items():
        for name in ("loss", "val_loss"):
            curves[name][row] = np.linspace(1, top, epochs)
    curves |= {"val_precision": curves["val_accuracy"] + 0.01, "val_recall": curves["val_accuracy"].copy()}
    curves["seconds"] = np.broadcast_to(0.05 * np.arange(1.0, epochs + 1), (count, repetitions, epochs)).copy()
    lost = np.zeros((count, repetitions), bool)
    for row, column in diverged:
        lost[row, column] = True
        start = 0 if (row + column) % 2 else 3
        for name in curves.keys() - {"seconds"}:
            curves[name][row, column, start:] = np.nan
    known = np.where(np.isnan(curves["val_loss"]), np.inf, curves["val_loss"])
    best = known.argmin(axis=-1)
    at_best = {
        name: np.where(lost, np.nan, np.take_along_axis(curves[f"val_{name}"], best[..., None], -1)[..., 0])
        for name in ("accuracy", "loss")
    }
    return Results(
        settings=settings,
        repetitions=tuple(Repetition(index) for index in range(repetitions)),
        axes={axis: tuple(values) for axis, values in axes.items()},
        runs=tuple(tuple(Path(f"run-{row}-{column}") for column in range(repetitions)) for row in range(count)),
        accuracy=at_best["accuracy"],
        loss=at_best["loss"],
        best_epoch=np.where(lost, 0, best + 1),
        diverged=lost,
        chosen=tuple(("",) * repetitions for _ in range(count)),
        train_images=np.full(repetitions, 600),
        images=np.full(repetitions, 200),
        baseline=np.full(repetitions, 0.24),
        curves=curves,
    )
