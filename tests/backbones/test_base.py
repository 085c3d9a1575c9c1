import hashlib
import json
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from regraft.backbones.base import open_base
from regraft.backbones.preprocessing import INSIDE, LITE, SCALINGS, TF
from regraft.errors import InputError
from regraft.features.extraction import extract
from regraft.images.folders import scan_folder


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """A file that may stand for weights, since opening a base does not read them."""
    path = tmp_path / "some.weights.h5"
    path.write_bytes(b"some weights")
    return path


def test_a_network_of_the_catalogue(weights: Path) -> None:
    base = open_base("mobilenetv2-0.35@320", weights=weights)
    assert base.spelling == "MobileNetV2-0.35@320"
    assert (base.height, base.width) == (320, 320)
    assert base.preprocessing is TF
    assert base.cut == "pooling"
    assert base.weights.path == weights
    assert len(base.identity) == 64
    assert json.loads(json.dumps(base.description())) == base.description()


def test_the_default_needs_no_download() -> None:
    base = open_base("EfficientNetLite0")
    assert base.preprocessing is LITE
    assert base.weights.origin.startswith("package")


def test_identity_is_of_what_is_computed(weights: Path, tmp_path: Path) -> None:
    base = open_base("MobileNetV2", weights=weights)
    copy = tmp_path / "elsewhere" / "copy.h5"
    copy.parent.mkdir()
    copy.write_bytes(weights.read_bytes())
    assert open_base("MOBILENETV2@224", weights=copy).identity == base.identity
    assert replace(base, spelling="another").identity == base.identity

    copy.write_bytes(b"other weights")
    others = [
        open_base("MobileNetV2", weights=copy),
        open_base("MobileNetV2@192", weights=weights),
        open_base("MobileNetV2-0.5", weights=weights),
        open_base("MobileNet", weights=weights),
        replace(base, preprocessing=INSIDE),
        replace(base, cut="block_12"),
    ]
    assert len({base.identity, *(other.identity for other in others)}) == 7


def save(path: Path, config: Any) -> Path:
    """A file that has of a saved model only its description."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", config if isinstance(config, str) else json.dumps(config))
    return path


def functional(*shapes: Any) -> dict[str, Any]:
    inputs = [{"class_name": "InputLayer", "config": {"batch_shape": shape}} for shape in shapes]
    return {"class_name": "Functional", "config": {"layers": [*inputs, {"class_name": "Dense", "config": {}}]}}


def test_a_saved_model_and_a_run_folder(tmp_path: Path) -> None:
    import keras

    layers = keras.layers
    model = keras.Sequential([keras.Input((20, 24, 3)), layers.Flatten(), layers.Dense(2)])
    model.save(tmp_path / "model.keras")
    base = open_base(str(tmp_path / "model.keras"))
    assert (base.network, base.height, base.width, base.cut) == (None, 20, 24, "last")
    assert base.preprocessing is INSIDE
    assert open_base(str(tmp_path)) == base  # the run folder with it

    nested = keras.Sequential([keras.Input((30, 20, 3)), layers.Resizing(20, 24), model])
    nested.save(tmp_path / "nested.keras")
    assert open_base(str(tmp_path / "nested.keras")).height == 30


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        (functional([None, 20, 24, 1]), r"an input of shape \(20, 24, 1\)"),
        (functional([None, None, None, 3]), "an input of shape"),
        (functional([None, 32]), "an input of shape"),
        (functional([None, 8, 8, 8, 3]), "an input of shape"),
        (functional([None, 8, 8, 3], [None, 8, 8, 3]), "2 inputs"),
        (functional(), "0 inputs"),
        ({"class_name": "Mine", "config": {"units": 3}}, "a model of type Mine"),
        ({"class_name": "Mine", "config": None}, "."),
        ([1], "."),
        ("no JSON", "."),
        (functional(3), "."),
        (functional([]), "."),
    ],
)
def test_saved_models_that_are_no_backbones(tmp_path: Path, config: Any, reason: str) -> None:
    with pytest.raises(InputError, match=rf"cannot be used as a backbone[\s\S]*one image input[\s\S]*{reason}"):
        open_base(str(save(tmp_path / "model.keras", config)))


def test_files_that_are_no_saved_models(tmp_path: Path) -> None:
    path = tmp_path / "model.keras"
    with pytest.raises(InputError, match="There is no Keras model"):
        open_base(str(path))
    for content in (b"", b"not a zip", save(tmp_path / "whole.keras", functional([None, 8, 8, 3])).read_bytes()[:-9]):
        path.write_bytes(content)
        with pytest.raises(InputError, match="cannot be used as a backbone"):
            open_base(str(path))
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("metadata.json", "{}")
    with pytest.raises(InputError, match=r"cannot be used as a backbone[\s\S]*config.json"):
        open_base(str(path))
    path.unlink()
    path.mkdir()
    with pytest.raises(InputError, match="cannot be used as a backbone"):
        open_base(str(path))


def test_a_saved_model_brings_its_own_weights(tmp_path: Path, weights: Path) -> None:
    with pytest.raises(InputError, match="brings its own"):
        open_base(str(save(tmp_path / "model.keras", functional([None, 8, 8, 3]))), weights=weights)


@pytest.mark.parametrize("spelling", ["", "MobileNetX", "x" * 5000, "a\0b", "runs/none", "."])
def test_what_is_no_backbone(spelling: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="There is no backbone of that name"):
        open_base(spelling)


def test_other_scalings_are_other_functions(weights: Path) -> None:
    own = open_base("MobileNetV2", weights=weights)
    assert open_base("MobileNetV2", weights=weights, scaling="own") == own
    other = open_base("MobileNetV2", weights=weights, scaling="0 to 1")
    assert other == replace(own, preprocessing=SCALINGS["0 to 1"])
    assert other.identity != own.identity
    # What MobileNetV2 was trained on, under another name: the same function.
    assert open_base("MobileNetV2", weights=weights, scaling="-1 to 1").identity == own.identity
    lite = open_base("EfficientNetLite0")
    assert open_base("EfficientNetLite0", scaling="-1 to 1").identity != lite.identity


def test_the_identity_of_a_base_is_as_ever(weights: Path) -> None:
    """It names what lies in every user's cache. Written out here, as nothing but the digest would show a change."""
    described = {
        "revision": 1,
        "network": {"name": "MobileNetV2", "alpha": 1.0, "size": 224},
        "weights": hashlib.sha256(b"some weights").hexdigest(),
        "input": [224, 224],
        "preprocessing": {"name": "tf", "scale": [1 / 127.5] * 3, "offset": [-1.0] * 3, "channels": "RGB"},
        "cut": "pooling",
    }
    expected = hashlib.sha256(json.dumps(described, sort_keys=True).encode()).hexdigest()
    assert open_base("MobileNetV2", weights=weights).identity == expected


