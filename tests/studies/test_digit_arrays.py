from __future__ import annotations

from pathlib import Path

import numpy as np
from scipy.io import loadmat

from regraft.images.arrays import read_arrays
from regraft.studies.digit_arrays import export_mat
from regraft.studies.digit_tasks import DigitTask, digit_tasks, nested_part
from regraft.studies.digits_study import DigitsStudy


def contents(task: DigitTask, *, test: bool) -> set[tuple[bytes, str]]:
    pixels, labels = (task.test_pixels, task.test_labels) if test else (task.pixels, task.labels)
    return {(image.tobytes(), task.classes[label]) for image, label in zip(pixels, labels, strict=True)}


def test_the_file_holds_every_image_with_its_label_and_is_itself_a_source(tmp_path: Path) -> None:
    study = DigitsStudy("digits", tmp_path / "study", seed=3)
    file = export_mat(study)
    again = digit_tasks(read_arrays(file))
    source, target = study.tasks
    assert contents(again[0], test=False) == contents(source, test=False)
    for before, after in zip(study.tasks, again, strict=True):
        assert contents(after, test=True) == contents(before, test=True)
    # Of the target task all but the last images that fill no batch.
    assert contents(again[1], test=False) <= contents(target, test=False)
    assert len(again[1].labels) == study.images_of(1.0)


def test_the_names_the_order_and_the_proportions_are_those_of_the_assignment(tmp_path: Path) -> None:
    study = DigitsStudy("digits", tmp_path / "study", seed=3)
    arrays = loadmat(export_mat(study))
    parts = ["trn05", "tst05", "tst69", "trn69_P0_02", "trn69_P0_05", "trn69_P0_2", "trn69_P1"]
    assert {name for name in arrays if name[0] != "_"} == {f"{kind}_{part}" for kind in "Xt" for part in parts}
    task = study.tasks[1]
    rows = nested_part(task.labels, study.images_of(0.05), 3)
    assert arrays["X_trn69_P0_05"].shape == (8, 8, 1, len(rows))
    assert np.array_equal(np.moveaxis(arrays["X_trn69_P0_05"][:, :, 0], -1, 0), task.pixels[rows])
    assert np.array_equal(arrays["t_trn69_P0_05"], task.labels[rows, None] + 6)
    assert arrays["X_trn69_P0_05"].dtype == arrays["t_trn69_P0_05"].dtype == np.uint8
