"""The blocks of a network in groups, by the size of their maps: what fine-tuning unfreezes, each at its own rate."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import Any

from regraft.backbones.cards import Card
from regraft.backbones.layer_rows import block_rows, layer_rows

FEWEST = 3
"""Where the sizes give fewer groups than this, every block is one."""


@dataclass(frozen=True)
class BlockGroup:
    """Blocks that follow each other and give maps of one size.

    Attributes:
        name: of the first and the last block: `conv_6..conv_11`.
        pixels: height of the maps they give; None where it is open.
        cut: the cut they begin after, as `CutPlan.at` names it.
        layers: the names of their layers.
        parameters: of these, statistics of BatchNorm included.
    """

    name: str
    pixels: int | None
    cut: str
    layers: tuple[str, ...]
    parameters: int


def block_groups(model: Any, card: Card | None) -> list[BlockGroup]:
    """The groups of a whole network, from the input to the output.

    Args:
        model: from pixels to features.
        card: of the network, for the names of its blocks; None for a saved model.
    """
    blocks, layers = block_rows(model, card), layer_rows(model, card)
    heights: dict[str, int | None] = {}
    for row in layers:  # the last layer of a block that gives maps
        if row.block and len(row.output_shape) == 3:
            heights[row.block] = row.output_shape[0]
    keys = [heights.get(block.name) for block in blocks]
    by_size = [list(group) for _, group in groupby(range(len(blocks)), key=lambda place: keys[place])]
    parts = by_size if len(by_size) >= FEWEST else [[place] for place in range(len(blocks))]
    return [
        BlockGroup(
            name=blocks[part[0]].name if len(part) == 1 else f"{blocks[part[0]].name}..{blocks[part[-1]].name}",
            pixels=keys[part[-1]],
            cut=blocks[part[0]].cut,
            layers=tuple(row.name for row in layers if row.block in {blocks[place].name for place in part}),
            parameters=sum(blocks[place].parameters for place in part),
        )
        for part in parts
    ]
