from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from small_tops import small_network

from regraft.backbones.base import Base, open_base
from regraft.features.extraction import extract
from regraft.images.folders import scan_folder
from regraft.training.heads import TrainedHeads, rms_norm, train_heads
from regraft.training.settings import HeadSettings
from regraft.training.standard import train_heads_standard

SETTINGS = {
    "softmax": [
        HeadSettings(0.5, 0.9, True),
        HeadSettings(0.01, optimizer="adam", hidden=(6, 5), hidden_activation="tanh", label_smoothing=0.1),
    ],
    "sigmoid": [
        HeadSettings(1.0, weight_decay=0.01, seed=3),
        HeadSettings(0.01, optimizer="adamw", weight_decay=0.1, label_smoothing=0.2),
    ],
}


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Base:
    """A network that Keras compiles in a second; `tests/studies/test_agreement.py` trains on a whole one."""
    path = tmp_path_factory.mktemp("base") / "small.keras"
    small_network().save(path)
    return open_base(str(path))


@pytest.mark.parametrize("activation", ["softmax", "sigmoid"])
def test_standard_and_accelerated_training_agree(photos: Path, base: Base, activation: str) -> None:
    """Same start, same batches: the same history, weights and best epochs, though F(x) is recomputed in every epoch."""
    found = scan_folder(photos)
    names = ["red", "green", "blue"] if activation == "softmax" else ["red", "blue"]
    images = [image for image in found.images if image.label in names]
    if activation == "softmax":
        images = images[::-1][:64]  # whole batches, and for the sigmoid a short one: Keras compiles once for each size
    labels = np.array([names.index(image.label) for image in images], np.int64)
    features = extract(images, base, engine="keras").features()
    train, validation = np.arange(0, len(images), 2), np.arange(1, len(images), 2)
    common = {
        "classes": len(names),
        "epochs": 4,
        "order_seed": 1,
        "batch_size": 8,
        "activation": activation,
        "scale": rms_norm(features[train]),
        "class_weight": [0.5, 2.0] if activation == "sigmoid" else None,
        "sampling": "plain" if activation == "sigmoid" else "balanced",
    }
    settings = SETTINGS[activation]
    fast = train_heads(
        features[train], labels[train], settings, validation=(features[validation], labels[validation]), **common
    )
    slow = train_heads_standard(
        base,
        [images[i] for i in train],
        labels[train],
        settings,
        validation=([images[i] for i in validation], labels[validation]),
        **common,
    )
    assert isinstance(slow, TrainedHeads)
    for name in ("loss", "val_loss"):
        assert np.abs(getattr(fast, name) - getattr(slow, name)).max() < 1e-3, name
    for name in ("weights", "best_weights"):
        for one, other in zip(getattr(fast, name), getattr(slow, name), strict=True):
            assert (one.hidden, one.hidden_activation) == (other.hidden, other.hidden_activation)
            assert np.abs(one.flat() - other.flat()).max() < 1e-3, name
    for name in ("accuracy", "val_accuracy", "best_epoch", "diverged"):
        assert np.allclose(getattr(fast, name), getattr(slow, name)), name
    assert (np.diff(slow.seconds, axis=1) > 0).all()
    assert np.isnan(slow.val_precision).all()  # not measured, rather than wrong
