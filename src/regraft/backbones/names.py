"""How a backbone is written: `MobileNetV2`, `MobileNet-0.75`, `MobileNetV2-0.35@320`."""

from __future__ import annotations

from dataclasses import dataclass

from regraft.backbones.cards import Card
from regraft.backbones.catalogue import get_card
from regraft.errors import InputError

MAXIMUM_SIZE = 2048
"""Largest input side in pixels: beyond it a typing error is likelier than a wish, and memory runs out."""


@dataclass(frozen=True)
class BackboneName:
    """A backbone with its width and its input size; one that exists holds values that can be built.

    Attributes:
        card_name: the name of its card; any mixture of capitals is taken and put right.
        alpha: width multiplier, one of those that have official weights.
        size: side of the square input in pixels; 0 stands for the usual one and is replaced by it.

    Raises:
        InputError: there is no such backbone, no official weights of that width, or the size is out of range.
    """

    card_name: str
    alpha: float = 1.0
    size: int = 0

    def __post_init__(self) -> None:
        card = get_card(self.card_name)
        object.__setattr__(self, "card_name", card.name)
        object.__setattr__(self, "size", self.size or card.size)
        _check_alpha(card, self.alpha)
        _check_size(card, self.size)

    @property
    def card(self) -> Card:
        """The card with the facts about this backbone."""
        return get_card(self.card_name)

    def __str__(self) -> str:
        width = "" if self.alpha == 1.0 else f"-{self.alpha:g}"
        size = "" if self.size == self.card.size else f"@{self.size}"
        return f"{self.card_name}{width}{size}"


def parse_backbone(text: str) -> BackboneName:
    """Reads a backbone as it is written on the command line: NAME, NAME-ALPHA, NAME@SIZE or NAME-ALPHA@SIZE.

    Args:
        text: for instance `MobileNetV2-0.35@320`; capitals do not matter.

    Raises:
        InputError: unknown name, a width without official weights, or a size that cannot be built.
    """
    network, at, size_text = text.strip().partition("@")
    card_name, dash, alpha_text = network.rpartition("-")
    alpha = _number(alpha_text) if dash else None
    if alpha is None:
        # Not a width after the dash: the whole is a (misspelt) name, and the catalogue knows close ones.
        card_name, alpha = network, 1.0
    card = get_card(card_name)
    return BackboneName(card.name, alpha, _read_size(card, size_text) if at else card.size)


def _number(text: str) -> float | None:
    # Plain decimals only: float() would also take "nan", "1e0", "1_0" and digits of other scripts.
    digits = text.replace(".", "", 1)
    return float(text) if digits.isascii() and digits.isdecimal() else None


def _read_size(card: Card, text: str) -> int:
    # More than six digits are out of range anyway, and int() refuses thousands of them with a message of its own.
    if not (text.isascii() and text.isdecimal()) or len(text) > 6:
        raise _size_error(card, repr(text[:20]))
    size = int(text)
    _check_size(card, size)
    return size


def _check_size(card: Card, size: int) -> None:
    if not card.minimum_size <= size <= MAXIMUM_SIZE:
        raise _size_error(card, str(size))


def _size_error(card: Card, received: str) -> InputError:
    return InputError(
        f"{card.name} cannot be built for that input size.",
        expected=f"a whole number of pixels from {card.minimum_size} to {MAXIMUM_SIZE}",
        received=received,
        hint=f"write {card.name} alone for its usual {card.size} pixels",
    )


def _check_alpha(card: Card, alpha: float) -> None:
    widths = card.alphas or (1.0,)
    if alpha not in widths:
        others = ", ".join(f"{width:g}" for width in widths)
        raise InputError(
            f"There are no ImageNet weights for {card.name} of that width.",
            expected=f"one of the widths {others}" if card.alphas else "no width: this network comes in one only",
            received=f"{alpha:g}",
            hint=f"write {card.name} alone for its usual width",
        )
