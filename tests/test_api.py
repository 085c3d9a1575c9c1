from __future__ import annotations

from pathlib import Path

import pytest

import regraft


def test_train_takes_the_names_of_the_config(photos: Path, tmp_path: Path) -> None:
    run = regraft.train(
        photos,
        output=tmp_path / "run",
        backbone="EfficientNetLite0@96",
        seed=2,
        settings={"images": {"exact": True, "test": 0.4}, "head": {"epochs": 3, "repeats": 2}},
    )
    config = run.config()
    assert (config.seed, config.images.exact, config.images.test) == (2, True, 0.4)
    assert config.backbone.name == "EfficientNetLite0@96"
    assert run.metrics()["images"] == {"train": 30, "validation": 15, "test": 30, "skipped": 0}
    assert run.report.is_file()


def test_bad_settings_are_refused(photos: Path, tmp_path: Path) -> None:
    with pytest.raises(regraft.InputError, match="settings"):
        regraft.train(photos, output=tmp_path / "run", settings={"head": {"learning_rates": [1.0]}})
    assert not (tmp_path / "run").exists()
