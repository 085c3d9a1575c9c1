from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from small_tops import graphs_here

from regraft.backbones.base import Base, open_base
from regraft.backbones.joint import JointBase, join_bases
from regraft.errors import InputError
from regraft.features.augmented import extract_views
from regraft.features.extraction import extract
from regraft.features.joint import JointViews
from regraft.features.keras_engine import KerasEngine
from regraft.features.store import features_folder
from regraft.images.augmentation import Augmentation
from regraft.images.labelled import LabelledImage

FLIP = Augmentation(horizontal_flip=True, seed=1)


@pytest.fixture(scope="module")
def second(tmp_path_factory: pytest.TempPathFactory) -> Base:
    """Another small network of the same input, to two features."""
    import keras

    path = tmp_path_factory.mktemp("second") / "second.keras"
    keras.Sequential(
        [keras.Input((32, 40, 3)), keras.layers.AveragePooling2D(16), keras.layers.Flatten(), keras.layers.Dense(2)]
    ).save(path)
    return open_base(str(path))


@pytest.fixture
def joint(base: Base, second: Base, empty_features: Path) -> Iterator[JointBase]:
    with graphs_here():
        yield join_bases([base, second])


def stores() -> set[str]:
    return {path.name for path in features_folder().iterdir()}


def test_a_member_more_is_all_that_is_computed(
    base: Base, second: Base, joint: JointBase, images: list[LabelledImage], monkeypatch: pytest.MonkeyPatch
) -> None:
    some = images[:6]
    first = extract_views(some, base, FLIP, 1, engine="keras")
    before, opened = stores(), list[str]()
    original = KerasEngine.__init__

    def noting(self: KerasEngine, base: Base, precision: str) -> None:
        opened.append(base.spelling)
        original(self, base, precision)

    monkeypatch.setattr(KerasEngine, "__init__", noting)
    both = extract_views(some, joint, FLIP, 1, engine="keras")
    assert isinstance(both, JointViews)
    assert opened == [second.spelling]
    assert len(stores() - before) == 2
    assert (both.computed, both.precision, both.members, both.widths()) == (12, "f32", 2, (16, 12))
    alone = extract_views(some, second, FLIP, 1, engine="keras")
    assert alone.computed == 0
    np.testing.assert_array_equal(both.features(), np.concatenate([first.features(), alone.features()], axis=-1))
    np.testing.assert_array_equal(both.view(1), both.features()[1])
    assert both.images == tuple(some)


def test_what_one_member_cannot_read_no_member_has(
    joint: JointBase, images: list[LabelledImage], tmp_path: Path
) -> None:
    broken = LabelledImage("broken.jpg", "red", "0" * 64, tmp_path / "none.jpg")
    found = extract_views([*images[:2], broken, images[2]], joint, FLIP, 0, engine="keras")
    assert [image.name for image in found.images] == [image.name for image in images[:3]]
    assert [file.name for file in found.skipped] == ["broken.jpg"]
    assert found.features().shape == (1, 3, 28)
    nothing = extract_views([broken], joint, FLIP, 0, engine="keras")
    assert (nothing.images, nothing.computed, len(nothing.skipped)) == ((), 0, 1)


def test_engines_and_stores_are_of_one_backbone(base: Base, joint: JointBase, images: list[LabelledImage]) -> None:
    with pytest.raises(InputError, match="computes one backbone"):
        extract_views(images[:2], joint, FLIP, 0, engine=KerasEngine(base))
    with pytest.raises(InputError, match="2 backbones at once"):
        extract(images[:2], joint)
