"""The calls of layers in a Keras model, in the order it makes them, with the shapes they see; nested models opened."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any

from regraft.errors import InputError

Shape = tuple[int | None, ...]
"""Sizes without the batch; None where one is open."""


@dataclass(frozen=True)
class LayerCall:
    """One call of a layer, or of a bare operation such as `x + y`.

    Attributes:
        name: of the layer; inside a nested model `MODEL/LAYER`.
        operation: the Keras layer or operation.
        sources: positions of the calls whose outputs it takes.
        inputs: the shapes of what it takes.
        output: the shape of its (first) output.
    """

    name: str
    operation: Any
    sources: tuple[int, ...]
    inputs: tuple[Shape, ...]
    output: Shape


def layer_calls(model: Any, size: tuple[int, ...] | None = None) -> list[LayerCall]:
    """Lists the calls of a functional or Sequential Keras model, each after those it takes something from.

    Args:
        model: with any number of inputs and outputs; models used as layers in it are opened.
        size: for a model whose input leaves sizes open, those sizes in order (height, width); None leaves them open.

    Raises:
        InputError: it is another kind of model, or the open sizes of its inputs are not as many as given.
    """
    if not is_graph(model):
        raise InputError(
            "The layers of this model cannot be followed.",
            expected="a functional or Sequential Keras model that has been built (keras.Input as its first layer)",
            received=f"a {type(model).__name__}",
        )
    calls: list[LayerCall] = []
    given = []
    for tensor in model.inputs:
        shape = _sized(tuple(tensor.shape), size)
        given.append((_like(tensor, shape), len(calls)))
        name = str(tensor._keras_history.operation.name)
        calls.append(LayerCall(name, tensor._keras_history.operation, (), (shape[1:],), shape[1:]))
    _follow(model, given, "", calls)
    return calls


def is_graph(operation: Any) -> bool:
    """Whether it is a model that Keras keeps as a graph of layers: functional, or Sequential once it is built."""
    return hasattr(_graph_of(operation), "_nodes_by_depth") and bool(operation.inputs)


def _graph_of(model: Any) -> Any:
    return getattr(model, "_functional", None) or model


def _sized(shape: Shape, size: tuple[int, ...] | None) -> Shape:
    """The shape of an input, batch included, with its open sizes filled in."""
    if size is None:
        return shape
    open_axes = [axis for axis, side in enumerate(shape) if axis and side is None]
    if len(open_axes) != len(size):
        raise InputError(
            "The input size does not go with this model.",
            expected=f"{len(open_axes)} sizes for its input of {shown_shape(shape[1:])}"
            if open_axes
            else f"no size: its input is {shown_shape(shape[1:])} already",
            received=shown_shape(size),
        )
    filled = dict(zip(open_axes, size, strict=True))
    return tuple(filled.get(axis, side) for axis, side in enumerate(shape))


def shown_shape(shape: Shape) -> str:
    """`112×112×32`; an open size as `?`."""
    return "×".join("?" if side is None else str(side) for side in shape)


def _like(tensor: Any, shape: Shape) -> Any:
    """A symbolic tensor of that shape, batch included: the given one where that is its own."""
    import keras

    return tensor if tuple(tensor.shape) == shape else keras.KerasTensor(shape, dtype=tensor.dtype)


def _follow(model: Any, given: list[tuple[Any, int]], prefix: str, calls: list[LayerCall]) -> list[tuple[Any, int]]:
    """Adds the calls of a model whose inputs are given, each with the call it comes from; gives its outputs so."""
    graph = _graph_of(model)
    values = {id(tensor): one for tensor, one in zip(graph.inputs, given, strict=True)}
    # Keras' own order: by depth, branches side by side, as in its summary.
    for depth in sorted(graph._nodes_by_depth, reverse=True):
        for node in graph._nodes_by_depth[depth]:
            if node.is_input:
                continue
            taken = [values[id(tensor)] for tensor in node.input_tensors]
            name = f"{prefix}{node.operation.name}"
            if is_graph(node.operation):
                results = _follow(node.operation, taken, f"{name}/", calls)
            else:
                outputs = _outputs(node, {key: tensor for key, (tensor, _) in values.items()})
                call = LayerCall(
                    name,
                    node.operation,
                    tuple(source for _, source in taken),
                    tuple(tuple(tensor.shape[1:]) for tensor, _ in taken),
                    tuple(outputs[0].shape[1:]),
                )
                results = [(tensor, len(calls)) for tensor in outputs]
                calls.append(call)
            values |= {id(tensor): one for tensor, one in zip(node.outputs, results, strict=True)}
    return [values[id(tensor)] for tensor in graph.outputs]


def _outputs(node: Any, values: dict[int, Any]) -> list[Any]:
    """What a call gives for those inputs: what Keras noted, unless a size has been filled in since."""
    from keras import tree

    if all(tuple(values[id(tensor)].shape) == tuple(tensor.shape) for tensor in node.input_tensors):
        return list(node.outputs)
    arguments, options = node.arguments.fill_in(values)
    return list(tree.flatten(node.operation.compute_output_spec(*arguments, **options)))


def size_of(shape: Shape) -> int | None:
    """How many numbers a tensor of that shape has; None where a size is open."""
    sides = [side for side in shape if side is not None]
    return prod(sides) if len(sides) == len(shape) else None
