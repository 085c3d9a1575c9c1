"""Several bases on the same pixels, their features side by side."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from regraft.backbones.base import Base
from regraft.backbones.preprocessing import INSIDE
from regraft.backbones.weights import Weights
from regraft.errors import InputError

SIGN = "+"
"""Between the members, where several backbones are written as one."""


@dataclass(frozen=True)
class JointBase(Base):
    """Several bases that read images of one size, that of the largest; `join_bases` makes one.

    It has no graph, no weight file and no store of its own: each member has. As a `Base` it is like a saved model:
    without a network, its preprocessing inside.

    Attributes:
        members: at least two, no two of them the same, all of the same height and width.
    """

    members: tuple[Base, ...] = ()

    @property
    def ends_at_layer(self) -> bool:
        """False: it ends in the members' features."""
        return False

    def until_features(self) -> JointBase:
        """Itself."""
        return self

    def read_at(self, height: int, width: int) -> JointBase:
        """The same members on images read at another size; see `Base.read_at`."""
        return join_bases([member.read_at(height, width) for member in self.members])

    def description(self) -> dict[str, Any]:
        """All that decides what it computes, as plain JSON: the members in their order."""
        return {"members": [member.description() for member in self.members]}

    def refuse_several(self, why: str) -> NoReturn:
        """Raises the InputError for what only a single backbone can do."""
        raise InputError(
            f"{why}: there are {len(self.members)} backbones at once.",
            expected="one backbone",
            received=self.spelling,
            hint=f"train on one of them, such as --backbone {self.members[0].spelling}",
        )


def join_bases(bases: Sequence[Base]) -> JointBase:
    """Joins bases: the images are read at the largest height and width, and those for less resize them inside.

    Raises:
        InputError: one is there twice, or cannot work on images of that size.
    """
    height, width = max(base.height for base in bases), max(base.width for base in bases)
    members = tuple(base.read_at(height, width) for base in bases)
    spelling = SIGN.join(member.spelling for member in members)
    if len({member.identity for member in members}) < len(members):
        raise InputError(
            "A backbone is there twice, which adds nothing.",
            expected="backbones that differ",
            received=spelling,
        )
    digest = hashlib.sha256("".join(member.weights.sha256 for member in members).encode()).hexdigest()
    origins = SIGN.join(dict.fromkeys(member.weights.origin for member in members))
    # No file: what opens one by mistake says so.
    weights = Weights(Path(spelling), digest, origins.replace(SIGN, ", "))
    return JointBase(spelling, None, weights, height, width, INSIDE, "last", members[0].pooling, members)


def members_of(base: Base) -> tuple[Base, ...]:
    """The members of a joint base; of any other the base itself."""
    return base.members if isinstance(base, JointBase) else (base,)


def member_spellings(text: str) -> list[str]:
    """The backbones in a text such as `EfficientNetLite0@320+runs/mine`; a saved model's path may have a plus in it."""
    parts, found = text.split(SIGN), []
    while parts:
        taken = next((end for end in range(len(parts), 1, -1) if _is_saved(SIGN.join(parts[:end]))), 1)
        found.append(SIGN.join(parts[:taken]).strip())
        parts = parts[taken:]
    return found


def _is_saved(text: str) -> bool:
    path = Path(text).expanduser()
    with suppress(OSError, ValueError):  # too long for a path, or with a null byte: no path
        return (path / "model.keras").is_file() or (path.suffix == ".keras" and path.is_file())
    return False
