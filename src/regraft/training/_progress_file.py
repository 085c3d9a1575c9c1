"""What a killed fine-tuning goes on from: the state after the last whole epoch, in one file."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from regraft._files import write_bytes

Arrays = list[npt.NDArray[Any]]


@dataclass(frozen=True, eq=False)
class Progress:
    """A training after some epochs.

    Attributes:
        purpose: what was asked for, in one text; a file with another purpose is not gone on from.
        history: a row for each epoch so far.
        best: the epoch that was best so far, 0 for the start.
        state: of the trainer, to go on from.
        best_weights: of the trainer, after the best epoch.
    """

    purpose: str
    history: list[dict[str, Any]]
    best: int
    state: Arrays
    best_weights: Arrays


def write_progress(path: Path, progress: Progress) -> None:
    """Writes the file, whole or not at all."""
    from safetensors.numpy import save

    facts = {"purpose": progress.purpose, "history": progress.history, "best": progress.best}
    arrays = {**_numbered("state", progress.state), **_numbered("best", progress.best_weights)}
    write_bytes(path, save(arrays, {"regraft": json.dumps(facts)}))


def read_progress(path: Path, purpose: str) -> Progress | None:
    """Reads the file; None where there is none, it is damaged, or it was written for another purpose."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            facts = json.loads(file.metadata()["regraft"])
            if facts["purpose"] != purpose:
                return None
            arrays = {name: file.get_tensor(name) for name in sorted(file.keys())}
        state = [array for name, array in arrays.items() if name.startswith("state")]
        best = [array for name, array in arrays.items() if name.startswith("best")]
        return Progress(purpose, facts["history"], facts["best"], state, best)
    except (OSError, SafetensorError, KeyError, TypeError, ValueError):
        return None


def _numbered(name: str, arrays: Sequence[npt.NDArray[Any]]) -> dict[str, npt.NDArray[Any]]:
    return {f"{name}{number:05}": np.asarray(array, order="C") for number, array in enumerate(arrays)}
