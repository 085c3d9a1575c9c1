"""What each layer of a network costs: filters, sizes, parameters, multiply-accumulates.

The convention: a multiply-accumulate (MAC) is one product added to a sum, for one input (no batch). Convolutions
(depthwise, separable, grouped and transposed ones too) and Dense layers have them, one for each number of the filter at
each place of the output (of the input where transposed), also where part of the filter lies on padding. Adding biases,
BatchNorm and other normalisation, activations, pooling, resizing and adding or multiplying maps number by number are
not counted. It is the convention of the MobileNet papers (Howard et al. 2017, arXiv:1704.04861).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

from regraft.backbones._layer_calls import LayerCall, Shape, layer_calls
from regraft.backbones._layer_macs import read_filters
from regraft.backbones._outlines import without_values
from regraft.backbones.names import BackboneName
from regraft.backbones.networks import build_network


@dataclass(frozen=True)
class LayerCost:
    """One call of a layer, or of a bare operation such as `x + y`.

    Attributes:
        name: what Keras calls it; inside a nested model `MODEL/LAYER`.
        kind: its class.
        stride, dilation: along height and width; None for a layer that does not slide.
        padding: `valid` or `same`; None for a layer that does not slide.
        groups: of a convolution; None for other layers.
        window: height and width of a pooling's window; None for other layers and global pooling.
        filters: height × width × inputs (of one group) × outputs; of a depthwise convolution height × width × inputs ×
            multiplier; of a Dense layer inputs × outputs. Two for SeparableConv2D; none for a layer without.
        input: height × width × channels of its (first) input, without the batch; None where a size is open.
        output: the same of its (first) output.
        parameters: its weights, BatchNorm statistics included; 0 where an earlier row has counted them.
        trainable: those of them that training changes.
        macs: multiply-accumulates for one input; None where they cannot be counted.
        filter_macs: the same for each of `filters`; empty where they cannot be counted.
        uncounted: why they cannot; empty where they are.
        sources: the rows whose outputs it takes.
    """

    name: str
    kind: str
    stride: tuple[int, ...] | None
    dilation: tuple[int, ...] | None
    padding: str | None
    groups: int | None
    window: tuple[int, ...] | None
    filters: tuple[tuple[int, ...], ...]
    input: Shape
    output: Shape
    parameters: int
    trainable: int
    macs: int | None
    filter_macs: tuple[int, ...]
    uncounted: str
    sources: tuple[int, ...]


@dataclass(frozen=True)
class Totals:
    """The sums over a network.

    Attributes:
        parameters: of all layers, BatchNorm statistics included.
        trainable: those of them that training changes.
        macs: multiply-accumulates for one input, of the layers that can be counted: at least so many where
            `uncounted` names any.
        uncounted: the layers whose multiply-accumulates cannot be counted.
    """

    parameters: int
    trainable: int
    macs: int
    uncounted: tuple[str, ...]


def layer_costs(model: Any, size: tuple[int, ...] | None = None) -> list[LayerCost]:
    """Counts what every layer of a Keras model costs, nested models layer by layer; no number is computed.

    A layer without a rule (recurrent layers, attention, classes of one's own) is named in `uncounted`, not guessed.

    Args:
        model: a functional or Sequential Keras model; its weights need no values.
        size: (height, width) for a model whose input leaves them open. Without it the layers whose count depends on it
            are uncounted.

    Returns:
        A row for each call of a layer, in Keras' order, the input first.

    Raises:
        InputError: it is another kind of model, or `size` does not go with its input.
    """
    seen: set[int] = set()
    return [_cost(call, seen) for call in layer_calls(model, size)]


def network_costs(name: BackboneName) -> list[LayerCost]:
    """Counts a network of the catalogue as it was published, its 1000 ImageNet classes included.

    It is built without the values of its weights, which for the largest saves seconds and a gigabyte.
    """

    with without_values():
        return layer_costs(build_network(name, weights=None, include_top=True))


def totals(rows: Sequence[LayerCost]) -> Totals:
    """Adds up the rows of a network, or of some of its layers."""
    return Totals(
        parameters=sum(row.parameters for row in rows),
        trainable=sum(row.trainable for row in rows),
        macs=sum(row.macs or 0 for row in rows),
        uncounted=tuple(row.name for row in rows if row.macs is None),
    )


def _cost(call: LayerCall, seen: set[int]) -> LayerCost:
    layer = call.operation
    filters = read_filters(call)
    weights = _first_seen(getattr(layer, "weights", ()), seen)
    trained = {id(variable) for variable in getattr(layer, "trainable_weights", ())}
    window = getattr(layer, "pool_size", None)
    slides = window is not None or (bool(filters.shapes) and hasattr(layer, "strides"))
    counts = filters.macs is not None
    return LayerCost(
        name=call.name,
        kind=type(layer).__name__,
        stride=_sides(layer.strides) if slides else None,
        dilation=_sides(layer.dilation_rate) if slides and window is None else None,
        padding=str(layer.padding) if slides else None,
        groups=int(getattr(layer, "groups", 1)) if slides and window is None else None,
        window=_sides(window) if slides and window is not None else None,
        filters=filters.shapes,
        input=_channels_last(layer, call.inputs[0]) if call.inputs else (),
        output=_channels_last(layer, call.output),
        parameters=_count(weights),
        trainable=_count([variable for variable in weights if id(variable) in trained]),
        macs=sum(filters.macs or ()) if counts else None,
        filter_macs=filters.macs or (),
        uncounted=filters.uncounted,
        sources=call.sources,
    )


def _first_seen(variables: Sequence[Any], seen: set[int]) -> list[Any]:
    """Those that no earlier row has counted: a layer may be called twice, and layers may share weights."""
    new = [variable for variable in variables if id(variable) not in seen]
    seen.update(map(id, new))
    return new


def _count(variables: Sequence[Any]) -> int:
    return sum(prod(variable.shape) for variable in variables)


def _sides(value: Any) -> tuple[int, ...]:
    return (int(value),) if isinstance(value, int) else tuple(int(side) for side in value)


def _channels_last(layer: Any, shape: Shape) -> Shape:
    first = getattr(layer, "data_format", None) == "channels_first" and len(shape) > 1
    return (*shape[1:], shape[0]) if first else shape
