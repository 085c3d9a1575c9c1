from __future__ import annotations

import inspect

import pytest

from regraft.cli import _augmentation as augmented
from regraft.errors import InputError
from regraft.runs.finetune_config import AugmentationConfig


def test_the_options_are_the_section_of_the_config() -> None:
    given = augmented.augmentation_values(3, 2, True, False, 10.0, "0.8,1.2", "0.5, 1", 0.1, 0.2, 0.3)
    assert AugmentationConfig.model_validate(given) == AugmentationConfig(
        views=3,
        test_views=2,
        horizontal_flip=True,
        vertical_flip=False,
        rotation=10,
        zoom=(0.8, 1.2),
        crop=(0.5, 1.0),
        brightness=0.1,
        contrast=0.2,
        colour=0.3,
    )
    assert list(given) == list(inspect.signature(augmented.augmentation_values).parameters)
    assert set(given) == set(AugmentationConfig.model_fields) - {"seed"}


def test_what_is_not_given_is_none() -> None:
    given = augmented.augmentation_values(*[None] * 10)
    assert set(given.values()) == {None}


@pytest.mark.parametrize("text", ["0.5", "0.5,1,2", "a,b", "", ","])
def test_a_pair_is_two_numbers(text: str) -> None:
    with pytest.raises(InputError, match=r"--crop cannot be read[\s\S]*0\.8,1\.0"):
        augmented.pair("crop", text)
    assert augmented.pair("crop", None) is None
    assert augmented.pair("crop", "1,0.5") == [1.0, 0.5]  # what it may be is for the policy to say
