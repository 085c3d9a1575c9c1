"""The trainings of a proportions study, and the file that keeps them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from regraft.studies._runs_file import read_lines, write_lines
from regraft.studies.folder import StudyFolder
from regraft.studies.proportions_parts import Part

Way = Literal["transfer", "scratch"]


@dataclass(frozen=True)
class ProportionRun:
    """One training, measured.

    Attributes:
        way: `transfer`: a head on frozen features; `scratch`: the same network from random weights.
        fraction: of the training images.
        images: how many these are.
        repeat: the seed of the draw of the images, the weights and the batches.
        right: of each test image whether its answer was right, eight of them a byte, in hexadecimal digits; empty where
            the training diverged.
        setting: what it was trained with, for people.
        epochs: it was trained for, or was to be where it diverged.
        seconds: it took; with transfer, the choice of the setting included.
        diverged: whether its loss stopped being a finite number, so that there is nothing to measure.
    """

    way: Way
    fraction: float
    images: int
    repeat: int
    right: str
    setting: str
    epochs: int
    seconds: float
    diverged: bool = False

    def answers(self, images: int) -> npt.NDArray[np.bool_]:
        """Whether the answer was right, for each of so many test images."""
        return np.unpackbits(np.frombuffer(bytes.fromhex(self.right), np.uint8), count=images).astype(bool)


def measured_run(
    way: Way, part: Part, repeat: int, right: npt.NDArray[np.bool_], *, setting: str, epochs: int, seconds: float
) -> ProportionRun:
    """A training that was measured: whether its answer was right, for each test image (M,)."""
    digits = np.packbits(right).tobytes().hex()
    return ProportionRun(way, part.fraction, part.images, repeat, digits, setting, epochs, round(seconds, 3))


def diverged_run(way: Way, part: Part, repeat: int, *, setting: str, epochs: int, seconds: float) -> ProportionRun:
    """A training that diverged."""
    return ProportionRun(way, part.fraction, part.images, repeat, "", setting, epochs, round(seconds, 3), True)


def read_runs(folder: StudyFolder) -> list[ProportionRun]:
    """The trainings that a study has done, in the order they were.

    Raises:
        InputError: their file is damaged.
    """
    return read_lines(folder.path, _run_of)


def write_runs(folder: StudyFolder, runs: Sequence[ProportionRun]) -> None:
    """Writes all of them, whole or not at all."""
    write_lines(folder.path, runs)


def _run_of(row: dict[str, Any]) -> ProportionRun:
    run = ProportionRun(**row)
    bytes.fromhex(run.right)
    return run
