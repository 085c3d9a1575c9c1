"""The images of the digits study as MATLAB reads them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from regraft._files import atomic_path
from regraft.studies.digit_tasks import SOURCE, TARGET, Pixels, nested_part
from regraft.studies.digits_study import DigitsStudy


def export_mat(study: DigitsStudy) -> Path:
    """Writes `digits.mat` into the study folder, of MATLAB's version 5.

    `X_trn05`, `t_trn05`, `X_tst05`, `t_tst05` are the source task's images and labels, `X_tst69`, `t_tst69` the target
    task's test images; `X_trn69_P1`, `X_trn69_P0_005` … its training images for each proportion, `_` for the point,
    as the study's first repetition draws them. Images are uint8 (height, width, 1, N), the order of `trainNetwork`;
    labels uint8 (N, 1), the digits themselves.

    Returns:
        The file.
    """
    from scipy.io import savemat

    arrays = {}
    for name, digits, task in zip(("05", "69"), (SOURCE, TARGET), study.tasks, strict=True):
        values = np.array([int(digit) for digit in digits], np.uint8)
        parts = {f"tst{name}": (task.test_pixels, values[task.test_labels])}
        if name == "05":
            parts["trn05"] = task.pixels, values[task.labels]
        else:
            for proportion in study.plan.proportions:
                rows = nested_part(task.labels, study.images_of(proportion), study.repeats[0])
                part = f"trn69_P{proportion:g}".replace(".", "_")
                parts[part] = task.pixels[rows], values[task.labels[rows]]
        for part, (pixels, labels) in parts.items():
            arrays[f"X_{part}"], arrays[f"t_{part}"] = _matlab_order(pixels), labels[:, None]
    file = study.folder.path / "digits.mat"
    with atomic_path(file) as unfinished:
        savemat(unfinished, arrays, appendmat=False, do_compression=True)
    return file


def _matlab_order(pixels: Pixels) -> Pixels:
    return np.moveaxis(pixels[..., None], 0, -1)
