from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from regraft.evaluation.saliency import class_logit
from regraft.runs import explaining
from regraft.runs.explaining import ACTIVATION_MAP, HIRESCAM, OCCLUSION, Explainer
from regraft.runs.folder import RunFolder
from regraft.runs.head import SavedHead
from regraft.runs.prediction import Predictor
from regraft.training.weights import HeadWeights

ROWS, COLUMNS, CHANNELS = 2, 3, 4


@pytest.fixture
def pixels() -> npt.NDArray[np.uint8]:
    return np.random.default_rng(3).integers(0, 256, (8, 8, 3), dtype=np.uint8)


@pytest.mark.usefixtures("quickly")
def test_the_map_and_the_bias_are_the_logit_of_the_run(frozen: RunFolder, pixels: npt.NDArray[np.uint8]) -> None:
    predictor = Predictor(frozen)
    explainer = Explainer(predictor)
    logits = []
    for index in range(len(predictor.classes)):
        heat = explainer.explain(pixels, index)
        assert heat.method == ACTIVATION_MAP
        assert heat.values.dtype == np.float32
        logits.append(heat.values.mean() + predictor.head.bias[index])
    shares = np.exp(logits) / np.exp(logits).sum()
    assert shares == pytest.approx(predictor.plain_probabilities([pixels])[0], abs=1e-4)
    logit, _ = class_logit(predictor.head.weights, explainer.features(pixels), 1)
    assert logits[1] == pytest.approx(logit, abs=1e-4)
    with pytest.raises(IndexError):
        explainer.explain(pixels, len(predictor.classes))


@pytest.mark.usefixtures("quickly")
def test_every_value_lies_where_keras_has_it(
    frozen: RunFolder, small_backbone: Path, pixels: npt.NDArray[np.uint8]
) -> None:
    import keras

    predictor = Predictor(frozen)
    network = keras.models.load_model(small_backbone)
    maps = np.asarray(keras.Model(network.input, network.get_layer("head_conv").output)(pixels[None]))[0]
    expected = maps @ predictor.head.kernel[:, 2]
    assert Explainer(predictor).explain(pixels, 2).values == pytest.approx(expected, abs=1e-3)


@pytest.mark.usefixtures("quickly")
def test_a_head_with_a_hidden_layer_is_explained_by_its_gradient(
    frozen: RunFolder, tmp_path: Path, pixels: npt.NDArray[np.uint8]
) -> None:
    shutil.copytree(frozen.path, tmp_path / "deep")
    deep, head = RunFolder(tmp_path / "deep"), frozen.head()
    rng = np.random.default_rng(0)
    layers = tuple((rng.normal(size=(a, b)).astype(np.float32), np.ones(b, np.float32)) for a, b in ((6, 5), (5, 3)))
    deep.write_head(SavedHead(HeadWeights(layers, "tanh"), "softmax", head.backbone, head.base, head.size, "f32"))
    explainer = Explainer(Predictor(deep))
    heat = explainer.explain(pixels, 1)
    _, gradient = class_logit(deep.head().weights, explainer.features(pixels), 1)
    assert heat.method == HIRESCAM
    assert heat.values.mean() == pytest.approx(float(explainer.features(pixels) @ gradient), abs=1e-4)


def graph(path: Path, kind: str, channels_last: bool) -> Path:
    """A network of no weights: the pixels are its maps, of four channels where they are copied."""
    import openvino
    from openvino import opset13 as ops

    image = ops.parameter([1, ROWS, COLUMNS, CHANNELS], openvino.Type.u8)
    maps = ops.convert(image, "f32")
    if not channels_last:
        maps = ops.transpose(maps, ops.constant([0, 3, 1, 2]))
    axes = ops.constant([1, 2] if channels_last else [-2, -1])
    features = {
        "average": lambda: ops.reduce_mean(maps, axes, False),
        "kept": lambda: ops.reshape(ops.reduce_mean(maps, axes, True), ops.constant([1, CHANNELS]), False),
        "max": lambda: ops.reduce_max(maps, axes, False),
        "both": lambda: ops.concat([ops.reduce_mean(maps, axes, False), ops.reduce_max(maps, axes, False)], 1),
        "window": lambda: ops.squeeze(
            ops.avg_pool(maps, [1, 1], [0, 0], [0, 0], [ROWS, COLUMNS], True), ops.constant([2, 3])
        ),
        "flatten": lambda: ops.reshape(maps, ops.constant([1, -1]), False),
        "normalised": lambda: ops.multiply(ops.reduce_mean(maps, axes, False), ops.constant(np.float32(2))),
    }[kind]()
    openvino.save_model(openvino.Model([features], [image]), path, compress_to_fp16=False)
    return path


@pytest.mark.parametrize("channels_last", [True, False])
@pytest.mark.parametrize("kind", ["average", "kept", "max", "both", "window", "flatten", "normalised"])
def test_the_maps_are_found_wherever_they_are_pooled(
    kind: str, channels_last: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if kind == "window" and channels_last:
        pytest.skip("OpenVINO's pooling windows have the channels first")
    path = graph(tmp_path / "graph.xml", kind, channels_last)
    pixels: Any = np.random.default_rng(0).integers(0, 256, (ROWS, COLUMNS, CHANNELS), dtype=np.uint8)
    width = {"both": 2 * CHANNELS, "flatten": ROWS * COLUMNS * CHANNELS}.get(kind, CHANNELS)
    rng = np.random.default_rng(1)
    weights = HeadWeights.linear(rng.normal(0, 1e-3, (2 * width, 2)).astype(np.float32), np.zeros(2, np.float32))
    monkeypatch.setattr(explaining, "graphs_of", lambda predictor: [path, path])  # two members, alike
    predictor: Any = SimpleNamespace(head=SimpleNamespace(weights=weights), classes=["a", "b"])
    explainer = Explainer(predictor)
    heat = explainer.explain(pixels, 1)
    logit, _ = class_logit(weights, explainer.features(pixels), 1)
    if kind in ("flatten", "normalised"):
        assert heat.method == OCCLUSION
        assert heat.values.shape == (7, 7)
        assert heat.values.any()
        return
    assert heat.method == ACTIVATION_MAP
    assert heat.values.shape == (ROWS, COLUMNS)
    assert heat.values.mean() == pytest.approx(logit, abs=1e-4)
    if kind == "average":
        kernel = weights.kernel[:CHANNELS, 1] + weights.kernel[CHANNELS:, 1]
        assert heat.values == pytest.approx(pixels.astype(np.float32) @ kernel, abs=1e-4)
