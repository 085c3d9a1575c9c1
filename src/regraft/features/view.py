"""Which version of the images features are of: the plain one, or one of an augmentation's."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from regraft.errors import InputError
from regraft.features.engines import Pixels
from regraft.images.augmentation import Augmentation, read_view
from regraft.images.reading import read_image


@dataclass(frozen=True)
class View:
    """One version of every image.

    Attributes:
        augmentation: the policy; None for the plain view.
        number: which of its views; 0 is the plain one, whatever the policy.

    Raises:
        InputError: a number below 0, or above it without a policy.
    """

    augmentation: Augmentation | None = None
    number: int = 0

    def __post_init__(self) -> None:
        if self.number < 0 or (self.number and self.augmentation is None):
            raise InputError(
                "There is no such view.",
                expected="0, the plain view; with an augmentation 1, 2, … too",
                received=f"{self.number}{'' if self.augmentation else ' without an augmentation'}",
            )

    @property
    def name(self) -> str:
        """`plain`, or the augmentation's identity and the number: part of the features' identity."""
        return (
            "plain" if self.augmentation is None or not self.number else f"{self.augmentation.identity}-{self.number}"
        )

    def read(self, source: Path | bytes | Pixels, size: tuple[int, int], sha256: str) -> Pixels:
        """This view of an image: uint8 (height, width, 3).

        Raises:
            UnreadableImageError: the image cannot be decoded.
        """
        if self.augmentation is None or not self.number:
            return read_image(source, size)
        return read_view(source, size, self.augmentation, sha256, self.number)


PLAIN = View()
"""The images as they are."""
