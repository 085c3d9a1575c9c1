"""The layers and the blocks of a network as tables, and where it can be cut."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from typing import Any

from regraft.backbones._blocks import read_blocks
from regraft.backbones._outlines import without_values
from regraft.backbones._topology import INPUT, read_graph
from regraft.backbones.cards import Card
from regraft.backbones.names import BackboneName
from regraft.backbones.networks import build_network


@dataclass(frozen=True)
class LayerRow:
    """One layer, or one bare operation such as `x + y`, which Keras does not count as a layer.

    Attributes:
        name: what Keras calls it; the first row is `input`.
        kind: its class.
        output_shape: of its (first) output, without the batch; None where a size is open.
        parameters: its weights, BatchNorm statistics included.
        block: the block it belongs to; empty for the input and regraft's preprocessing.
        cut: whether a base may end with it.
    """

    name: str
    kind: str
    output_shape: tuple[int | None, ...]
    parameters: int
    block: str
    cut: bool


@dataclass(frozen=True)
class BlockRow:
    """One block of a network.

    Attributes:
        name: as `LayerRow.block` has it.
        cut: the cut it begins after, as `CutPlan.at` names it.
        activations: shape of what comes through the cut, without the batch; None where a size is open.
        parameters: of all its layers.
    """

    name: str
    cut: str
    activations: tuple[int | None, ...]
    parameters: int


def layer_rows(model: Any, card: Card | None = None) -> list[LayerRow]:
    """Lists the layers of a functional or Sequential Keras model from its input to its output.

    Args:
        model: with one input and one output.
        card: of the network, for the names of its blocks.

    Raises:
        InputError: it is another kind of model.
    """
    graph = read_graph(model)
    blocks = read_blocks(graph, card.blocks if card else None)
    begin = [block.after for block in blocks]
    # In Keras' own order, where it has one: branches side by side, as in its summary.
    listed = {id(operation): place for place, operation in enumerate(getattr(model, "operations", ()))}
    rows, seen = [], set()
    for position, step in sorted(enumerate(graph.steps), key=lambda one: listed.get(id(one[1].operation), one[0])):
        if step.name in seen:
            continue  # another call of a layer that is used several times
        seen.add(step.name)
        block = blocks[bisect_right(begin, position - 1) - 1].name if position >= graph.start else ""
        rows.append(
            LayerRow(
                name=step.name if position else INPUT,
                kind=step.kind,
                output_shape=tuple(step.outputs[0].shape[1:]),
                parameters=_parameters(step.operation),
                block=block,
                cut=position in graph.cuts,
            )
        )
    return rows


def block_rows(model: Any, card: Card | None = None) -> list[BlockRow]:
    """Lists the blocks of a functional or Sequential Keras model from its input to its output.

    Args:
        model: with one input and one output.
        card: of the network, for the names of its blocks.

    Raises:
        InputError: it is another kind of model.
    """
    graph = read_graph(model)
    blocks = read_blocks(graph, card.blocks if card else None)
    parameters: dict[str, int] = dict.fromkeys((block.name for block in blocks), 0)
    for row in layer_rows(model, card):
        if row.block:
            parameters[row.block] += row.parameters
    return [
        BlockRow(
            name=block.name,
            cut=graph.cut_name(block.after),
            activations=tuple(graph.steps[block.after].outputs[0].shape[1:]),
            parameters=parameters[block.name],
        )
        for block in blocks
    ]


def network_outline(name: BackboneName) -> Any:
    """Builds a network of the catalogue to look at its layers: its weights have shapes, but no values.

    For the largest it saves seconds and a gigabyte.
    """

    with without_values():
        return build_network(name, weights=None)


def _parameters(operation: Any) -> int:
    return int(operation.count_params()) if hasattr(operation, "count_params") else 0
