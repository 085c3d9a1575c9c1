from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from regraft.backbones.preprocessing import SCALINGS
from regraft.errors import InputError
from regraft.features.extraction import extract
from regraft.features.view import View
from regraft.images.splitting import assign_splits
from regraft.runs.config import TrainConfig, make_config
from regraft.runs.data import RunData, check_activation, draw_splits, find_base, find_images, load_data


def config_for(source: Path | str, seed: int = 0, **images: Any) -> TrainConfig:
    values = {"images": {"source": str(source), **images}, "backbone": {"precision": "f32"}, "seed": seed}
    return make_config(values)


def load(config: TrainConfig) -> RunData:
    return load_data(find_images(config), find_base(config.backbone), config)


@pytest.fixture(scope="module")
def data(photos: Path) -> RunData:
    return load(config_for(photos))


def test_images_labels_features_and_splits_belong_together(data: RunData, photos: Path) -> None:
    config = config_for(photos)
    assert data.classes == ("blue", "green", "red")
    assert [data.classes[label] for label in data.labels] == [image.label for image in data.images]
    assert data.splits.tolist() == assign_splits(data.images, seed=0)
    assert (data.features.dtype, data.precision, data.skipped) == (np.float32, "f32", ())
    one_by_one = [extract([image], data.base, precision="f32").features()[0] for image in data.images[::20]]
    np.testing.assert_array_equal(data.features[::20], one_by_one)
    assert [image.name for image in data.collection.images] == [image.name for image in find_images(config).images]


def test_rows_and_their_images(data: RunData) -> None:
    train, both = data.rows("train"), data.rows("validation", "test")
    assert sorted([*train, *both]) == list(range(75))
    assert set(data.splits[both]) == {"validation", "test"}
    assert data.chosen(both[:3]) == [data.images[row] for row in both[:3]]
    assert not len(data.rows())


def test_other_splits_of_the_same_features(data: RunData, photos: Path) -> None:
    other = data.split_anew(config_for(photos, seed=3, validation=0.4, test_seed=0))
    assert other.features is data.features
    assert other.splits.tolist() == assign_splits(data.images, seed=3, validation=0.4, test_seed=0)
    assert not np.array_equal(other.splits, data.splits)
    assert np.array_equal(other.rows("test"), data.rows("test"))


def test_every_choice_of_the_splits_is_passed_on(data: RunData) -> None:
    wanted = {"validation": 0.25, "test": 0.3, "exact": True, "test_seed": 7, "folds": 3, "fold": 2}
    splits = draw_splits(data.images, config_for("x", seed=5, **wanted))
    assert splits == assign_splits(data.images, seed=5, **wanted)
    for name, value in (("test", 0.2), ("exact", False), ("test_seed", 8), ("folds", 4), ("fold", 1)):
        assert draw_splits(data.images, config_for("x", seed=5, **{**wanted, name: value})) != splits, name
    plain = {"exact": True, "test_seed": 7}
    assert draw_splits(data.images, config_for("x", **plain, validation=0.3)) != draw_splits(
        data.images, config_for("x", **plain)
    )


def test_a_subset_is_that_of_the_test_seed(photos: Path) -> None:
    """Runs of a study differ in their seeds, and would otherwise look at different images."""

    def names(**options: Any) -> list[str]:
        return [image.name for image in find_images(config_for(photos, per_class=6, **options)).images]

    assert len(names()) == 18
    assert names(seed=1) != names(seed=2)
    assert names(seed=1, test_seed=9) == names(seed=2, test_seed=9) == names(seed=9)


def test_classes_and_scaling_are_passed_on(photos: Path) -> None:
    assert find_images(config_for(photos, classes=["red", "blue"])).classes == ("blue", "red")
    config = make_config({"images": {"source": "x"}, "backbone": {"scaling": "0 to 1"}})
    assert find_base(config.backbone).preprocessing == SCALINGS["0 to 1"]


def test_a_sigmoid_tells_two_classes_apart() -> None:
    sigmoid = make_config({"images": {"source": "x"}, "head": {"activation": "sigmoid"}})
    check_activation(("a", "b"), sigmoid)
    check_activation(("a", "b", "c"), config_for("x"))
    with pytest.raises(InputError, match=r"two classes apart[\s\S]*3: a, b, c"):
        check_activation(("a", "b", "c"), sigmoid)


def unreadable(photos: Path, folder: Path, classes: list[str]) -> Path:
    for name in ("red", "blue"):
        (folder / name).mkdir(parents=True)
        for number, image in enumerate(sorted((photos / name).iterdir())[:8]):
            if name in classes:
                (folder / name / image.name).write_text(f"no picture {name}{number}")
            else:
                shutil.copy(image, folder / name)
    return folder


def test_nothing_and_one_class_that_can_be_read(photos: Path, tmp_path: Path) -> None:
    config = config_for(unreadable(photos, tmp_path / "none", ["red", "blue"]), exact=True)
    with pytest.raises(InputError, match="None of the 16 images can be read"):
        load(config)
    config = config_for(unreadable(photos, tmp_path / "one", ["red"]), exact=True)
    with pytest.raises(InputError, match=r"Only one class[\s\S]*at least two classes[\s\S]*red/00.jpg"):
        load(config)


def test_what_cannot_be_read_is_skipped_with_its_reason(photos: Path, tmp_path: Path) -> None:
    source = unreadable(photos, tmp_path / "photos", [])
    (source / "red" / "text.jpg").write_text("no picture at all")
    (source / "red" / "notes.txt").write_text("remember the milk")
    found = load(config_for(source, exact=True))
    assert {file.name for file in found.skipped} == {"red/text.jpg", "red/notes.txt"}
    assert len(found.images) == len(found.features) == len(found.splits) == 16
    assert len(found.collection.images) == 17


def test_made_up_data_is_like_the_real(made_data: Callable[..., RunData], data: RunData) -> None:
    """What other tests rest on."""
    made = made_data(config_for("x"))
    for name, value in vars(data).items():
        assert type(getattr(made, name)) is type(value), name
        assert getattr(getattr(made, name), "dtype", None) == getattr(value, "dtype", None), name


def test_views_are_extracted_beside_the_plain_images(small_config: Callable[..., TrainConfig], quickly: None) -> None:
    assert load(small_config()).views is None
    data = load(small_config(augmentation={"views": 2, "test_views": 1, "rotation": 5.0}))
    assert data.views.shape == (3, *data.features.shape)
    np.testing.assert_array_equal(data.views[0], data.features)
    assert data.augmentation.rotation == 5
    assert data.augmentation.horizontal_flip  # what was left open is chosen for photos
    again = extract(data.images[:4], data.base, engine="keras", precision="f32", view=View(data.augmentation, 2))
    np.testing.assert_allclose(data.views[2, :4], again.features(), rtol=0, atol=1e-6)
    rows = data.rows("test")
    np.testing.assert_array_equal(data.seen(rows, 0), data.features[None, rows])
    np.testing.assert_array_equal(data.seen(rows, 1), data.views[:2, rows])
    np.testing.assert_array_equal(replace(data, views=None).seen(rows, 0), data.features[None, rows])
