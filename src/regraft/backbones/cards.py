"""The card of a backbone: the facts everything else about it is derived from."""

from __future__ import annotations

from dataclasses import dataclass

from regraft.backbones.preprocessing import Preprocessing

KERAS_SOURCE = (
    "size in MB, top-1, top-5 and depth: the table at https://keras.io/api/applications; "
    "parameters, sizes and width of the features: built with Keras 3.15"
)
KERAS_LICENCE_SOURCE = "licence: the documentation of Keras 2.2 (the present one names none)"


@dataclass(frozen=True, kw_only=True)
class Card:
    """One backbone, written down once.

    Attributes:
        name: as Keras spells it.
        family: networks of one design, for grouping in tables.
        module: the module of `keras.applications` that builds it; `efficientnet_lite` and `alexnet` are ours.
        size: usual side of the square input, in pixels: what the ImageNet weights were evaluated at.
        minimum_size: smallest side it can be built for without its classifier, in pixels.
        preprocessing: from pixels to the network's input.
        parameters: all weights at alpha 1.0 with the 1000-class top, BatchNorm statistics included.
        size_mb: of the float32 weights file with the top, in units of 1,048,576 bytes (what Keras' table calls MB).
        top1: ImageNet validation accuracy, percent; None where nobody reports it.
        top5: ImageNet validation top-5 accuracy, percent; None where nobody reports it.
        depth: layers with parameters, as Keras' table counts them; None where it lists none.
        features: width after global average pooling, without the top, at alpha 1.0.
        licence: of the weights; a doubt about it stands in `note`.
        alphas: widths that have official weights; empty where the network has one width only.
        weight_stem: what the name of a weight file has for the architecture.
        channels_first: whether Keras builds it with `image_data_format` `channels_first`.
        blocks: a regular expression that finds in a layer's name the name of its block: the groups of the match put
            together, or all of it where there are none.
        source: where these facts were taken from.
        note: what a user should know before choosing it.
    """

    name: str
    family: str
    module: str
    size: int
    minimum_size: int
    preprocessing: Preprocessing
    parameters: int
    size_mb: float
    top1: float | None
    top5: float | None
    depth: int | None
    features: int
    licence: str
    alphas: tuple[float, ...] = ()
    weight_stem: str
    channels_first: bool
    blocks: str
    source: str
    note: str = ""
