"""The base three ways: as `keras.applications` builds it, as a Keras model of ours, as an OpenVINO graph."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from random_networks import keras_network
from small_tops import graphs_here

from regraft.backbones import graph as module
from regraft.backbones.base import Base, open_base
from regraft.backbones.graph import base_graph, cached_graph, graphs_folder
from regraft.backbones.networks import base_model
from regraft.errors import InputError
from regraft.features.openvino_engine import OpenVINOEngine

# One network for each kind of preprocessing, then one for each other family.
QUICK = ("MobileNet-0.25@128", "VGG16@32", "EfficientNetB0@64")
SLOW = (
    "DenseNet121@64",
    "MobileNetV3Small",
    "ConvNeXtTiny@64",
    "ResNet50@64",
    "ResNet50V2@64",
    "Xception@96",
    "InceptionV3@96",
    "InceptionResNetV2@96",
    "NASNetMobile@64",
    "MobileNetV2-0.35",
    "EfficientNetV2B0@64",
    "EfficientNetV2S@64",
)
KINDS = (*QUICK, *(pytest.param(spelling, marks=pytest.mark.slow) for spelling in SLOW))

F32 = {"INFERENCE_PRECISION_HINT": "f32"}


def pixels_for(base: Base, count: int = 3) -> np.ndarray:
    """Noise, every image of a colour of its own."""
    generator = np.random.default_rng(1)
    colours = generator.integers(0, 200, (count, 1, 1, 3))
    return (colours + generator.integers(0, 56, (count, base.height, base.width, 3))).astype(np.uint8)


def features_of_graph(base: Base, pixels: np.ndarray) -> np.ndarray:
    import openvino

    compiled = openvino.Core().compile_model(base_graph(base), "CPU", F32)
    return np.concatenate([np.array(compiled({0: image[None]})[0]) for image in pixels])


def test_a_saved_model_that_resizes_has_one_output(tmp_path: Path) -> None:
    """TensorFlow's export leaves pieces of a shape as further outputs, in a model within another."""
    import keras
    from keras import layers

    pixels = keras.Input((8, 8, 3))
    inner = keras.Model(pixels, layers.GlobalAveragePooling2D()(layers.Resizing(4, 4)(pixels)))
    outer = keras.Input((8, 8, 3))
    keras.Model(outer, layers.Dense(2)(inner(outer))).save(tmp_path / "resizing.keras")
    base = open_base(str(tmp_path / "resizing.keras"))
    image = np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    with graphs_here():
        engine = OpenVINOEngine(base_graph(base), "f32")
    expected = image.reshape(4, 2, 4, 2, 3).mean(axis=(0, 1, 2, 3))
    np.testing.assert_allclose(engine.run([image])[0], expected, rtol=1e-5)


def check_equal(features: np.ndarray, expected: np.ndarray) -> None:
    np.testing.assert_allclose(features, expected, rtol=0, atol=1e-3 * float(np.ptp(expected)))
    # What differs between the images is compared by itself: it may be small beside what they share.
    own, expected_own = features - features.mean(axis=0), expected - expected.mean(axis=0)
    np.testing.assert_allclose(own, expected_own, rtol=0, atol=0.01 * float(np.ptp(expected_own)))


