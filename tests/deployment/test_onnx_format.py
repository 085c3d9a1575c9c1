"""ONNX files, against the run they come from."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_tops import SIZE

from regraft.deployment import tensorflow_export
from regraft.deployment.export_format import ExportFacts, OpenedExport, Precision
from regraft.deployment.onnx_format import OnnxFormat
from regraft.deployment.tensorflow_export import TensorFlowExports, export_through_tensorflow
from regraft.errors import MissingPackageError
from regraft.images.reading import read_image
from regraft.images.resizing import resize
from regraft.runs.prediction import Predictor

LABELS = ["blue", 'gr"een, ü', "red"]
FACTS = ExportFacts(LABELS, (SIZE, SIZE), "small", "Three colours", {"backbone": "small", "regraft_version": "9.9"})


@pytest.fixture(scope="module", autouse=True)
def parts_made_once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """TensorFlow makes the two graphs for the first file; the files in other precisions get copies of them."""
    kept = tmp_path_factory.mktemp("parts")

    def copied(
        model: Path, size: tuple[int, int], exports: TensorFlowExports, *calibration: Any, **options: Any
    ) -> None:
        own = TensorFlowExports(onnx_network=kept / "network", onnx_resizing=kept / "resizing")
        if not any(kept.iterdir()):
            export_through_tensorflow(model, size, own, *calibration, **options)
        assert exports.onnx_network
        assert exports.onnx_resizing
        shutil.copy(kept / "network", exports.onnx_network)
        shutil.copy(kept / "resizing", exports.onnx_resizing)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tensorflow_export, "export_through_tensorflow", copied)
        yield


@pytest.fixture(scope="module")
def written(small_predictor: Predictor, tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("onnx") / ".unfinished"
    OnnxFormat(in_process=True).write(small_predictor, FACTS, target, "f32", [])
    return target


@pytest.fixture(scope="module")
def opened(written: Path) -> OpenedExport:
    return OnnxFormat().open(written)


def images(count: int, height: int = SIZE, width: int = SIZE) -> Any:
    return np.random.default_rng(0).integers(0, 256, (count, height, width, 3), np.uint8)


@pytest.mark.parametrize("count", [1, 5])
def test_it_answers_as_the_run_does(opened: OpenedExport, small_predictor: Predictor, count: int) -> None:
    answers = opened.probabilities(images(count))
    assert answers.dtype == np.float32
    np.testing.assert_allclose(answers, small_predictor.plain_probabilities(images(count)), atol=1e-5)


def test_images_of_any_size_are_resized_inside(opened: OpenedExport, small_predictor: Predictor) -> None:
    large = images(2, 41, 23)
    seen = [resize(image, SIZE, SIZE) for image in large]
    np.testing.assert_allclose(opened.probabilities(large), small_predictor.plain_probabilities(seen), atol=0.03)


def test_the_file_tells_about_itself(written: Path, opened: OpenedExport) -> None:
    import onnx

    assert opened.labels == LABELS
    model = onnx.load(written)
    facts = {entry.key: entry.value for entry in model.metadata_props}
    assert facts["labels"].isascii()
    assert json.loads(facts["regraft"]) == {"name": "small", "size": [SIZE, SIZE], **FACTS.metadata}
    assert (model.graph.name, model.doc_string, model.producer_version) == ("small", "Three colours", "9.9")
    assert [(entry.domain, entry.version >= 18) for entry in model.opset_import] == [("", True)]
    (taken,), (given,) = model.graph.input, model.graph.output
    assert (taken.name, taken.type.tensor_type.elem_type) == ("image", onnx.TensorProto.UINT8)
    axes = [axis.dim_param or axis.dim_value for axis in taken.type.tensor_type.shape.dim]
    assert axes == ["batch", "height", "width", 3]
    assert [axis.dim_param or axis.dim_value for axis in given.type.tensor_type.shape.dim] == ["batch", 3]
    assert (given.name, given.type.tensor_type.elem_type) == ("probabilities", onnx.TensorProto.FLOAT)


def test_convolutions_have_no_transposes_around_them(written: Path) -> None:
    import onnx

    kinds = [node.op_type for node in onnx.load(written).graph.node]
    assert kinds.count("Conv") == 6
    assert kinds.count("Transpose") <= 2  # into the first, out of the last


@pytest.mark.parametrize("precision", ["f16", "int8"])
def test_the_lower_precisions_are_near_and_the_resizing_stays(
    small_predictor: Predictor, photos: Path, tmp_path: Path, precision: Precision
) -> None:
    import onnx

    pixels = [read_image(path, (SIZE, SIZE)) for path in sorted(photos.rglob("*.jpg"))]
    OnnxFormat(in_process=True).write(small_predictor, FACTS, tmp_path / "x", precision, pixels)
    opened = OnnxFormat().open(tmp_path / "x")
    assert opened.labels == LABELS
    answers, expected = opened.probabilities(np.stack(pixels)), small_predictor.plain_probabilities(pixels)
    np.testing.assert_allclose(answers, expected, atol={"f16": 0.01, "int8": 0.1}[precision])
    assert not np.allclose(answers, expected, atol=1e-7)
    graph = onnx.load(tmp_path / "x").graph
    lower = {"f16": onnx.TensorProto.FLOAT16, "int8": onnx.TensorProto.INT8}[precision]
    low = [entry.name for entry in graph.initializer if entry.data_type == lower]
    assert len(low) >= 6  # the weights of all convolutions
    assert not any(name.startswith("resizing/") for name in low)


def test_names_and_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    format = OnnxFormat()
    assert [format.file_name(precision) for precision in format.precisions] == [
        "model.onnx",
        "model.f16.onnx",
        "model.int8.onnx",
    ]
    format.check_packages("f32")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingPackageError, match=r"regraft\[export\]"):
        format.check_packages("f32")
