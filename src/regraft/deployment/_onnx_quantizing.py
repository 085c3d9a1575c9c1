"""An ONNX network in half precision, or in whole numbers of eight bits."""

from __future__ import annotations

import logging
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from regraft.deployment.export_format import IMAGE, Images

_BATCH = 10  # images a time in calibration, which keeps every layer's output of one batch
_ENOUGH = 100  # images: the ranges hardly widen with more, and each takes a tenth of a second


def in_half_precision(network: Any) -> Any:
    """The network with weights and computation in float16; its input and output stay as they are.

    Args:
        network: an `onnx.ModelProto`; changed.

    Returns:
        It, as an `onnx.ModelProto`.
    """
    with _quiet():
        from onnxruntime.transformers.float16 import convert_float_to_float16

        return convert_float_to_float16(network, keep_io_types=True)


def in_whole_numbers(network: Any, calibration: Sequence[Images]) -> Any:
    """The network with weights and activations in int8, by ranges measured on images (post-training quantization).

    Weights have a scale for each channel, activations one for each tensor; the nodes are pairs of QuantizeLinear and
    DequantizeLinear, which every runtime reads. Weights use seven of the eight bits: on processors without VNNI the
    sum of two products does not fit into sixteen bits otherwise
    (https://onnxruntime.ai/docs/performance/model-optimizations/quantization.html).

    Args:
        network: an `onnx.ModelProto` that takes uint8 `image`.
        calibration: uint8 (height, width, 3) of the network's size, at least one.

    Returns:
        An `onnx.ModelProto`.
    """
    import onnx

    with _quiet(), tempfile.TemporaryDirectory() as scratch:
        from onnxruntime.quantization import QuantFormat, QuantType, quantize_static
        from onnxruntime.quantization.shape_inference import quant_pre_process

        source, prepared, quantized = (Path(scratch) / f"{name}.onnx" for name in ("source", "prepared", "quantized"))
        # Batch normalization into the convolution before it: else the two would be rounded one after the other.
        onnx.save(network, source)
        quant_pre_process(str(source), str(prepared), skip_symbolic_shape=True)
        quantize_static(
            prepared,
            quantized,
            _Calibration(calibration[:_ENOUGH]),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=["Conv", "MatMul", "Gemm", "Add", "Clip", "ReduceMean", "GlobalAveragePool"],
            per_channel=True,
            reduce_range=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
        )
        return onnx.load(quantized)


class _Calibration:
    """Images in batches, in the way `onnxruntime.quantization` asks for them (its `CalibrationDataReader`)."""

    def __init__(self, images: Sequence[Images]) -> None:
        self._batches = iter(range(0, len(images), _BATCH))
        self._images = images

    def get_next(self) -> dict[str, Images] | None:
        """The next batch; None after the last."""
        start = next(self._batches, None)
        return None if start is None else {IMAGE: np.stack(self._images[start : start + _BATCH])}


@contextmanager
def _quiet() -> Iterator[None]:
    """Without what these tools write to the log and warn of: hints to their own callers."""
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(logging.NOTSET)
