from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from regraft.errors import RegraftError
from regraft.runs import pipeline, saving
from regraft.runs.folder import RunFolder
from regraft.runs.prediction import Predictor

pytestmark = pytest.mark.usefixtures("quickly")


def test_a_fine_tuned_run_ships_its_last_layer_and_where_it_stands(tuned: RunFolder, frozen: RunFolder) -> None:
    head = tuned.head()
    assert head.kernel.shape == (6, 3)
    assert (head.backbone, head.size, head.precision) == (frozen.head().backbone, (8, 8), "f32")
    assert head.base != frozen.head().base
    assert head.base == Predictor(tuned).base.identity
    compared = tuned.metrics()["model"]
    assert compared["images_compared"] == min(16, tuned.metrics()["images"]["test"])
    assert max(compared["median_difference"], compared["median_difference_served"]) < 1e-5


def test_a_run_that_was_carried_elsewhere_answers_from_its_own_model(
    tuned: RunFolder, photos: Path, tmp_path: Path
) -> None:
    shutil.copytree(tuned.path, tmp_path / "carried")
    images = sorted(photos.rglob("0*.jpg"))[::7]
    there, here = (Predictor(path).predict(images)[0] for path in (tmp_path / "carried", tuned.path))
    assert [answer.probabilities for answer in there] == [answer.probabilities for answer in here]


@pytest.mark.parametrize("what", ["model", "graph"])
def test_a_model_that_disagrees_is_an_error(
    tuned: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    """The answers that were recorded are those of other weights than what is saved."""
    if what == "model":
        original = saving._answers
        monkeypatch.setattr(saving, "_answers", lambda *given: original(*given)[:, ::-1])
    else:
        original = Predictor.plain_probabilities
        monkeypatch.setattr(Predictor, "plain_probabilities", lambda *given: original(*given)[:, ::-1])
    with pytest.raises(RegraftError, match="fine-tuned model does not" if what == "model" else "graph of the saved"):
        pipeline.train(tuned.config(), tmp_path / "run")
    run = RunFolder(tmp_path / "run")
    assert not run.complete
    assert run.model.exists() == (what == "graph")
    assert list(run.path.glob("*.safetensors"))  # it can be gone on from


def test_hidden_layers_of_the_head_are_part_of_what_stands_before_the_last(
    small_config: Any, photos: Path, tmp_path: Path
) -> None:
    head = {"hidden": [5], "dropout": [0.2], "optimizer": ["adam"], "learning_rate": [0.01]}
    head["momentum"] = []
    run = pipeline.train(small_config(head=head, finetune={"blocks": 1}), tmp_path / "run")
    assert run.head().kernel.shape == (5, 3)
    rows = [row for row in run.table("predictions").to_pylist() if row["split"] == "test"]
    for row, answer in zip(rows, Predictor(run).predict([photos / row["image"] for row in rows])[0], strict=True):
        assert answer.probability == pytest.approx(row["probability"], abs=1e-5)


def test_one_sigmoid_unit_is_fine_tuned_and_served(small_config: Any, photos: Path, tmp_path: Path) -> None:
    images, head = {"classes": ["red", "blue"]}, {"activation": "sigmoid", "class_weight": "balanced"}
    run = pipeline.train(small_config(images=images, head=head, finetune={"blocks": 1}), tmp_path / "run")
    assert run.head().kernel.shape == (6, 1)
    assert run.head().activation == "sigmoid"
    rows = [row for row in run.table("predictions").to_pylist() if row["split"] == "test"]
    answers, _ = Predictor(run).predict([photos / row["image"] for row in rows])
    for row, answer in zip(rows, answers, strict=True):
        assert answer.probabilities["red"] == pytest.approx(row["p(red)"], abs=1e-5)
        assert sum(answer.probabilities.values()) == pytest.approx(1)


def test_a_run_with_hidden_layers_is_a_backbone_for_another(small_config: Any, tmp_path: Path) -> None:
    head = {"hidden": [5], "dropout": [0.2], "learning_rate": [0.05]}
    first = pipeline.train(small_config(head=head), tmp_path / "first")
    backbone = {"name": str(first.path)}
    frozen = pipeline.train(small_config(head=head, backbone=backbone), tmp_path / "frozen")
    tuned = pipeline.train(small_config(head=head, backbone=backbone, finetune={"blocks": 1}), tmp_path / "tuned")
    for run in (frozen, tuned):
        assert run.metrics()["model"]["median_difference"] < 1e-5
        assert run.metrics()["backbone"]["features"] == 5
    assert tuned.metrics()["model"]["median_difference_served"] < 1e-5


def test_the_largest_difference_of_an_image_and_the_median_over_images() -> None:
    answers = np.array([[0.5, 0.5], [0.9, 0.1], [0.2, 0.8]], np.float32)
    expected = np.array([[0.5, 0.5], [0.6, 0.4], [0.1, 0.9]], np.float32)
    assert saving._difference(answers, expected) == pytest.approx(0.1)
    # One sigmoid unit answers for the second class.
    assert saving._difference(answers[:, 1:], expected) == pytest.approx(0.1)
    saving._check(0.01, True, "model")
    saving._check(0.2, False, "model")
    for difference, exact in ((0.011, True), (0.21, False), (float("nan"), False)):
        with pytest.raises(RegraftError, match="does not agree"):
            saving._check(difference, exact, "model")
