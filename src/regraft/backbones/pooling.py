"""How maps become a vector of features at the end of a base."""

from __future__ import annotations

from typing import Any

from regraft.errors import InputError

POOLINGS = ("average", "max", "both", "flatten")
"""Mean of each map; its maximum; the means, then the maxima; every number of the maps (height, width, channels)."""


def check_pooling(pooling: str) -> None:
    """Raises `InputError` for a pooling there is not."""
    if pooling not in POOLINGS:
        raise InputError("There is no pooling of that name.", expected=" or ".join(POOLINGS), received=repr(pooling))


def pool(maps: Any, pooling: str, data_format: str = "channels_last", then: tuple[Any, ...] = ()) -> Any:
    """Puts the pooling behind a symbolic tensor of maps, as Keras layers.

    Args:
        maps: (batch, height, width, channels), or (batch, channels, height, width) for `channels_first`.
        pooling: one of `POOLINGS`.
        data_format: of the maps; a flattened vector is in the order of `channels_last` either way.
        then: layers that normalise what has been pooled (ConvNeXt's last); maps to be flattened are normalised first.

    Returns:
        (batch, channels), twice as many for `both`, height × width × channels for `flatten`.
    """
    from keras import layers

    def normalised(tensor: Any) -> Any:
        for layer in then:
            tensor = layer(tensor)
        return tensor

    if pooling == "flatten":
        return layers.Flatten(data_format=data_format, name="regraft_flatten")(normalised(maps))
    kinds = {"average": layers.GlobalAveragePooling2D, "max": layers.GlobalMaxPooling2D}
    chosen = list(kinds) if pooling == "both" else [pooling]
    vectors = [
        normalised(kinds[kind](data_format=data_format, name=f"regraft_{kind}_pooling")(maps)) for kind in chosen
    ]
    return layers.Concatenate(name="regraft_pooling")(vectors) if len(vectors) > 1 else vectors[0]


def is_pooling(layer: Any) -> bool:
    """Whether a layer only pools: Keras' global pooling, or one of those `pool` adds."""
    from keras import layers

    kinds = (layers.GlobalAveragePooling2D, layers.GlobalMaxPooling2D)
    return isinstance(layer, kinds) or layer.name in ("regraft_flatten", "regraft_pooling")
