"""The options about augmentation that several commands have."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from regraft.errors import InputError

Views = Annotated[
    int | None,
    typer.Option(help="Augmented views of each training image to train on. Default: none, or 8 for fine-tuning."),
]
TestViews = Annotated[
    int | None, typer.Option(help="Average the answers over so many augmented views beside the plain image.")
]
HorizontalFlip = Annotated[
    bool | None,
    typer.Option(
        "--horizontal-flip/--no-horizontal-flip",
        help="Views may be mirrored. What this and the next seven leave open is chosen for the data set.",
    ),
]
VerticalFlip = Annotated[bool | None, typer.Option("--vertical-flip/--no-vertical-flip")]
Rotation = Annotated[float | None, typer.Option(help="Degrees, either way.")]
Zoom = Annotated[str | None, typer.Option(help="Part of each side that is seen: 0.8,1.0.")]
Crop = Annotated[str | None, typer.Option(help="Part of the area that a random window shows: 0.5,1.0.")]
Brightness = Annotated[float | None, typer.Option(help="0.2 is ±20 %; likewise the next two.")]
Contrast = Annotated[float | None, typer.Option()]
Colour = Annotated[float | None, typer.Option()]


def pair(name: str, text: str | None) -> list[float] | None:
    """`0.8,1.0` as two numbers.

    Raises:
        InputError: it is something else.
    """
    if text is None:
        return None
    try:
        low, high = (float(part) for part in text.split(","))
    except ValueError:
        raise InputError(
            f"--{name} cannot be read.", expected="lowest and highest, such as 0.8,1.0", received=repr(text)
        ) from None
    return [low, high]


def augmentation_values(
    views: int | None,
    test_views: int | None,
    horizontal_flip: bool | None,
    vertical_flip: bool | None,
    rotation: float | None,
    zoom: str | None,
    crop: str | None,
    brightness: float | None,
    contrast: float | None,
    colour: float | None,
) -> dict[str, Any]:
    """The options as the section `augmentation` of a config; None for those not given."""
    return {
        "views": views,
        "test_views": test_views,
        "horizontal_flip": horizontal_flip,
        "vertical_flip": vertical_flip,
        "rotation": rotation,
        "zoom": pair("zoom", zoom),
        "crop": pair("crop", crop),
        "brightness": brightness,
        "contrast": contrast,
        "colour": colour,
    }
