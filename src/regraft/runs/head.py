"""N on disk: the trained head with all that is needed to find the F it belongs to, without Keras."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import numpy as np
import numpy.typing as npt

from regraft._files import write_bytes
from regraft.errors import InputError
from regraft.training.settings import HiddenActivation
from regraft.training.weights import HeadWeights


@dataclass(frozen=True, eq=False)
class SavedHead:
    """A head and the base it stands on.

    Attributes:
        weights: of the head, for features as the base gives them.
        activation: `softmax`, or `sigmoid` with one output: the probability of the second class.
        backbone: how the backbone is written.
        base: the identity of the base.
        size: height and width of its input.
        precision: what the base was computed in.
        dropout: what the head was trained with.
    """

    weights: HeadWeights
    activation: str
    backbone: str
    base: str
    size: tuple[int, int]
    precision: str
    dropout: float = 0.0

    @property
    def kernel(self) -> npt.NDArray[np.float32]:
        """Of a linear head, (features, outputs); an InputError where there are hidden layers."""
        return self.weights.kernel

    @property
    def bias(self) -> npt.NDArray[np.float32]:
        """Of a linear head, (outputs,); an InputError where there are hidden layers."""
        return self.weights.bias


def write_head(path: Path, head: SavedHead) -> None:
    """Writes a head as safetensors, its facts in the metadata.

    The tensors are `kernel` and `bias` of the last layer, and `hidden1.kernel`, `hidden1.bias` … of those before it.
    """
    from safetensors.numpy import save

    facts: dict[str, Any] = {
        "activation": head.activation,
        "backbone": head.backbone,
        "base": head.base,
        "size": list(head.size),
        "precision": head.precision,
    }
    if head.weights.hidden:
        facts["hidden_activation"] = head.weights.hidden_activation
    if head.dropout:
        facts["dropout"] = head.dropout
    tensors = {}
    for prefix, (kernel, bias) in zip(_prefixes(len(head.weights.layers)), head.weights.layers, strict=True):
        tensors[f"{prefix}kernel"], tensors[f"{prefix}bias"] = np.ascontiguousarray(kernel), np.ascontiguousarray(bias)
    write_bytes(path, save(tensors, {"regraft": json.dumps(facts)}))


def read_head(path: Path) -> SavedHead:
    """Reads a head.

    Raises:
        InputError: there is none, or it was not written by regraft.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            facts: dict[str, Any] = json.loads(file.metadata()["regraft"])
            layers = tuple(
                (file.get_tensor(f"{prefix}kernel"), file.get_tensor(f"{prefix}bias"))
                for prefix in _prefixes(len(file.keys()) // 2)
            )
        kind = facts.pop("hidden_activation", "relu")
        if kind not in get_args(HiddenActivation):
            raise ValueError(f"there is no activation {kind!r}")
        height, width = facts.pop("size")
        return SavedHead(HeadWeights(layers, kind), size=(height, width), **facts)
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"{path.parent} is no finished run.",
            expected=f"a folder made by `regraft train`, with {path.name} in it",
            received=str(error),
        ) from error


def _prefixes(layers: int) -> list[str]:
    """What the tensors of each layer begin with; those of a linear head have plain names."""
    return [*(f"hidden{number}." for number in range(1, layers)), ""]
