from __future__ import annotations

import math
from dataclasses import fields
from typing import Any

import pytest

from regraft.errors import InputError
from regraft.images.augmentation import Augmentation, default_augmentation
from regraft.runs.config import config_text, make_config
from regraft.runs.finetune_config import DEFAULT_VIEWS, AugmentationConfig, FinetuneConfig, with_finetune
from regraft.training.finetune_settings import FinetuneSettings

NOTHING = {
    "horizontal_flip": False,
    "rotation": 0.0,
    "crop": (1.0, 1.0),
    "brightness": 0.0,
    "contrast": 0.0,
    "colour": 0.0,
}


def config_with(**sections: Any) -> Any:
    return make_config({"images": {"source": "x"}, **sections})


def test_the_defaults_are_those_of_the_settings() -> None:
    assert FinetuneConfig().settings(seed=7) == FinetuneSettings(seed=7)
    assert {field.name for field in fields(FinetuneSettings)} - {"seed"} <= set(FinetuneConfig.model_fields)


def test_everything_that_is_set_is_passed_on() -> None:
    given = {
        "epochs": 3,
        "learning_rate": 0.01,
        "optimizer": "sgd",
        "weight_decay": 0.1,
        "l2_sp": 0.2,
        "layer_decay": 3.0,
        "schedule": "constant",
        "warmup": 0.3,
        "batch_size": 4,
        "batchnorm": "train",
        "staged": True,
        "patience": 2,
        "label_smoothing": 0.1,
    }
    assert set(given) == {field.name for field in fields(FinetuneSettings)} - {"seed"}
    assert config_with(finetune=given).finetune.settings(5) == FinetuneSettings(**given, seed=5)
    assert FinetuneConfig(patience=0).settings(0).patience is None


def test_what_cannot_be_trained_with_is_refused() -> None:
    # What each setting may be is tested where the settings are.
    with pytest.raises(InputError, match="learning rate"):
        FinetuneConfig(learning_rate=math.nan).settings(0)


@pytest.mark.parametrize("wish", [{}, {"at": "input"}, {"from_layer": "a"}, {"last": 3}, {"blocks": 2}, {"last": 0}])
def test_one_wish_where_to_cut(wish: dict[str, Any]) -> None:
    assert FinetuneConfig(**wish).wish() == wish


def test_two_wishes_are_refused() -> None:
    with pytest.raises(InputError, match=r"more than one way[\s\S]*last and blocks"):
        FinetuneConfig(blocks=1, last=0).wish()


@pytest.mark.parametrize(
    ("own", "given", "expected"),
    [
        ({}, {}, {}),
        ({"blocks": 2, "epochs": 3}, {"last": 5}, {"epochs": 3, "last": 5}),
        ({"blocks": 2, "epochs": 3}, {"epochs": 4}, {"blocks": 2, "epochs": 4}),
        ({"blocks": 2}, {"blocks": 0}, {"blocks": 0}),
        ({"blocks": 2, "at": "x"}, {"last": 0}, {"last": 0}),
        ({"last": 2}, {"blocks": 1, "at": "input"}, {"blocks": 1, "at": "input"}),
    ],
)
def test_a_new_wish_takes_the_place_of_another(own: dict[str, Any], given: dict[str, Any], expected: Any) -> None:
    assert with_finetune(own, given) == expected


def test_what_is_left_out_of_a_policy_is_chosen_for_the_images() -> None:
    assert AugmentationConfig().policy("photos", ["a", "rose"]) == default_augmentation("photos", ["a", "rose"])
    assert AugmentationConfig().policy("digits", ["0", "1"]) == default_augmentation("digits", ["0", "1"])
    own = AugmentationConfig(horizontal_flip=False, rotation=3.0, zoom=(0.8, 1.1), seed=9)
    policy = own.policy("photos", ["a", "rose"])
    assert policy == Augmentation(
        rotation=3, zoom=(0.8, 1.1), crop=(0.5, 1.0), brightness=0.2, contrast=0.2, colour=0.2, seed=9
    )


@pytest.mark.parametrize("wanted", [{"views": 2}, {"test_views": 1}])
def test_views_of_an_augmentation_that_changes_nothing_are_refused(wanted: dict[str, int]) -> None:
    with pytest.raises(InputError, match="changes nothing"):
        AugmentationConfig(**wanted, **NOTHING).policy("photos", ["a", "rose"])
    assert AugmentationConfig(**NOTHING).policy("photos", ["a", "rose"]).changes_nothing


def test_how_many_views_fine_tuning_sees() -> None:
    policy = default_augmentation("photos")
    assert AugmentationConfig().finetune_views(policy) == DEFAULT_VIEWS
    assert AugmentationConfig(views=0).finetune_views(policy) == 0
    assert AugmentationConfig(views=3).finetune_views(policy) == 3
    assert AugmentationConfig().finetune_views(Augmentation()) == 0


@pytest.mark.parametrize(
    ("section", "values", "named"),
    [
        ("finetune", {"cache": "f8"}, "finetune.cache"),
        ("finetune", {"rate": 0.1}, "finetune.rate"),
        ("finetune", {"patience": -1}, "finetune.patience"),
        ("finetune", {"blocks": "two"}, "finetune.blocks"),
        ("augmentation", {"views": -1}, "augmentation.views"),
        ("augmentation", {"test_views": 2000}, "augmentation.test_views"),
        ("augmentation", {"zoom": [0.8]}, "augmentation.zoom"),
        ("augmentation", {"seed": -1}, "augmentation.seed"),
    ],
)
def test_bad_values_are_named(section: str, values: dict[str, Any], named: str) -> None:
    with pytest.raises(InputError, match=named.replace(".", r"\.")):
        config_with(**{section: values})


def test_a_config_comes_back_from_its_text() -> None:
    import tomllib

    sections = {
        "finetune": {"from_layer": "b", "staged": True, "l2_sp": 0.1},
        "augmentation": {"views": 3, "crop": [0.4, 1.0], "vertical_flip": True},
    }
    config = config_with(**sections)
    again = make_config(tomllib.loads(config_text(config)))
    assert again == config
    assert again.finetune.wish() == {"from_layer": "b"}
    assert "finetune" not in tomllib.loads(config_text(config_with()))
