"""What computes F(x): a small protocol, and the registry of engines."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt

from regraft.backbones.base import Base
from regraft.backbones.joint import SIGN, JointBase
from regraft.errors import InputError

Precision = Literal["f32", "bf16"]
Pixels = npt.NDArray[np.uint8]


class Engine(Protocol):
    """Runs a base over images.

    Attributes:
        name: in the registry; part of the features' identity.
        precision: what it computes in, a `Precision`, part of the features' identity; of several backbones as
            `joint_precision` names it.
        shape: of the features of one image: (features,), or (height, width, channels) where the base ends at a map.
    """

    name: str
    precision: str
    shape: tuple[int, ...]

    def run(self, images: Iterable[Pixels]) -> npt.NDArray[np.float32]:
        """Gives the features of uint8 RGB images (height, width, 3), in their order: (n, *shape) float32.

        Takes each image from the iterable only when it can be worked on.
        """
        ...


def _openvino(base: Base, precision: str) -> Engine:
    from regraft.backbones.graph import base_graph
    from regraft.features.openvino_engine import OpenVINOEngine

    return OpenVINOEngine(base_graph(base), precision)


def _keras(base: Base, precision: str) -> Engine:
    from regraft.features.keras_engine import KerasEngine

    return KerasEngine(base, precision)


ENGINES: dict[str, Callable[[Base, str], Engine]] = {"openvino": _openvino, "keras": _keras}
PRECISIONS = ("auto", "f32", "bf16")


def open_engine(name: str, base: Base, precision: str = "auto") -> Engine:
    """Gives an engine by name.

    Args:
        name: `openvino` (CPU) or `keras` (whatever Keras' backend runs on, a GPU for instance).
        base: the frozen part.
        precision: `f32`, `bf16`, or `auto`: bf16 where the processor has it, else f32. Of several backbones one for
            all, or one for each with a plus between them.

    Raises:
        InputError: no such engine or precision.
    """
    if isinstance(base, JointBase):
        from regraft.features.joint_engine import JointEngine

        each = member_precisions(precision, len(base.members))
        return JointEngine([open_engine(name, *pair) for pair in zip(base.members, each, strict=True)])
    resolved = resolved_precision(name, precision)
    return ENGINES[name](base, resolved)


def member_precisions(precision: str, members: int) -> list[str]:
    """The precision of each member of a joint base: `bf16+f32`, or one for all."""
    each = precision.split(SIGN)
    return each * members if len(each) == 1 else each


def joint_precision(each: Sequence[str]) -> str:
    """The precisions of the members of a joint base in one word: `f32` where all compute in that, else `bf16+f32`."""
    return each[0] if len(set(each)) == 1 else SIGN.join(each)


def resolved_precision(name: str, precision: str) -> Precision:
    """What an engine computes in when it is told to use a precision, found without opening it.

    Raises:
        InputError: no such engine or precision, or the two do not go together.
    """
    if name not in ENGINES:
        raise InputError(f"There is no engine {name!r}.", expected=" or ".join(ENGINES), received=name)
    if precision not in PRECISIONS:
        raise InputError(f"There is no precision {precision!r}.", expected=" or ".join(PRECISIONS), received=precision)
    if name == "keras":
        if precision == "bf16":
            raise InputError("The keras engine computes in f32.", hint="use --engine openvino, or --precision f32")
        return "f32"
    from regraft.features.openvino_engine import resolve_precision

    return resolve_precision(precision)
