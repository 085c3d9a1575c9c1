from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from regraft.training._dropout import DropoutMasks
from regraft.training.settings import HeadSettings

SETTINGS = [HeadSettings(0.1, seed=seed, dropout=rate) for seed, rate in ((0, 0.25), (1, 0.25), (0, 0.6), (0, 0.0))]


def test_a_value_is_dropped_with_the_given_share_and_the_mean_stays() -> None:
    masks = DropoutMasks(SETTINGS, 3).draw(200, 100)
    assert masks.shape == (4, 200, 100)
    assert masks.dtype == np.float32
    for mask, setting in zip(masks, SETTINGS, strict=True):
        expected = {1.0} if setting.dropout == 0 else {0.0, float(np.float32(1 / (1 - setting.dropout)))}
        assert set(np.unique(mask).tolist()) == expected
        # Of 20,000 values; five standard deviations.
        assert mask.mean() == pytest.approx(1, abs=5 * (setting.dropout / (1 - setting.dropout) / 20_000) ** 0.5)


def test_heads_of_one_seed_share_their_random_numbers() -> None:
    first, other_seed, larger, _ = DropoutMasks(SETTINGS, 3).draw(50, 40) > 0
    assert not (larger & ~first).any()  # what the smaller share drops, the larger one drops
    assert (first != other_seed).any()
    again = DropoutMasks([SETTINGS[0], replace(SETTINGS[0], learning_rate=0.3)], 3).draw(50, 40)
    np.testing.assert_array_equal(again[0], again[1])


def test_masks_depend_on_the_seeds_alone_and_not_on_the_other_heads() -> None:
    together, alone = DropoutMasks(SETTINGS, 3), [DropoutMasks([setting], 3) for setting in SETTINGS]
    for width, images in ((7, 5), (4, 5), (7, 3)):
        masks = together.draw(width, images)
        for mask, own in zip(masks, alone, strict=True):
            np.testing.assert_array_equal(mask, own.draw(width, images)[0])
    assert (DropoutMasks(SETTINGS, 4).draw(7, 5) != DropoutMasks(SETTINGS, 3).draw(7, 5)).any()
