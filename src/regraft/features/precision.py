"""Whether a base's features survive bf16: measured once for each base, on two photos that every install has."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import numpy as np

from regraft._files import write_text
from regraft.backbones.base import Base
from regraft.backbones.graph import base_graph
from regraft.features.engines import Pixels, Precision, resolved_precision
from regraft.images.reading import read_image
from regraft.images.resizing import resize

LARGEST_BF16_ERROR = 0.06
"""Beyond it, `auto` computes in f32.

Measured on the flowers: at an error of 0.04 (EfficientNet-Lite0) 0.4 % of the answers differ between bf16 and f32; at
0.15 (MobileNetV2) 2.5 % do, which is more than the one in 200 that a run and its saved model may differ by.
"""


def chosen_precision(engine: str, precision: str, base: Base) -> Precision:
    """What an engine computes a base in: `auto` is bf16 where the processor has it and the features survive it.

    Raises:
        InputError: no such engine or precision, or the two do not go together.
    """
    resolved = resolved_precision(engine, precision)
    if precision == "auto" and resolved == "bf16" and bf16_error(base) > LARGEST_BF16_ERROR:
        return "f32"
    return resolved


def bf16_error(base: Base) -> float:
    """The median over ten views of two photos of |bf16 features - f32 features| / |f32 features|, Euclidean norms.

    Kept beside the graph, so it is measured once (some two seconds).
    """
    graph = base_graph(base)
    kept = graph.with_name("bf16_error.json")
    if kept.is_file():
        return float(json.loads(kept.read_text())["median"])
    from regraft.features.openvino_engine import OpenVINOEngine

    views = _views(base.height, base.width)
    exact, rough = (OpenVINOEngine(graph, precision).run(views) for precision in ("f32", "bf16"))
    exact, rough = (features.reshape(len(views), -1) for features in (exact, rough))  # a map is a long vector here
    norms = np.maximum(np.linalg.norm(exact, axis=1), np.finfo(np.float32).tiny)
    median = float(np.median(np.linalg.norm(rough - exact, axis=1) / norms))
    write_text(kept, json.dumps({"median": median}))
    return median


def _views(height: int, width: int) -> list[Pixels]:
    """Both photos that come with scikit-learn, whole and in quarters."""
    package = importlib.util.find_spec("sklearn")  # found, not imported, which would take a second
    assert package is not None
    assert package.origin is not None
    views = []
    for name in ("china.jpg", "flower.jpg"):
        photo = read_image(Path(package.origin).parent / "datasets" / "images" / name)
        half, middle = photo.shape[0] // 2, photo.shape[1] // 2
        parts = [photo, photo[:half, :middle], photo[:half, middle:], photo[half:, :middle], photo[half:, middle:]]
        views += [resize(np.ascontiguousarray(part), height, width) for part in parts]
    return views