def test_a_base_that_ends_at_a_layer(weights: Path, tmp_path: Path) -> None:
    features = open_base("MobileNetV2", weights=weights)
    base = open_base("MobileNetV2", weights=weights, cut="block_12_add")
    assert (base.cut, base.ends_at_layer, features.ends_at_layer) == ("block_12_add", True, False)
    assert base == replace(features, cut="block_12_add")
    assert base.until_features() == features == features.until_features()
    assert base.description() == {**features.description(), "cut": "block_12_add"}
    assert open_base("MobileNetV2", weights=weights, cut="pooling") == features
    # behind the cut: no part of what the base computes
    assert open_base("MobileNetV2", weights=weights, cut="block_12_add", pooling="max").identity == base.identity

    path = str(save(tmp_path / "model.keras", functional([None, 8, 8, 3])))
    assert open_base(path, cut="pooling").ends_at_layer  # a layer of that name
    assert open_base(path, cut="last") == open_base(path) == open_base(path, cut="one").until_features()


def test_other_poolings_are_other_functions(weights: Path) -> None:
    base = open_base("MobileNetV2", weights=weights)
    assert open_base("MobileNetV2", weights=weights, pooling="average") == base
    others = [open_base("MobileNetV2", weights=weights, pooling=pooling) for pooling in ("max", "both", "flatten")]
    assert [other.pooling for other in others] == ["max", "both", "flatten"]
    assert [other.description() for other in others] == [
        {**base.description(), "pooling": other.pooling} for other in others
    ]
    assert len({base.identity, *(other.identity for other in others)}) == 4
    with pytest.raises(InputError, match="no pooling of that name"):
        open_base("MobileNetV2", weights=weights, pooling="mean")


def test_other_scalings_give_other_features(photos: Path) -> None:
    images = scan_folder(photos).images[::25]
    own, wrong = (
        extract(images, open_base("EfficientNetLite0@64", scaling=scaling), precision="f32").features()
        for scaling in ("own", "0 to 1")
    )
    assert own.shape == wrong.shape
    assert np.abs(own - wrong).max() > 0.1 * np.abs(own).max()


@pytest.mark.parametrize("scaling", ["0 to 255", "", "OWN"])
def test_scalings_that_there_are_not(scaling: str) -> None:
    with pytest.raises(InputError, match=r"cannot be scaled so[\s\S]*0 to 1 or -1 to 1"):
        open_base("EfficientNetLite0", scaling=scaling)


def test_a_saved_model_has_its_scaling_inside(tmp_path: Path) -> None:
    path = save(tmp_path / "model.keras", functional([None, 8, 8, 3]))
    assert open_base(str(path), scaling="own").preprocessing is INSIDE
    with pytest.raises(InputError, match=r"cannot be scaled so[\s\S]*a network of the catalogue"):
        open_base(str(path), scaling="0 to 1")
