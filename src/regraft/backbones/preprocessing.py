"""How pixels become what a backbone was trained to see: one scale and one offset per channel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Preprocessing:
    """Network input = pixels (0..255, in the order of `channels`) × scale + offset, channel by channel.

    Attributes:
        name: how run folders and messages call it.
        scale: three factors, in the order of `channels`.
        offset: three summands, in the order of `channels`.
        channels: the order the network expects; pixels are always read as RGB and turned round for BGR.
    """

    name: str
    scale: tuple[float, float, float]
    offset: tuple[float, float, float]
    channels: Literal["RGB", "BGR"] = "RGB"

    def apply(self, pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """The network's input for RGB pixels.

        Args:
            pixels: uint8 (..., 3), 0 to 255, in RGB order.

        Returns:
            float32 of the same shape, in the order of `channels`.

        Raises:
            ValueError: the last axis is not three channels, or the pixels are not uint8 (they may have been
                preprocessed already, which must not happen twice).
        """
        if pixels.dtype != np.uint8 or pixels.ndim == 0 or pixels.shape[-1] != 3:
            raise ValueError(f"Expected uint8 pixels of shape (..., 3), received {pixels.dtype} {pixels.shape}.")
        ordered = pixels if self.channels == "RGB" else pixels[..., ::-1]
        scale, offset = np.array(self.scale, np.float32), np.array(self.offset, np.float32)
        return ordered.astype(np.float32) * scale + offset

    def as_dict(self) -> dict[str, object]:
        """The same facts as plain lists and strings, for JSON and TOML files."""
        return {"name": self.name, "scale": list(self.scale), "offset": list(self.offset), "channels": self.channels}


TF = Preprocessing("tf", scale=(1 / 127.5,) * 3, offset=(-1.0,) * 3)
"""To -1..1 (MobileNet, Inception, Xception, NASNet, ResNetV2)."""

TORCH = Preprocessing(
    "torch",
    # (x / 255 - mean) / deviation, with ImageNet's mean and standard deviation of red, green and blue
    scale=(1 / (255 * 0.229), 1 / (255 * 0.224), 1 / (255 * 0.225)),
    offset=(-0.485 / 0.229, -0.456 / 0.224, -0.406 / 0.225),
)
"""ImageNet's mean and standard deviation on 0..1 (DenseNet)."""

CAFFE = Preprocessing("caffe", scale=(1.0,) * 3, offset=(-103.939, -116.779, -123.68), channels="BGR")
"""ImageNet's mean pixel subtracted, in BGR order (VGG, ResNet)."""

INSIDE = Preprocessing("inside", scale=(1.0,) * 3, offset=(0.0,) * 3)
"""Pixels as they are: the network has its own preprocessing layers (EfficientNet, MobileNetV3, ConvNeXt)."""

LITE = Preprocessing("lite", scale=(1 / 128,) * 3, offset=(-127 / 128,) * 3)
"""(x - 127) / 128 (EfficientNet-Lite)."""

SCALINGS = {"0 to 1": Preprocessing("0 to 1", scale=(1 / 255,) * 3, offset=(0.0,) * 3), "-1 to 1": TF}
"""What people feed to any network out of habit; for measuring what that costs (`open_base` with `scaling`)."""
