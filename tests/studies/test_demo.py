from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from regraft.images.opening import open_images
from regraft.images.reading import read_image
from regraft.images.splitting import assign_splits
from regraft.studies.demo import SOURCE_CLASSES, train_source


def test_the_source_network_is_what_it_says(tmp_path: Path) -> None:
    import keras

    source = train_source(tmp_path / "source.keras", seed=1)
    images = open_images("digits", classes=SOURCE_CLASSES).images
    splits = np.array(assign_splits(images, seed=1))
    assert source.images == (splits != "test").sum()
    assert source.test_images == (splits == "test").sum()
    network = keras.saving.load_model(source.path, safe_mode=True)
    held_out = [image for image, split in zip(images, splits, strict=True) if split == "test"]
    answers = network.predict(np.stack([read_image(image.source, 8) for image in held_out]), verbose=0).argmax(axis=1)
    right = np.mean([SOURCE_CLASSES[a] == image.label for a, image in zip(answers, held_out, strict=True)])
    assert source.test_accuracy == pytest.approx(right)
    assert right > 0.9
