"""Layer names that do not depend on what a process has built before."""

from __future__ import annotations

import re
from typing import Any


def rename_layers(network: Any) -> None:
    """Gives the layers that Keras numbers the names they have in a process that has made no other layers.

    Keras counts the layers of a class over the whole process (`conv2d_93` after 93 others), and a cut is found again
    by its layer's name.
    """
    numbered: dict[str, list[tuple[int, Any]]] = {}
    for operation in network.operations:
        prefix = _snake_case(type(operation).__name__)
        if found := re.fullmatch(rf"{prefix}(?:_(\d+))?", operation.name):
            numbered.setdefault(prefix, []).append((int(found.group(1) or 0), operation))
    for prefix, operations in numbered.items():
        first = min(number for number, _ in operations)
        for number, operation in operations:
            operation.name = prefix if number == first else f"{prefix}_{number - first}"


def _snake_case(name: str) -> str:
    """As Keras makes a layer's name of its class: GlobalAveragePooling2D becomes global_average_pooling2d."""
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()
