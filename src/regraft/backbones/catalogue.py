"""Every backbone regraft knows, and how one is looked up."""

from __future__ import annotations

import difflib

from regraft.backbones._catalogue_efficientnet import EFFICIENTNET, EFFICIENTNET_LITE, EFFICIENTNET_V2
from regraft.backbones._catalogue_large import (
    ALEXNET,
    CONVNEXT,
    DENSENET,
    INCEPTION,
    RESNET,
    RESNET_V2,
    VGG,
    XCEPTION,
)
from regraft.backbones._catalogue_mobile import MOBILENET, MOBILENET_V3, NASNET
from regraft.backbones.cards import Card
from regraft.errors import InputError

DEFAULT_BACKBONE = "EfficientNetLite0"

CATALOGUE: dict[str, Card] = {
    card.name: card
    for card in (
        *EFFICIENTNET_LITE,
        ALEXNET,
        XCEPTION,
        *VGG,
        *RESNET,
        *RESNET_V2,
        *INCEPTION,
        *MOBILENET,
        *MOBILENET_V3,
        *DENSENET,
        *NASNET,
        *EFFICIENTNET,
        *EFFICIENTNET_V2,
        *CONVNEXT,
    )
}
"""The cards by name: the default first, then the others Keras lacks and those it has, families together."""


def get_card(name: str) -> Card:
    """The card of a backbone; capitals do not matter.

    Args:
        name: as Keras spells it, without width and size: `MobileNetV2`.

    Raises:
        InputError: there is no such backbone; the message names those that are spelt almost so.
    """
    if card := CATALOGUE.get(name):
        return card
    for card in CATALOGUE.values():
        if card.name.lower() == name.lower():
            return card
    close = _close_names(name)
    raise InputError(
        "There is no backbone of that name.",
        expected=f"perhaps {' or '.join(close)}" if close else f"a name such as {DEFAULT_BACKBONE} or MobileNetV2",
        received=_shortened(name),
        hint="`regraft backbones` lists them all",
    )


_LONGEST = 60
"""Characters of a wrong name that are compared and shown; difflib's time grows with the square of it."""


def _close_names(name: str) -> list[str]:
    # Other libraries write mobilenet_v2 or efficientnet-lite0: only letters and digits are compared.
    spelt = {_letters_and_digits(card_name): card_name for card_name in CATALOGUE}
    asked = _letters_and_digits(name[:_LONGEST])
    if asked in spelt:
        return [spelt[asked]]
    return [spelt[match] for match in difflib.get_close_matches(asked, spelt, n=3, cutoff=0.6)]


def _letters_and_digits(text: str) -> str:
    return "".join(character for character in text.lower() if character.isalnum())


def _shortened(name: str) -> str:
    return repr(name if len(name) <= _LONGEST else name[:_LONGEST] + "…")
