from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import openvino
import pytest

from regraft._files import explained_disk_errors
from regraft.deployment.export_facts import facts_of
from regraft.deployment.export_format import ExportFacts
from regraft.deployment.openvino_format import MODEL, OpenVINOFormat, _head
from regraft.errors import InputError, MissingPackageError
from regraft.images.resizing import resize
from regraft.runs.head import SavedHead
from regraft.runs.prediction import Predictor
from regraft.training.weights import HeadWeights

KIND = OpenVINOFormat()


@pytest.fixture(scope="module")
def written(small_predictor: Predictor, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("openvino")
    facts = facts_of(small_predictor)
    for precision in ("f32", "f16"):
        KIND.write(small_predictor, facts, folder / precision, precision, [])
    return {precision: folder / precision for precision in ("f32", "f16")}


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (5, 8, 8, 3), np.uint8)


def test_it_answers_as_the_run_does(small_predictor: Predictor, written: dict[str, Path], images: np.ndarray) -> None:
    opened = KIND.open(written["f32"])
    assert opened.labels == small_predictor.classes
    expected = small_predictor.plain_probabilities(images)
    for some in (images[:1], images, images[:2]):
        np.testing.assert_allclose(opened.probabilities(some), expected[: len(some)], atol=1e-5)
    np.testing.assert_allclose(KIND.open(written["f16"]).probabilities(images), expected, atol=0.02)
    sizes = {precision: (path / "model.bin").stat().st_size for precision, path in written.items()}
    assert sizes["f16"] < sizes["f32"]


def test_it_takes_images_of_any_size(small_predictor: Predictor, written: dict[str, Path]) -> None:
    opened = KIND.open(written["f32"])
    for height, width in ((8, 8), (96, 72), (9, 8), (96, 72), (5, 31)):
        image = np.random.default_rng(height).integers(0, 256, (height, width, 3), np.uint8)
        expected = small_predictor.plain_probabilities([resize(image, 8, 8)])
        np.testing.assert_allclose(opened.probabilities(image[None]), expected, atol=0.02)


def test_the_file_says_what_it_is(written: dict[str, Path]) -> None:
    model = openvino.Core().read_model(written["f32"] / MODEL)
    assert model.get_rt_info(["model_info", "labels"]).value == "blue green red"
    (image,), (answer,) = model.inputs, model.outputs
    assert image.names == {"image"}
    assert str(image.get_partial_shape()) == "[?,?,?,3]"
    assert image.get_element_type() == openvino.Type.u8
    assert answer.names == {"probabilities"}
    assert str(answer.get_partial_shape()) == "[?,3]"


def test_names_of_classes_survive(small_predictor: Predictor, tmp_path: Path) -> None:
    names = ['<b>&"quoted"', "zwei Wörter\n", "日本"]
    facts = ExportFacts(names, (8, 8), "any", "<x> & y", {"key": "a\x07b"})
    KIND.write(small_predictor, facts, tmp_path / "it", "f32", [])
    assert KIND.open(tmp_path / "it").labels == names
    info = openvino.Core().read_model(tmp_path / "it" / MODEL).get_rt_info(["model_info", "labels"]).value
    assert info == '<b>&"quoted" zwei_Wörter_ 日本'


def test_int8_asks_for_images(small_predictor: Predictor, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="training images"):
        KIND.write(small_predictor, facts_of(small_predictor), tmp_path / "it", "int8", [])
    assert not (tmp_path / "it").exists()


def test_a_full_disk_is_said_to_be_one(
    small_predictor: Predictor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise RuntimeError("basic_ios::clear: iostream error")

    monkeypatch.setattr(openvino, "save_model", full)
    with pytest.raises(InputError, match="The disk is full"), explained_disk_errors(tmp_path):
        KIND.write(small_predictor, facts_of(small_predictor), tmp_path / "it", "f32", [])


def test_a_missing_nncf_is_said_before_any_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    KIND.check_packages("f16")
    with pytest.raises(MissingPackageError, match=r"regraft\[export\]"):
        KIND.check_packages("int8")


@pytest.mark.parametrize("activation", ["relu", "tanh", "sigmoid", "swish"])
@pytest.mark.parametrize("outputs", [1, 4])
def test_heads_of_every_kind(activation: Any, outputs: int) -> None:
    draw = np.random.default_rng(outputs)
    shapes = ((6, 5), (5, outputs))
    layers = tuple((draw.normal(size=s).astype(np.float32), draw.normal(size=s[1]).astype(np.float32)) for s in shapes)
    weights = HeadWeights(layers, activation)
    last = "sigmoid" if outputs == 1 else "softmax"
    import openvino.opset15 as ops

    features = ops.parameter([-1, 6], openvino.Type.f32)
    answer = _head(features, SavedHead(weights, last, "any", "any", (8, 8), "f32"))
    compiled = openvino.compile_model(openvino.Model([ops.result(answer)], [features], "head"), "CPU")
    values = draw.normal(size=(7, 6)).astype(np.float32)
    np.testing.assert_allclose(compiled(values)[0], weights.probabilities(values), atol=1e-5)
