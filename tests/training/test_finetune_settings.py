from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from regraft.errors import InputError
from regraft.training.finetune_settings import FinetuneSettings


@pytest.mark.parametrize(
    ("name", "words", "values"),
    [
        ("epochs", "number of epochs", [0, -1, 2.0, True, math.nan, "3", None]),
        ("batch_size", "batch size", [0, -1, 8.0, True, math.nan, None]),
        ("patience", "patience", [0, -1, 1.5, True, math.nan]),
        ("learning_rate", "learning rate", [0, -1e-3, math.nan, math.inf, True, "1e-3", None]),
        ("weight_decay", "weight decay", [-0.1, math.nan, math.inf, True, None]),
        ("l2_sp", "L2-SP penalty", [-0.1, math.nan, math.inf, True, "no", None]),
        ("layer_decay", "layer decay", [0, 0.5, -3, math.nan, math.inf, True, None]),
        ("warmup", "warm-up", [-0.1, 1, 1.5, math.nan, True, None]),
        ("label_smoothing", "label smoothing", [-0.1, 1, math.nan, True, None]),
        ("seed", "seed", [-1, 0.5, True, math.nan, None]),
        ("optimizer", "optimizer", ["AdamW", "", 3, None]),
        ("schedule", "schedule", ["linear", "", None]),
        ("batchnorm", "mode of BatchNorm", ["frozen", True, None]),
        ("staged", "Staged", ["yes", 1, None]),
    ],
)
def test_what_cannot_be_is_refused_by_its_name(name: str, words: str, values: list[Any]) -> None:
    for value in values:
        with pytest.raises(InputError, match=words) as refusal:
            FinetuneSettings(**{name: value})
        assert refusal.value.received == repr(value)
        assert refusal.value.expected


def test_the_edges_are_allowed() -> None:
    FinetuneSettings(
        epochs=1,
        batch_size=1,
        patience=1,
        learning_rate=1e-30,
        weight_decay=0,
        l2_sp=0,
        layer_decay=1,
        warmup=0,
        label_smoothing=0,
        seed=0,
    )
    FinetuneSettings(patience=None, warmup=0.999, label_smoothing=0.999, epochs=np.int64(3), layer_decay=np.float32(3))


def test_the_label_says_what_is_not_the_default() -> None:
    assert FinetuneSettings().label == "adamw, lr 0.0001, cosine"
    everything = FinetuneSettings(
        optimizer="sgd",
        learning_rate=0.01,
        schedule="constant",
        layer_decay=2.6,
        l2_sp=0.1,
        staged=True,
        batchnorm="train",
        label_smoothing=0.1,
    )
    assert everything.label == (
        "sgd, lr 0.01, constant, each earlier block 2.6 times slower, L2-SP 0.1, unfrozen block by block, "
        "BatchNorm in training mode, label smoothing 0.1"
    )
