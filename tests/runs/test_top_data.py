from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from small_tops import eagerly

from regraft.errors import InputError
from regraft.features import space
from regraft.images.augmentation import read_view
from regraft.runs import top_data as module
from regraft.runs.config import TrainConfig, make_config
from regraft.runs.data import RunData, find_base, find_images, load_data
from regraft.runs.top_data import TopData, card_of, cut_for, prepare_cut, top_data

MakeConfig = Callable[..., TrainConfig]
pytestmark = pytest.mark.usefixtures("quickly")


def loaded(config: TrainConfig) -> RunData:
    return load_data(find_images(config), find_base(config.backbone), config)


def made(config: TrainConfig) -> tuple[RunData, TopData]:
    data = loaded(config)
    return data, top_data(data, config, prepare_cut(data.base, config))


def by_hand(data: RunData, inputs: TopData, row: int, view: int) -> npt.NDArray[np.float32]:
    """The activations of one image in one view, by the base of the cut."""
    image = data.images[row]
    pixels = read_view(image.source, 8, data.augmentation, image.sha256, view)
    return np.asarray(inputs.parts.base(pixels[None], training=False), np.float32)[0]


@pytest.mark.parametrize(("views", "test_views"), [(2, 0), (1, 2), (0, 0)])
def test_activations_are_those_of_the_base_in_every_view(small_config: MakeConfig, views: int, test_views: int) -> None:
    wanted = {"views": views, "test_views": test_views}
    data, inputs = made(small_config(finetune={"blocks": 1}, augmentation=wanted))
    assert inputs.rows.tolist() == [row for row in range(75) if data.splits[row] != "test"]
    assert (inputs.views, inputs.learned.views) == (views, views + 1)
    assert inputs.measured is inputs.learned
    test = data.rows("test")
    for view in range(max(views, test_views) + 1):
        for place in (0, len(inputs.rows) - 1):
            expected = by_hand(data, inputs, inputs.rows[place], view)
            np.testing.assert_allclose(inputs.learned.view(np.array([place]), view)[0], expected, rtol=0, atol=1e-5)
    for view in range(test_views + 1):
        expected = by_hand(data, inputs, test[1], view)
        np.testing.assert_allclose(inputs.tested.view(np.array([1]), view)[0], expected, rtol=0, atol=1e-5)
    most = max(views, test_views) + 1
    assert inputs.size == (len(inputs.rows) * most + len(test) * (test_views + 1)) * (4 * 4 * 4 * 4 + 64)


def test_half_precision_takes_half_the_room_and_is_nearly_the_same(small_config: MakeConfig) -> None:
    (_, exact), (_, half) = (made(small_config(finetune={"blocks": 1, "cache": kind})) for kind in ("f32", "f16"))
    rows = np.arange(5)
    np.testing.assert_allclose(half.learned.view(rows, 1), exact.learned.view(rows, 1), rtol=1e-3, atol=1e-3)
    assert not np.array_equal(half.learned.view(rows, 1), exact.learned.view(rows, 1))
    assert (exact.size - 150 * 64) > 1.5 * (half.size - 150 * 64)


def test_from_the_input_on_they_are_pixels(small_config: MakeConfig) -> None:
    data, inputs = made(small_config(finetune={"at": "input"}))
    assert (inputs.views, inputs.size) == (None, 0)
    image = data.images[inputs.rows[3]]
    for epoch in (1, 2):
        drawn = inputs.learned.drawn(np.array([3]), np.zeros(1, np.int64), epoch)
        np.testing.assert_array_equal(drawn[0], read_view(image.source, 8, data.augmentation, image.sha256, epoch))
    plain = read_view(image.source, 8, data.augmentation, image.sha256, 0)
    np.testing.assert_array_equal(inputs.measured.view(np.array([3]), 0)[0], plain)
    _, without = made(small_config(finetune={"at": "input"}, augmentation={"views": 0, "test_views": 2}))
    assert without.views == 0
    np.testing.assert_array_equal(without.learned.drawn(np.array([3]), np.zeros(1, np.int64), 1)[0], plain)
    view = read_view(image.source, 8, data.augmentation, image.sha256, 2)
    np.testing.assert_array_equal(without.measured.view(np.array([3]), 2)[0], view)


