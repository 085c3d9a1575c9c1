"""The frozen forward pass on the processor: OpenVINO, many images in flight, one image a request."""

from __future__ import annotations

from collections import deque
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

    Raises:
        InputError: the file is damaged, or the processor does not compute in that precision.
    """

    name = "openvino"

    def __init__(self, graph: Path, precision: str = "auto", *, latency: bool = False) -> None:
        import openvino

        core = openvino.Core()
        self.precision: str = resolve_precision(precision)
        # OpenVINO could keep the compiled form on disk (CACHE_DIR). That saves 0.1 to 0.2 s, but its file is written in
        # place and mapped into memory by others: two processes at once could read half a file or be killed by it.
        hints = {
            "INFERENCE_PRECISION_HINT": self.precision,
            "PERFORMANCE_HINT": "LATENCY" if latency else "THROUGHPUT",
        }
        try:
            self._compiled = core.compile_model(graph, "CPU", hints)
        except RuntimeError as error:
            raise InputError(
                f"OpenVINO cannot read or compile {graph}.",
                received=str(error).strip()[-300:],
                hint="if it was damaged, remove the cached graphs with `regraft cache --prune`; they are built again",
            ) from error
        # Twice as many requests as OpenVINO works on at once: the next image waits beside the one in work.
        count = 2 * self._compiled.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS")
        self._requests = [self._compiled.create_infer_request() for _ in range(count)]
        shape = list(self._compiled.outputs[0].get_partial_shape())
        self.shape: tuple[int, ...] = tuple(int(length.get_length()) for length in shape[1:])

    def run(self, images: Iterable[Pixels]) -> npt.NDArray[np.float32]:
        """Gives the features of images in their order, (n, *shape) float32."""
        # A ring of requests and no Python callbacks: a callback's thread wants the interpreter's lock, and whoever
        # drops the compiled model meanwhile, holding that lock, waits for the thread for ever.
        free = deque(self._requests)
        busy: deque[Any] = deque()
        results: list[npt.NDArray[np.float32]] = []

        def finish_oldest() -> None:
            request = busy.popleft()
            request.wait()
            results.append(np.array(request.get_output_tensor().data[0], np.float32))
            free.append(request)

        try:
            for image in images:
                if not free:
                    finish_oldest()
                request = free.popleft()
                request.start_async({0: image[None]})
                busy.append(request)
        finally:
            while busy:
                finish_oldest()
        return np.stack(results) if results else np.empty((0, *self.shape), np.float32)


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
