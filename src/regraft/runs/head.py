"""N on disk: the trained head with all that is needed to find the F it belongs to, without Keras."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from regraft._files import write_bytes
from regraft.errors import InputError


@dataclass(frozen=True, eq=False)
class SavedHead:
    """A linear head and the base it stands on.

    Attributes:
        kernel, bias: (features, outputs) and (outputs,) float32, for features as the base gives them.
        activation: `softmax`, or `sigmoid` with one output: the probability of the second class.
        backbone: how the backbone is written.
        base: the identity of the base.
        size: height and width of its input.
        precision: what the base was computed in.
    """

    kernel: npt.NDArray[np.float32]
    bias: npt.NDArray[np.float32]
    activation: str
    backbone: str
    base: str
    size: tuple[int, int]
    precision: str


def write_head(path: Path, head: SavedHead) -> None:
    """Writes a head as safetensors, its facts in the metadata."""
    from safetensors.numpy import save

    facts = {
        "activation": head.activation,
        "backbone": head.backbone,
        "base": head.base,
        "size": list(head.size),
        "precision": head.precision,
    }
    write_bytes(path, save({"kernel": head.kernel, "bias": head.bias}, {"regraft": json.dumps(facts)}))


def read_head(path: Path) -> SavedHead:
    """Reads a head.

    Raises:
        InputError: there is none, or it was not written by regraft.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            facts: dict[str, Any] = json.loads(file.metadata()["regraft"])
            kernel, bias = file.get_tensor("kernel"), file.get_tensor("bias")
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"{path.parent} is no finished run.",
            expected=f"a folder made by `regraft train`, with {path.name} in it",
            received=str(error),
        ) from error
    height, width = facts.pop("size")
    return SavedHead(kernel, bias, size=(height, width), **facts)