def test_room_is_told_and_asked_for_before_anything_is_computed(
    small_config: MakeConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = small_config(finetune={"blocks": 1}, augmentation={"views": 3, "seed": 77})
    data = loaded(config)
    parts = prepare_cut(data.base, config)
    told: list[str] = []
    extracted: list[int] = []
    original = module.extract_views
    monkeypatch.setattr(
        module, "extract_views", lambda *given, **options: extracted.append(1) or original(*given, **options)
    )
    asked: list[int] = []
    monkeypatch.setattr(module, "check_disk", asked.append)
    with monkeypatch.context() as patch:
        patch.setattr(module, "check_memory", refuse)
        with pytest.raises(InputError, match="no room"):
            top_data(data, config, parts, told.append)
    assert (extracted, len(told)) == ([], 1)
    assert "kB in the cache" in told[0] or "MB in the cache" in told[0]
    inputs = top_data(data, config, parts)
    assert extracted == [1, 1]
    # The plain view was there already, by another test or not; all others were not.
    plain = 75 * (4 * 4 * 4 * 4 + 64)
    assert asked[0] in (inputs.size, inputs.size - plain)
    top_data(data, config, parts)
    assert asked[1] == 0  # what is in the cache needs no room


def refuse(needed: int) -> None:
    raise InputError(f"no room for {needed}")


def test_a_small_disk_and_a_small_memory_are_refused(small_config: MakeConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    config = small_config(finetune={"blocks": 1}, augmentation={"views": 2, "seed": 78})
    data = loaded(config)
    parts = prepare_cut(data.base, config)
    with monkeypatch.context() as patch:
        patch.setattr(space, "free_bytes", lambda folder: 1000)
        with pytest.raises(InputError, match="disk has no room"):
            top_data(data, config, parts)
    monkeypatch.setattr(space, "_available", lambda: 1000)
    monkeypatch.setattr(space.os, "sysconf", lambda name: 1)
    with pytest.raises(InputError, match="memory has no room"):
        top_data(data, config, parts)


@pytest.mark.parametrize(
    ("wish", "at", "trainable"),
    [
        ({}, "a_add", 1),  # a third of two blocks, at least one
        ({"blocks": 1}, "a_add", 1),
        ({"at": "stem_relu"}, "stem_relu", 2),
        ({"from_layer": "b_depthwise"}, "a_add", 1),
        ({"last": 1}, "b_add", 0),  # head_conv
        ({"last": 3}, "a_add", 0),  # b_project_bn, b_add, head_conv
        ({"at": "input"}, "input", 2),
    ],
)
def test_where_to_cut(small_config: MakeConfig, wish: dict[str, Any], at: str, trainable: int) -> None:
    config = small_config(finetune=wish)
    base = find_base(config.backbone)
    parts = cut_for(base, config.finetune)
    assert parts.at == at
    assert sum(name in parts.trainable for name in ("a_depthwise", "b_depthwise")) == trainable
    assert parts.whole.output_shape == (None, 6)


@pytest.mark.parametrize(
    ("wish", "said"),
    [
        ({"from_layer": "b_deptwise"}, "b_depthwise"),
        ({"at": "b_depthwise_relu"}, r"cannot be cut after b_depthwise_relu[\s\S]*a_add or b_add"),
        ({"last": 0}, "that number of layers"),
        ({"blocks": 9}, "from 1 to 2"),
        ({"blocks": 1, "last": 2}, "more than one way"),
        ({"at": "head_conv"}, "Nothing of the backbone would be trained"),
        ({"learning_rate": 0.0}, "learning rate"),
        ({"learning_rate": -1.0}, "learning rate"),
        ({"learning_rate": float("nan")}, "learning rate"),
    ],
)
def test_what_cannot_be_is_refused_at_once(small_config: MakeConfig, wish: dict[str, Any], said: str) -> None:
    config = small_config(finetune=wish)
    base = find_base(config.backbone)
    with pytest.raises(InputError, match=said):
        prepare_cut(base, config)


def test_layers_that_batchnorm_alone_would_train_are_enough_where_it_is_trained(small_config: MakeConfig) -> None:
    """The last layer before the features that has weights is the convolution; with BatchNorm after it that is last."""
    import keras

    config = small_config(finetune={"last": 1})
    base = find_base(config.backbone)
    network = keras.models.load_model(config.backbone.name)
    answer = keras.layers.Dense(3)(network.output)
    path = base.weights.path.with_name("with_head.keras")
    keras.Model(network.input, answer).save(path)
    wider = find_base(config.backbone.model_copy(update={"name": str(path)}))
    wanted = small_config(finetune={"last": 2, "batchnorm": "train"}).finetune
    assert cut_for(wider, wanted).trainable == ("head_bn", "head_relu")
    with pytest.raises(InputError, match=r"Nothing of the backbone[\s\S]*head_bn, head_relu"):
        cut_for(wider, small_config(finetune={"last": 2}).finetune)


def test_a_third_of_the_blocks_of_a_network_of_the_catalogue() -> None:
    config = make_config({"images": {"source": "x"}, "backbone": {"name": "EfficientNetLite0@32"}, "finetune": {}})
    base = find_base(config.backbone)
    with eagerly():
        parts = cut_for(base, config.finetune)
    from regraft.backbones.layer_rows import block_rows

    blocks = block_rows(parts.whole, card_of(base))
    assert card_of(base).name == "EfficientNetLite0"
    assert parts.at == blocks[-round(0.3 * len(blocks))].cut
    assert card_of(replace(base, network=None)) is None
