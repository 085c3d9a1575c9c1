"""Why a run answered so: how much each part of an image adds to a class, from the maps before the pooling."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from regraft.backbones.base import Base
from regraft.backbones.graph import base_graph, cached_graph
from regraft.backbones.joint import JointBase
from regraft.evaluation.saliency import Pooled, class_logit, evidence, occluded, occlusion_evidence, summed
from regraft.runs.prediction import Predictor

Pixels = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]

ACTIVATION_MAP, HIRESCAM, OCCLUSION = "class activation map", "HiResCAM", "occlusion"

_CELLS = 7  # of the grid on either side, where parts of the image are hidden one after another


@dataclass(frozen=True, eq=False)
class Heat:
    """How much each part of an image adds to a class.

    Attributes:
        values: float32 (rows, columns), from the top left; negative where a part speaks against the class. Of maps, the
            mean of the values and the bias of a linear head are together the logit.
        method: `class activation map`, `HiResCAM` or `occlusion` (see `evaluation.saliency`).
    """

    values: Floats
    method: str


class Explainer:
    """Heat maps of a run's answers, and the features they come from.

    It has compiled graphs of its own, in f32, made at the first call; it may be called from many threads, one at a
    time is answered. What is explained is the plain image, also where a run averages its answers over test views.

    Args:
        predictor: of the run.
    """

    def __init__(self, predictor: Predictor) -> None:
        self._predictor = predictor
        self._weights = predictor.head.weights
        self._lock = threading.Lock()

    def features(self, pixels: Pixels) -> Floats:
        """The features (features,) of an image of the base's size, uint8 (height, width, 3)."""
        with self._lock:
            return np.concatenate([graph.run(pixels)[0] for graph in self._graphs])

    def explain(self, pixels: Pixels, class_index: int) -> Heat:
        """How much each part of an image adds to a class.

        Args:
            pixels: uint8 (height, width, 3), of the base's size: the first of what `Predictor.seen` gives.
            class_index: the class.

        Raises:
            IndexError: there is no such class.
        """
        if not 0 <= class_index < len(self._predictor.classes):
            raise IndexError(f"class {class_index} of {len(self._predictor.classes)}")
        with self._lock:
            if not all(graph.pools for graph in self._graphs):
                return self._hiding(pixels, class_index)
            ran = [graph.run(pixels) for graph in self._graphs]
        _, gradient = class_logit(self._weights, np.concatenate([features for features, _ in ran]), class_index)
        parts, start = [], 0
        for graph, (features, maps) in zip(self._graphs, ran, strict=True):
            for pool, own in zip(graph.pools, maps, strict=True):
                stop = start + pool.offset + own.shape[-1]
                parts.append(evidence(own, gradient[start + pool.offset : stop], pool.kind))
            start += len(features)
        return Heat(summed(parts), HIRESCAM if self._weights.hidden else ACTIVATION_MAP)

    def _hiding(self, pixels: Pixels, class_index: int) -> Heat:
        """By hiding one part after another: `_CELLS`² runs of the base."""
        rows = [
            np.concatenate([graph.run(some)[0] for graph in self._graphs])
            for some in (pixels, *occluded(pixels, _CELLS, _CELLS))
        ]
        whole, *hidden = self._weights.probabilities(np.stack(rows))
        return Heat(occlusion_evidence(whole, np.stack(hidden), class_index, _CELLS, _CELLS), OCCLUSION)

    @cached_property
    def _graphs(self) -> list[_Graph]:
        return [_Graph(path) for path in graphs_of(self._predictor)]


def graphs_of(predictor: Predictor) -> list[Path]:
    """The graph of a run's base; of several backbones that of each."""
    if graph := cached_graph(predictor.head.base):
        return [graph]
    base: Base = predictor.base
    members = base.members if isinstance(base, JointBase) else (base,)
    return [base_graph(member) for member in members]


@dataclass(frozen=True)
class _Pool:
    """Where some of the features are pooled: how, of which features they are the first, and how the maps lie."""

    kind: Pooled
    offset: int
    maps: Any
    channels_last: bool


class _Graph:
    """A base's graph that gives the maps before the pooling beside the features.

    Attributes:
        pools: where the features come from; empty where they are not just pooled maps.
    """

    def __init__(self, path: Path) -> None:
        import openvino

        core = openvino.Core()
        model = core.read_model(path)
        self.pools = tuple(_pools(model.results[0].input_value(0), 0) or ())
        # Each once: maps that are pooled in two ways are one output.
        wanted = {_name(pool.maps): pool.maps for pool in self.pools}
        self._places = [1 + list(wanted).index(_name(pool.maps)) for pool in self.pools]
        if wanted:
            model.add_outputs(list(wanted.values()))
        compiled = core.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "LATENCY"})
        self._request = compiled.create_infer_request()

    def run(self, pixels: Pixels) -> tuple[Floats, list[Floats]]:
        """The features (features,), and for each of `pools` the maps (rows, columns, channels)."""
        self._request.infer({0: np.ascontiguousarray(pixels)[None]})
        features = self._output(0).reshape(-1)
        maps = [self._output(place) for place in self._places]
        return features, [
            own if pool.channels_last else own.transpose(1, 2, 0) for pool, own in zip(self.pools, maps, strict=True)
        ]

    def _output(self, number: int) -> Floats:
        return np.array(self._request.get_output_tensor(number).data[0], np.float32)


def _pools(output: Any, offset: int) -> list[_Pool] | None:
    """Where a vector of features comes from, going up the graph from it; None where it is not only pooled maps."""
    node = output.get_node()
    kind = node.get_type_name()
    shape = _shape(output)
    if shape is None:
        return None
    if kind == "Concat" and len(shape) == 2 and node.get_attributes()["axis"] in (1, -1):
        found: list[_Pool] = []
        for source in node.input_values():
            part, length = _pools(source, offset), _shape(source)
            if part is None or length is None:
                return None
            found += part
            offset += length[1]
        return found
    if kind in ("Convert", "Reshape", "Squeeze", "Unsqueeze", "Transpose"):
        return _pools(node.input_value(0), offset) if max(shape) == np.prod(shape) else None
    if kind in ("ReduceMean", "ReduceMax"):
        axes = _constant(node.input_value(1))
        source = _shape(node.input_value(0))
        if axes is None or source is None or len(source) != 4:
            return None
        reduced = sorted(int(axis) % 4 for axis in axes)
        if reduced not in ([1, 2], [2, 3]):
            return None
        pooled: Pooled = "average" if kind == "ReduceMean" else "max"
        return [_Pool(pooled, offset, node.input_value(0), reduced == [1, 2])]
    if kind in ("AvgPool", "MaxPool"):  # of the whole map, as channels come first in OpenVINO's pooling
        source = _shape(node.input_value(0))
        about = node.get_attributes()
        padded = any((*about["pads_begin"], *about["pads_end"]))
        if source is None or len(source) != 4 or padded or list(about["kernel"]) != source[2:]:
            return None
        return [_Pool("average" if kind == "AvgPool" else "max", offset, node.input_value(0), False)]
    return None


def _name(output: Any) -> tuple[str, int]:
    return output.get_node().get_friendly_name(), output.get_index()


def _shape(output: Any) -> list[int] | None:
    shape = output.get_partial_shape()
    return [length.get_length() for length in shape] if shape.is_static else None


def _constant(output: Any) -> npt.NDArray[np.int64] | None:
    node = output.get_node()
    return np.atleast_1d(node.data) if node.get_type_name() == "Constant" else None
