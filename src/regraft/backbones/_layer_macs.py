"""How many multiply-accumulates one call of a layer takes, and by which filters; what has no rule is not guessed."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any

from regraft.backbones._layer_calls import LayerCall, Shape, size_of

NO_RULE = "no rule for this kind of layer"
OPEN_SIZE = "its input size is open"

# By name: whatever of these Keras has, it multiplies matrices without a layer's weights, or hides another model.
_WITHOUT_RULE = (
    "AdditiveAttention Attention CDist Conv ConvTranspose DepthwiseConv Dot DotProductAttention Einsum FFT FFT2 "
    "FlaxLayer GaussianBlur IFFT2 IRFFT ISTFT Inner JaxLayer Kron Lambda MelSpectrogram Matmul Outer RFFT "
    "STFT SeparableConv SobelEdges TFSMLayer Tensordot TorchModuleWrapper Vdot"
)
_OPERATIONS_WITHOUT_RULE = frozenset(_WITHOUT_RULE.split())


@dataclass(frozen=True)
class Filters:
    """The weights of a layer as its documentation writes them, and what they cost.

    Attributes:
        shapes: of its filters: height × width × inputs (of one group) × outputs; of a depthwise one height × width ×
            inputs × multiplier; of a Dense layer inputs × outputs. Two for SeparableConv2D, else one or none.
        macs: multiply-accumulates of one call, for each of `shapes`; None where they are not known.
        uncounted: why they are not; empty where they are.
    """

    shapes: tuple[tuple[int, ...], ...] = ()
    macs: tuple[int, ...] | None = ()
    uncounted: str = ""


def read_filters(call: LayerCall) -> Filters:
    """The filters of one call of a layer and its multiply-accumulates for one input, from its settings and shapes."""
    from keras import layers

    layer, kind = call.operation, type(call.operation)
    if getattr(layer, "lora_enabled", False):
        return Filters(macs=None, uncounted="it has LoRA weights")
    # The exact class: one derived from it may compute something else.
    if kind is layers.Dense:
        return _filters(((int(call.inputs[0][-1] or 0), layer.units),), call.inputs[0][:-1])
    if kind in (layers.Conv1D, layers.Conv2D, layers.Conv3D):
        shape = (*layer.kernel_size, channels(layer, call.inputs[0]) // layer.groups, layer.filters)
        return _filters((shape,), positions(layer, call.output))
    if kind in (layers.Conv1DTranspose, layers.Conv2DTranspose, layers.Conv3DTranspose):
        # Each position of the input is multiplied by the whole filter: as in the convolution it is the reverse of.
        shape = (*layer.kernel_size, channels(layer, call.inputs[0]), layer.filters)
        return _filters((shape,), positions(layer, call.inputs[0]))
    if kind in (layers.DepthwiseConv1D, layers.DepthwiseConv2D, layers.SeparableConv1D, layers.SeparableConv2D):
        inputs = channels(layer, call.inputs[0])
        shapes = [(*layer.kernel_size, inputs, layer.depth_multiplier)]
        if kind in (layers.SeparableConv1D, layers.SeparableConv2D):
            ones = (1,) * len(layer.kernel_size)
            shapes.append((*ones, inputs * layer.depth_multiplier, layer.filters))
        return _filters(tuple(shapes), positions(layer, call.output))
    return Filters() if _multiplies_nothing(layer) else Filters(macs=None, uncounted=NO_RULE)


def _filters(shapes: tuple[tuple[int, ...], ...], places: Shape) -> Filters:
    """Every number of a filter is used once at every place."""
    count = size_of(places)
    if count is None:
        return Filters(shapes, None, OPEN_SIZE)
    return Filters(shapes, tuple(prod(shape) * count for shape in shapes))


def channels(layer: Any, shape: Shape) -> int:
    """How many channels maps have, where a layer's `data_format` puts them. (Keras builds no layer without them.)"""
    return int(shape[0 if layer.data_format == "channels_first" else -1] or 0)


def positions(layer: Any, shape: Shape) -> Shape:
    """The height and width of maps."""
    return shape[1:] if layer.data_format == "channels_first" else shape[:-1]


def _multiplies_nothing(layer: Any) -> bool:
    """Whether a layer is known to have no multiply-accumulates by the convention of `costs`."""
    from keras import layers

    elementwise = (
        layers.BatchNormalization,
        layers.LayerNormalization,
        layers.GroupNormalization,
        layers.RMSNormalization,
        layers.Normalization,
        layers.PReLU,
        layers.Embedding,  # a row looked up
    )
    kind = type(layer)
    if kind in elementwise or (kind.__name__, kind.__module__) == ("LayerScale", "keras.src.applications.convnext"):
        return True
    ours = kind.__module__.startswith("keras.") and not kind.__module__.startswith("keras.src.ops.linalg")
    return ours and kind.__name__ not in _OPERATIONS_WITHOUT_RULE and not getattr(layer, "weights", ())
