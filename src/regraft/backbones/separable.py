"""The depthwise-separable pairs of a network, and what each saves against the standard convolution it replaces.

Howard et al. 2017, MobileNets (arXiv:1704.04861), equations 2 to 5: a standard convolution of D_K × D_K filters from
M to N channels on D_F × D_F places takes D_K·D_K·M·N·D_F·D_F multiply-accumulates; a depthwise one followed by a 1×1
convolution D_K·D_K·M·D_F·D_F + M·N·D_F·D_F, which is 1/N + 1/D_K² of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

from regraft.backbones.costs import LayerCost

# What may stand between the two convolutions: it works on each number, or each map, by itself.
_GO_BETWEEN = (
    "Activation BatchNormalization Dropout ELU GaussianDropout GaussianNoise HardSigmoid HardSilu LayerNormalization "
    "LayerScale LeakyReLU Multiply PReLU ReLU Relu Relu6 Sigmoid Silu SpatialDropout2D"
)
_BETWEEN = frozenset(_GO_BETWEEN.split())


@dataclass(frozen=True)
class SeparablePair:
    """A depthwise convolution and the 1×1 convolution after it, or one SeparableConv2D.

    Attributes:
        depthwise, pointwise: names of the two layers; the same for SeparableConv2D.
        kernel: height and width of the depthwise filters, D_K.
        stride: of the depthwise convolution.
        inputs, outputs: channels, M and N.
        multiplier: channels that the depthwise convolution makes of each of its inputs; 1 in the MobileNets.
        macs: multiply-accumulates of both.
        standard_macs: those of the standard convolution of the same kernel and stride from `inputs` to `outputs`.
        parameters: numbers in the filters of both, without biases.
        standard_parameters: those in the filters of the standard convolution.
    """

    depthwise: str
    pointwise: str
    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    inputs: int
    outputs: int
    multiplier: int
    macs: int
    standard_macs: int
    parameters: int
    standard_parameters: int

    @property
    def ratio(self) -> float:
        """The counted cost as a part of the standard convolution's."""
        return self.macs / self.standard_macs

    @property
    def formula(self) -> float:
        """What the paper's formula gives for the ratio: 1/N + 1/D_K², times the multiplier where it is not 1."""
        return self.multiplier * (1 / self.outputs + 1 / prod(self.kernel))


def separable_pairs(rows: Sequence[LayerCost]) -> list[SeparablePair]:
    """Finds every depthwise-separable pair of a network, in its order.

    A depthwise convolution may also be written as a Conv2D with as many groups as channels, the 1×1 convolution as a
    Dense layer on maps (ConvNeXt). Between them may stand normalisation, activations, dropout and the gates of
    squeeze-and-excitation, whose own cost is not part of the pair's.

    Args:
        rows: all of a network's, as `costs.layer_costs` gives them. Pairs whose size is open are left out.
    """
    ends: dict[int, list[int]] = {}
    for position, row in enumerate(rows):
        if _is_pointwise(row) and (start := _depthwise_before(rows, row.sources[0])) is not None:
            ends.setdefault(start, []).append(position)
    pairs = []
    for position, row in enumerate(rows):
        if row.macs is None:
            continue
        if row.kind == "SeparableConv2D":
            pairs.append(_pair(row, row, row.filters[1], row.filter_macs[1]))
        # Two 1×1 convolutions after one depthwise do not stand for one standard convolution.
        elif len(followers := ends.get(position, [])) == 1:
            end = rows[followers[0]]
            if end.macs is not None:
                pairs.append(_pair(row, end, end.filters[0], end.macs))
    return pairs


def _pair(depthwise: LayerCost, pointwise: LayerCost, point: tuple[int, ...], point_macs: int) -> SeparablePair:
    assert depthwise.stride is not None
    *kernel, _, multiplier = depthwise.filters[0]
    inputs = depthwise.input[-1] or 0
    outputs = point[-1]
    places = depthwise.filter_macs[0] // prod(depthwise.filters[0])
    standard = prod(kernel) * inputs * outputs
    if depthwise.kind == "Conv2D":  # by groups: height × width × 1 × outputs
        multiplier = depthwise.filters[0][-1] // inputs
    return SeparablePair(
        depthwise=depthwise.name,
        pointwise=pointwise.name,
        kernel=tuple(kernel),
        stride=depthwise.stride,
        inputs=inputs,
        outputs=outputs,
        multiplier=multiplier,
        macs=depthwise.filter_macs[0] + point_macs,
        standard_macs=standard * places,
        parameters=prod(depthwise.filters[0]) + prod(point),
        standard_parameters=standard,
    )


def _is_depthwise(row: LayerCost) -> bool:
    if row.kind == "DepthwiseConv2D":
        return True
    return row.kind == "Conv2D" and row.groups is not None and row.groups > 1 and row.groups == row.input[-1]


def _is_pointwise(row: LayerCost) -> bool:
    if row.kind == "Dense":
        return len(row.input) == 3
    return row.kind == "Conv2D" and row.groups == 1 and row.filters[0][:2] == (1, 1) and row.stride == (1, 1)


def _depthwise_before(rows: Sequence[LayerCost], position: int) -> int | None:
    """The depthwise convolution that a row's output comes from, through nothing but what may stand between."""
    found: set[int | None] = set()
    waiting = [position]
    while waiting:
        at = waiting.pop()
        row = rows[at]
        if _is_depthwise(row):
            found.add(at)
        elif row.kind in _BETWEEN:
            # The gates of squeeze-and-excitation have one place only; the maps they multiply keep their size.
            waiting += [source for source in set(row.sources) if rows[source].output == row.output]
        else:
            found.add(None)
    return found.pop() if len(found) == 1 else None
