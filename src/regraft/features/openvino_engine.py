"""The frozen forward pass on the processor: OpenVINO, many images in flight, one image a request."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from regraft.errors import InputError
from regraft.features.engines import Pixels, Precision


class OpenVINOEngine:
    """Runs a base's graph on the CPU.

    Args:
        graph: the file from `base_graph`.
        precision: `f32`, `bf16`, or `auto`: bf16 where the processor computes in it.
        latency: for a few images, each as soon as can be, in place of many a second.
    """

    def __init__(self, graph: Path, precision: str = "auto", *, latency: bool = False) -> None:
        import openvino

        core = openvino.Core()
        self.precision: Precision = resolve_precision(precision)
        # The compiled form is kept beside the graph: opening it again takes a fraction of compiling it.
        core.set_property({"CACHE_DIR": str(graph.parent / "compiled")})
        self._compiled = core.compile_model(
            graph,
            "CPU",
            {
                "INFERENCE_PRECISION_HINT": self.precision,
                "PERFORMANCE_HINT": "LATENCY" if latency else "THROUGHPUT",
            },
        )
        self.width = int(self._compiled.outputs[0].get_partial_shape()[1].get_length())

    def run(self, images: Iterable[Pixels]) -> npt.NDArray[np.float32]:
        """Gives the features of images in their order, (n, features) float32."""
        from openvino import AsyncInferQueue

        results: dict[int, npt.NDArray[np.float32]] = {}

        def keep(request: Any, index: int) -> None:
            results[index] = request.get_output_tensor().data[0].astype(np.float32)

        queue = AsyncInferQueue(self._compiled)
        queue.set_callback(keep)
        count = 0
        try:
            for count, image in enumerate(images, start=1):
                queue.start_async({0: image[None]}, count - 1)
        finally:
            queue.wait_all()
        return np.stack([results[index] for index in range(count)]) if count else np.empty((0, self.width), np.float32)


def resolve_precision(precision: str) -> Precision:
    """`auto` becomes bf16 where the processor has instructions for it, f32 elsewhere; others stay.

    Raises:
        InputError: bf16 is asked for on a processor that has not got it.
    """
    if precision == "f32":
        return "f32"
    import openvino

    has_bf16 = "BF16" in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    if precision == "bf16" and not has_bf16:
        raise InputError("This processor does not compute in bf16.", hint="use --precision f32 or auto")
    return "bf16" if has_bf16 else "f32"
