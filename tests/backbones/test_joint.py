from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from regraft.backbones.base import Base, open_base
from regraft.backbones.graph import base_graph
from regraft.backbones.joint import JointBase, join_bases, member_spellings, members_of
from regraft.backbones.networks import base_model, whole_model
from regraft.errors import InputError


@pytest.fixture
def mobile(random_weights: Callable[[str], Path]) -> Base:
    return open_base("MobileNet-0.25@128", weights=random_weights("MobileNet-0.25@128"))


@pytest.fixture
def resizing(mobile: Base, built: dict[str, Any]) -> Any:
    """`mobile` for 160 × 200 pixels in Keras, built once."""
    base = mobile.read_at(160, 200)
    if base.identity not in built:
        built[base.identity] = base_model(base)
    return built[base.identity]


@pytest.fixture(scope="module")
def built() -> dict[str, Any]:
    return {}


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small saved model for 160 × 160 pixels as float32, whose path has a plus in it."""
    import keras

    path = tmp_path_factory.mktemp("a+b") / "mine+yours.keras"
    layers = [keras.Input((160, 160, 3)), keras.layers.Conv2D(4, 9, 8), keras.layers.GlobalAveragePooling2D()]
    keras.Sequential([*layers, keras.layers.Dense(2)]).save(path)
    return path


def test_how_several_are_written(saved: Path, tmp_path: Path) -> None:
    assert member_spellings("MobileNetV2") == ["MobileNetV2"]
    assert member_spellings("A+B@320 + C") == ["A", "B@320", "C"]
    assert member_spellings(str(saved)) == [str(saved)]
    assert member_spellings(f"A+{saved}+{saved.parent}/none.keras")[:2] == ["A", str(saved)]
    (tmp_path / "run+1").mkdir()
    (tmp_path / "run+1" / "model.keras").write_bytes(saved.read_bytes())
    assert member_spellings(f"{tmp_path / 'run+1'}+A") == [str(tmp_path / "run+1"), "A"]
    assert member_spellings("A+" + "x" * 5000) == ["A", "x" * 5000]
    assert member_spellings("") == [""]


def test_all_read_what_the_largest_reads() -> None:
    base = open_base("efficientnetlite0+EfficientNetLite0@320+EfficientNetLite0@256")
    assert isinstance(base, JointBase)
    assert base.spelling == "EfficientNetLite0+EfficientNetLite0@320+EfficientNetLite0@256"
    assert (base.height, base.width, base.network, base.ends_at_layer) == (320, 320, None, False)
    assert {(member.height, member.width) for member in base.members} == {(320, 320)}
    assert [member.resized_to for member in base.members] == [224, None, 256]
    assert base.members[1] == open_base("EfficientNetLite0@320")  # and so its features in the cache
    assert base.members[0].identity != open_base("EfficientNetLite0").identity
    assert base.members[0].description()["input"] == [320, 320]
    assert base.until_features() == base == base.read_at(320, 320)
    assert base.read_at(400, 400).members[1].resized_to == 320
    assert json.loads(json.dumps(base.description())) == base.description()
    other = open_base("EfficientNetLite0@320+EfficientNetLite0+EfficientNetLite0@256")
    assert len({base.identity, other.identity, base.read_at(400, 400).identity}) == 3
    assert replace(base, spelling="x").identity == base.identity
    assert members_of(base) == base.members
    assert members_of(base.members[1]) == (base.members[1],)


def test_pooling_and_scaling_are_for_all() -> None:
    base = open_base("EfficientNetLite0+EfficientNetLite0@256", pooling="max", scaling="0 to 1")
    assert {(member.pooling, member.preprocessing.name) for member in members_of(base)} == {("max", "0 to 1")}


@pytest.mark.parametrize(
    ("spelling", "reason"),
    [
        ("EfficientNetLite0+EfficientNetLite0@224", "there twice"),
        ("EfficientNetLite0@64+EfficientNetLite0@160", "cannot work on images of 160 × 160"),
        ("EfficientNetLite0+", "no backbone of that name"),
        ("EfficientNetLite0+MobilNetX", "no backbone of that name"),
    ],
)
def test_what_does_not_go_together(spelling: str, reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        open_base(spelling)


def test_a_saved_model_takes_its_own_size_only(saved: Path) -> None:
    assert open_base(f"{saved}+EfficientNetLite0@160").height == 160
    assert members_of(open_base(f"EfficientNetLite0@96+{saved}"))[0].resized_to == 96
    with pytest.raises(InputError, match=r"cannot work on images of 224[\s\S]*160 × 160 pixels[\s\S]*NAME@160"):
        open_base(f"{saved}+EfficientNetLite0")


def test_what_only_one_backbone_can_do(saved: Path, tmp_path: Path) -> None:
    spelling = "EfficientNetLite0+EfficientNetLite0@256"
    base = open_base(spelling)
    for call in (base_graph, whole_model):
        with pytest.raises(InputError, match="2 backbones at once"):
            call(base)
    options: list[dict[str, Any]] = [{"weights": saved}, {"cut": "stem"}]
    for option in options:
        with pytest.raises(InputError, match="bring their own weights"):
            open_base(spelling, **option)
    open_base("EfficientNetLite0").refuse_several("This is one")


def test_the_graph_and_keras_resize_alike(mobile: Base, resizing: Any) -> None:
    """Of a picture with edges, which another interpolation would show."""
    import keras
    import openvino

    base = mobile.read_at(160, 200)
    generator = np.random.default_rng(0)
    pixels = np.kron(generator.integers(0, 256, (2, 20, 25, 3)), np.ones((1, 8, 8, 1))).astype(np.uint8)
    features = np.asarray(resizing(pixels, training=False))
    compiled = openvino.Core().compile_model(base_graph(base), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    from_graph = np.concatenate([np.array(compiled({0: image[None]})[0]) for image in pixels])
    np.testing.assert_allclose(from_graph, features, rtol=0, atol=1e-4 * float(np.ptp(features)))
    # By OpenCV's bilinear interpolation, which rounds to whole pixels, it is nearly the same.
    import cv2

    small = np.stack([cv2.resize(image, (128, 128), interpolation=cv2.INTER_LINEAR) for image in pixels])
    rest = keras.Model(resizing.get_layer("resizing").output, resizing.outputs[0])
    own = np.asarray(rest(small.astype(np.float32), training=False))
    np.testing.assert_allclose(features, own, rtol=0, atol=0.01 * float(np.ptp(own)))
    assert np.abs(features[0] - features[1]).max() > 0.1 * np.ptp(features)


def test_the_joint_model_gives_what_its_members_give(mobile: Base, resizing: Any, tmp_path: Path) -> None:
    import keras

    layers = [keras.Input((160, 200, 3)), keras.layers.Conv2D(4, 9, 8), keras.layers.GlobalAveragePooling2D()]
    keras.Sequential([*layers, keras.layers.Dense(2)]).save(tmp_path / "wide.keras")
    base = join_bases([mobile, open_base(str(tmp_path / "wide.keras"))])
    model = base_model(base)
    pixels = np.random.default_rng(0).integers(0, 256, (2, 160, 200, 3), dtype=np.uint8)
    features = np.asarray(model(pixels, training=False))
    parts = [np.asarray(part(pixels, training=False)) for part in (resizing, base_model(base.members[1]))]
    np.testing.assert_allclose(features, np.concatenate(parts, axis=1), rtol=0, atol=1e-5 * float(np.ptp(features)))
    assert [layer.name for layer in model.layers if isinstance(layer, keras.Model)] == [
        "member1_MobileNet",
        "member2_saved",
    ]
    assert not model.trainable_variables
    model.save(tmp_path / "joint.keras")
    again = keras.saving.load_model(tmp_path / "joint.keras", safe_mode=True)
    np.testing.assert_array_equal(np.asarray(again(pixels, training=False)), features)
