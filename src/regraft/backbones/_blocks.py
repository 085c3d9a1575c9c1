"""The blocks of a network, by the names of its layers where a card says how they are made, else by its merges."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from regraft.backbones._topology import Graph, Step

STEM = "stem"


@dataclass(frozen=True)
class Block:
    """Steps that are trained together.

    Attributes:
        name: of a network of the catalogue as its layers are called; blocks that cannot be told apart by a cut are
            one, `first..last`.
        after: the position of the cut it begins after.
    """

    name: str
    after: int


@dataclass(frozen=True)
class _Segment:
    """What lies between a cut and the next: the smallest piece that can be a block."""

    after: int
    steps: list[Step]

    @property
    def weighs(self) -> bool:
        return any(getattr(step.operation, "weights", ()) for step in self.steps)


def read_blocks(graph: Graph, pattern: str | None) -> list[Block]:
    """Divides a network into blocks, from the input to the output.

    Args:
        graph: of the network.
        pattern: `Card.blocks`; None for a network without a card, whose blocks end where branches are merged, or
            begin at each layer with weights where there are no branches.

    Returns:
        The blocks in order, the first of them after the input. Layers before the first block by name are the block
        `stem` (part of the first block where they have no weights); those between two blocks belong to the earlier.
    """
    segments = _segments(graph)
    if pattern is not None:
        return _by_labels(segments, _labels_of(pattern))
    if any(_merges(step) for segment in segments[:-1] for step in segment.steps[-1:]):
        return _by_merges(segments)
    return _by_labels(segments, lambda step: step.name if _transforms(step.operation) else None)


def _segments(graph: Graph) -> list[_Segment]:
    starts = [graph.start - 1, *(at for at in graph.cuts if at >= graph.start)]
    ends = [*starts[1:], len(graph.steps) - 1]
    return [_Segment(after, list(graph.steps[after + 1 : end + 1])) for after, end in zip(starts, ends, strict=True)]


def _labels_of(pattern: str) -> Callable[[Step], str | None]:
    """What a step's name says of its block: the groups of the match, or all of it where the pattern has none."""

    def label(step: Step) -> str | None:
        found = re.search(pattern, step.name)
        return None if found is None else "".join(found.groups()) or found.group()

    return label


def _by_labels(segments: list[_Segment], label: Callable[[Step], str | None]) -> list[Block]:
    seen: set[str] = set()
    blocks: list[list[Any]] = []  # the labels of a block and the position of its cut
    before, before_weighs = segments[0].after, False
    for segment in segments:
        labels = [found for step in segment.steps if (found := label(step))]
        if labels and seen.isdisjoint(labels):
            if not blocks and before_weighs:
                blocks.append([[STEM], before])
            blocks.append([labels, segment.after if blocks else before])
        elif blocks:
            blocks[-1][0].extend(labels)
        else:
            before_weighs = before_weighs or segment.weighs
        seen.update(labels)
    return [Block(_joined(labels), after) for labels, after in blocks or [[[STEM], before]]]


def _joined(labels: list[str]) -> str:
    return labels[0] if labels[0] == labels[-1] else f"{labels[0]}..{labels[-1]}"


def _by_merges(segments: list[_Segment]) -> list[Block]:
    blocks, after = [], segments[0].after
    for segment, following in pairwise(segments):
        if _merges(segment.steps[-1]):
            blocks.append(Block(segment.steps[-1].name, after))
            after = following.after
    return blocks


def _merges(step: Step) -> bool:
    """Whether it joins branches. Multiplying does not count: it is how squeeze-and-excitation works inside a block."""
    return len(set(step.inputs)) > 1 and step.kind != "Multiply"


def _transforms(layer: Any) -> bool:
    """Whether a layer has weights and is more than the normalisation of what another gives."""
    return bool(getattr(layer, "weights", ())) and "Normalization" not in type(layer).__name__
