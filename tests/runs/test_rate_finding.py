from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from regraft._files import sha256_of_file
from regraft.api import find_learning_rate
from regraft.errors import InputError
from regraft.runs import rate_finding
from regraft.runs.config import TrainConfig
from regraft.runs.folder import RunFolder
from regraft.runs.pipeline import train
from regraft.runs.rate_finding import find_rate

MakeConfig = Callable[..., TrainConfig]
pytestmark = pytest.mark.usefixtures("quickly")


def hashes(folder: Path) -> dict[Path, str]:
    return {path: sha256_of_file(path) for path in folder.rglob("*") if path.is_file()}


def test_rates_are_tried_and_the_run_stays_as_it_was(frozen: RunFolder, tmp_path: Path) -> None:
    before = hashes(frozen.path)
    found = find_learning_rate(
        frozen.path, tmp_path / "lr.svg", {"blocks": 1, "optimizer": "sgd"}, lowest=1e-4, highest=10.0, steps=30
    )
    assert hashes(frozen.path) == before
    steps = len(found.rates)
    assert len(found.losses) == len(found.smoothed) == steps <= 30
    np.testing.assert_allclose(found.rates, np.geomspace(1e-4, 10, 30)[:steps])
    assert found.suggested is None or found.suggested in found.rates / 10
    assert (tmp_path / "lr.svg").read_text().startswith("<?xml")


def test_images_of_training_alone_are_seen_as_fine_tuning_would_see_them(
    small_config: MakeConfig, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    head = {"class_weight": "balanced", "sampling": "balanced"}
    source = tmp_path / "photos"
    shutil.copytree(photos, source)
    for number in range(12):
        (source / "red" / f"{number:02}.jpg").unlink()
    run = train(small_config(source, head=head), tmp_path / "run")
    (source / "red" / "new.jpg").write_bytes((source / "blue" / "00.jpg").read_bytes() + b"x")
    seen: dict[str, Any] = {}

    def look(top: Any, inputs: Any, labels: Any, settings: Any, **options: Any) -> str:
        seen.update(options, top=top, inputs=inputs, labels=labels, settings=settings)
        return "found"

    monkeypatch.setattr(rate_finding, "rate_range", look)
    config = small_config(source, head=head, finetune={"blocks": 1, "batch_size": 7}, augmentation={"views": 0})
    assert find_rate(run, config, lowest=1e-5, highest=2.0, steps=12) == "found"
    splits = run.table("splits").to_pydict()
    rows = [row for row, split in enumerate(splits["split"]) if split != "test"]
    train_rows = [place for place, row in enumerate(rows) if splits["split"][row] == "train"]
    assert seen["rows"].tolist() == train_rows
    names = [run.classes()[label] for label in seen["labels"]]
    assert names == [splits["label"][row] for row in rows]
    counts = np.bincount(seen["labels"][seen["rows"]])
    np.testing.assert_allclose(seen["class_weight"], counts.sum() / (3 * counts), rtol=1e-6)
    assert (seen["sampling"], seen["settings"].batch_size) == ("balanced", 7)
    assert (seen["lowest"], seen["highest"], seen["steps"]) == (1e-5, 2.0, 12)
    # It begins with the head of the grid, as fine-tuning does.
    grid = [row for row in run.history() if row["phase"] == "grid"]
    validation = np.array([place for place, row in enumerate(rows) if splits["split"][row] == "validation"])
    answers = np.asarray(seen["top"].model(seen["inputs"].view(validation, 0)), np.float64)
    loss = -np.log(answers[np.arange(len(validation)), seen["labels"][validation]]).mean()
    assert loss == pytest.approx(min(row["val_loss"] for row in grid), abs=1e-5)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"figure": "lr.gif"}, r"\.svg, \.png or \.pdf"),
        ({"lowest": 0.0}, "range of learning rates"),
        ({"highest": float("inf")}, "range of learning rates"),
        ({"lowest": 2.0, "highest": 1.0}, "range of learning rates"),
        ({"steps": 9}, "at least 10 steps"),
        ({"settings": {"blocks": 1, "last": 2}}, "more than one way"),
        ({"settings": {"at": "nowhere"}}, "no layer of that name"),
    ],
)
def test_what_cannot_be_tried_is_refused_before_any_work(
    frozen: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: dict[str, Any], said: str
) -> None:
    def worked(*_: object) -> None:
        raise AssertionError("that is work")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(rate_finding, "load_data", worked)
    with pytest.raises(InputError, match=said):
        find_learning_rate(frozen.path, **given)
    assert not list(tmp_path.iterdir())