@pytest.mark.parametrize("spelling", KINDS)
def test_features_are_those_of_keras(
    spelling: str, random_weights: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    import keras
    from keras.src.utils import file_utils

    weights = random_weights(spelling)
    base = open_base(spelling, weights=weights)
    assert base.network is not None
    pixels = pixels_for(base)
    with monkeypatch.context() as patch:
        patch.setattr(file_utils, "get_file", lambda *_, **__: str(weights))
        reference = keras_network(base.network, "imagenet")
    preprocess_input = getattr(keras.applications, base.network.card.module).preprocess_input
    expected = np.asarray(reference(preprocess_input(pixels.astype(np.float32))))

    model = base_model(base)
    assert model.input_shape == (None, base.height, base.width, 3)
    assert model.inputs[0].dtype == "uint8"
    check_equal(np.asarray(model(pixels)), expected)
    check_equal(features_of_graph(base, pixels), expected)


def test_the_backbone_in_the_box() -> None:
    base = open_base("EfficientNetLite0")
    pixels = pixels_for(base)
    check_equal(features_of_graph(base, pixels), np.asarray(base_model(base)(pixels)))


@pytest.mark.usefixtures("real_weights")
@pytest.mark.parametrize("spelling", ["MobileNetV2", pytest.param("MobileNet-0.75@160", marks=pytest.mark.slow)])
def test_real_weights(spelling: str) -> None:
    base = open_base(spelling)
    pixels = pixels_for(base)
    check_equal(features_of_graph(base, pixels), np.asarray(base_model(base)(pixels)))


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("REGRAFT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture(scope="session")
def small_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A saved classifier for images of 20 × 24 pixels."""
    import keras

    path = tmp_path_factory.mktemp("saved") / "small.keras"
    model = keras.Sequential(
        [
            keras.Input((20, 24, 3)),
            keras.layers.Rescaling(1 / 255),
            keras.layers.Conv2D(6, 3, activation="relu"),
            keras.layers.Conv2D(5, 3, activation="relu"),
            keras.layers.Dropout(0.5),
            keras.layers.Flatten(),
            keras.layers.Dense(9, activation="relu"),
            keras.layers.Dense(4, activation="softmax"),
        ]
    )
    model.save(path)
    return path


def test_a_saved_model_built_once_whole_and_described(
    own_cache: Path, small_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = open_base(str(small_model))
    assert cached_graph(base.identity) is None
    for name in ("keras", "openvino", "json"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('a file in the user's folder was run')")
    monkeypatch.chdir(tmp_path)

    path = base_graph(base)
    assert path == cached_graph(base.identity)
    assert sorted(entry.name for entry in path.parent.iterdir()) == ["base.bin", "base.json", "base.xml"]
    assert list(graphs_folder().iterdir()) == [path.parent]
    about = json.loads((path.parent / "base.json").read_text())
    assert about["backbone"] == base.spelling
    assert about["weights"] == base.weights.sha256

    os.utime(path.with_suffix(".json"), (0, 0))
    monkeypatch.setattr(module, "export_graph", None)  # calling it would fail
    assert base_graph(base) == path
    assert path.with_suffix(".json").stat().st_mtime > 0  # used, so pruning spares it

    pixels = pixels_for(base)
    expected = np.asarray(base_model(base)(pixels))
    assert expected.shape == (3, 9)
    check_equal(features_of_graph(base, pixels), expected)


def test_in_this_process(own_cache: Path, small_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    base = open_base(str(small_model))

    def refused(*_: object, **__: object) -> None:
        raise AssertionError("another process was started")

    with monkeypatch.context() as patch:
        patch.setattr(subprocess, "run", refused)
        graph = base_graph(base, in_process=True)  # the tests' backend is the one that a saved model needs
        with pytest.raises(AssertionError, match="another process"):
            module.export_graph(None, small_model, base.preprocessing, graph.with_name("other.xml"), in_process=False)
    pixels = pixels_for(base)
    check_equal(features_of_graph(base, pixels), np.asarray(base_model(base).predict(pixels, verbose=0)))


def test_other_versions_build_their_own(own_cache: Path, small_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    base = open_base(str(small_model))
    built: list[Path] = []

    def export(network: object, weights: object, preprocessing: object, target: Path, **_: object) -> None:
        target.write_text("graph")
        built.append(target)

    monkeypatch.setattr(module, "export_graph", export)
    first = base_graph(base)
    for package in ("keras", "openvino"):
        with monkeypatch.context() as patch:
            patch.setattr("importlib.metadata.version", lambda name, changed=package: "9" if name == changed else "1")
            assert cached_graph(base.identity) is None
            assert base_graph(base) != first
    assert base_graph(base) == first
    assert len(built) == 3
    first.unlink()  # somebody tidied up
    assert base_graph(base) == first
    assert first.is_file()


def test_weights_of_another_network_are_refused(own_cache: Path, random_weights: Callable[[str], Path]) -> None:
    base = open_base("MobileNetV2-0.35", weights=random_weights("MobileNet-0.25@128"))
    with pytest.raises(InputError, match=r"does not hold the weights of MobileNetV2-0.35[\s\S]*--backbone") as caught:
        base_graph(base)
    assert caught.value.exit_code == 2
    assert not graphs_folder().exists() or not list(graphs_folder().iterdir())


def test_a_full_disk_is_the_users_to_put_right(own_cache: Path, random_weights: Callable[[str], Path]) -> None:
    weights = random_weights("MobileNet-0.25@128")
    code = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))\n"
        "from pathlib import Path; from regraft.backbones.base import open_base\n"
        "from regraft.backbones.graph import base_graph\n"
        "from regraft.errors import InputError\n"
        "try: base_graph(open_base('MobileNet-0.25@128', weights=Path(sys.argv[1])))\n"
        "except InputError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(weights)], capture_output=True, text=True, check=False)
    assert "disk is full" in done.stdout, done.stderr
    assert str(graphs_folder()) in done.stdout
    assert "REGRAFT_CACHE" in done.stdout
    assert list(graphs_folder().iterdir()) == []


BUILD = """
import sys
from regraft.backbones.base import open_base
from regraft.backbones.graph import base_graph
print(base_graph(open_base(sys.argv[1])))
"""


@pytest.mark.slow
def test_two_processes_at_once(own_cache: Path, small_model: Path) -> None:
    command = [sys.executable, "-c", BUILD, str(small_model)]
    processes: list[Any] = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    answers = [process.communicate()[0].strip() for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    assert answers[0] == answers[1]
    assert [str(entry) for entry in graphs_folder().iterdir()] == [str(Path(answers[0]).parent)]


# Several graphs in one process: most of the time goes into starting it.
WRITE = """
import json, sys
from pathlib import Path
from regraft.backbones import graph
for request in json.loads(sys.argv[1]):
    graph._write_graph(request)
"""


def test_layers_and_poolings(random_weights: Callable[[str], Path], tmp_path: Path, monkeypatch: Any) -> None:
    """Built channels_first, and as Keras gives it channels_last."""
    weights = random_weights("MobileNet-0.25@128")
    options: list[dict[str, str]] = [{"cut": "conv_pw_6_relu"}, {"cut": "input"}, {"pooling": "flatten"}]
    bases = [open_base("MobileNet-0.25@64", weights=weights, **option) for option in options]  # type: ignore[arg-type]
    requests: list[str] = []

    def collect(command: list[str], **_: Any) -> Any:
        requests.append(command[-1])
        return subprocess.CompletedProcess(command, 0)

    with monkeypatch.context() as patch:
        patch.setattr(module.subprocess, "run", collect)
        for number, base in enumerate(bases):
            layer = base.cut if base.ends_at_layer else None
            (tmp_path / str(number)).mkdir()
            target = tmp_path / str(number) / "base.xml"
            module.export_graph(base.network, weights, base.preprocessing, target, layer=layer, pooling=base.pooling)
    environment = {**os.environ, "KERAS_BACKEND": "openvino"}
    done = subprocess.run(
        [sys.executable, "-c", WRITE, f"[{','.join(requests)}]"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert not done.returncode, done.stderr
    import openvino

    pixels = pixels_for(bases[0])
    for number, base in enumerate(bases):
        compiled = openvino.Core().compile_model(tmp_path / str(number) / "base.xml", "CPU", F32)
        values = np.concatenate([np.array(compiled({0: image[None]})[0]) for image in pixels])
        expected = np.asarray(base_model(base)(pixels))
        assert values.dtype == np.float32
        assert values.shape == expected.shape
        np.testing.assert_allclose(values, expected, rtol=0, atol=1e-4 * float(np.ptp(expected)))
    np.testing.assert_array_equal(np.asarray(base_model(bases[1])(pixels)), pixels)


def test_a_cut_that_cannot_be_is_the_users_to_put_right(small_model: Path) -> None:
    request = {"network": None, "weights": str(small_model), "layer": "conv2d_99", "pooling": "average"}
    with pytest.raises(InputError, match=r"no layer of that name[\s\S]*--layers"):
        module._base_model(request)


CUTS = (
    ("MobileNetV2-0.35@64", "block_6_depthwise_relu"),
    ("MobileNetV3Small@64", "expanded_conv_4_add"),
    ("EfficientNetLite0@64", "block7_add"),
    ("VGG16@32", "block3_conv2"),
    ("ResNet50@64", "conv4_block2_out"),
    ("ResNet50V2@64", "conv4_block1_preact_relu"),
    ("Xception@71", "add_5"),
    ("InceptionV3@75", "mixed5"),
    ("InceptionResNetV2@75", "block17_9_ac"),
    ("DenseNet121@32", "conv4_block9_concat"),
    ("NASNetMobile@32", "stem_bn1"),
    ("EfficientNetB0@64", "block4b_add"),
    ("EfficientNetV2B0@64", "block4c_add"),
    ("ConvNeXtTiny@32", "add_7"),
)


@pytest.mark.slow
@pytest.mark.parametrize(("spelling", "at"), CUTS)
def test_activations_are_those_of_keras(spelling: str, at: str, random_weights: Callable[[str], Path]) -> None:
    weights = None if "Lite" in spelling else random_weights(spelling)
    base = open_base(spelling, weights=weights, cut=at)
    pixels = pixels_for(base)
    activations = features_of_graph(base, pixels)
    expected = np.asarray(base_model(base)(pixels))
    assert activations.shape == expected.shape
    np.testing.assert_allclose(activations, expected, rtol=0, atol=1e-3 * float(np.ptp(expected)))
