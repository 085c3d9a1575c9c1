"""How long one image takes on this machine."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from regraft.backbones.graph import export_graph
from regraft.backbones.names import parse_backbone
from regraft.features.openvino_engine import OpenVINOEngine


def milliseconds_per_image(backbone: str, precision: str = "auto", seconds: float = 2.0) -> float:
    """Measures the frozen forward pass of a network of the catalogue, without decoding.

    The weights are random, which changes nothing about the time, so none need be on the machine.

    Args:
        backbone: as it is written: `MobileNetV2-0.35@320`.
        precision: `auto`, `f32` or `bf16`.
        seconds: how long to measure, after a first half second that is not counted.

    Returns:
        Wall-clock milliseconds an image, many images in flight.
    """
    name = parse_backbone(backbone)
    image = np.random.default_rng(0).integers(0, 256, (name.size, name.size, 3), dtype=np.uint8)
    with tempfile.TemporaryDirectory() as scratch:
        graph = Path(scratch) / "base.xml"
        export_graph(name, None, name.card.preprocessing, graph)
        engine = OpenVINOEngine(graph, precision)
        _run_for(engine, image, 0.5)
        start = time.perf_counter()
        count = _run_for(engine, image, seconds)
        return 1000 * (time.perf_counter() - start) / count


def _run_for(engine: OpenVINOEngine, image: npt.NDArray[np.uint8], seconds: float) -> int:
    count = 0

    def images() -> Iterator[npt.NDArray[np.uint8]]:
        nonlocal count
        end = time.perf_counter() + seconds
        while time.perf_counter() < end or not count:
            count += 1
            yield image

    engine.run(images())
    return count
