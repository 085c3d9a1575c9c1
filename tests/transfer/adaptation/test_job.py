from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_tops import eagerly, graphs_here, small_network

from regraft.errors import InputError, RegraftError
from regraft.images.domains import write_versions
from regraft.images.opening import open_images
from regraft.images.reading import read_image
from regraft.training.weights import HeadWeights
from regraft.transfer.adaptation import job, saving, transport
from regraft.transfer.adaptation.job import Adaptation, adapt_domains


@pytest.fixture(scope="module")
def backbone(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("backbone") / "small.keras"
    small_network().save(path)
    return str(path)


@pytest.fixture(scope="module")
def target(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("target") / "night"
    write_versions(open_images(photos).images, "night", folder, size=8)
    (folder / "red" / "broken.jpg").write_bytes(b"no photo")
    return folder


@pytest.fixture(scope="module")
def done(photos: Path, target: Path, backbone: str, tmp_path_factory: pytest.TempPathFactory) -> Adaptation:
    output = tmp_path_factory.mktemp("out") / "adapted"
    with eagerly(), graphs_here():
        return adapt_domains(
            photos, target, backbone=backbone, labels=4, seed=3, output=output, draw=lambda facts: "<svg/>"
        )


def test_every_method_is_fitted_chosen_by_cross_validation_and_measured(done: Adaptation) -> None:
    facts = done.facts
    rows = {row["name"]: row for row in facts["methods"]}
    assert list(rows)[:3] == ["source-only", "target-only", "both"]
    assert len(rows) == 8
    assert facts["chosen"]["by"] == "cross-validation on 4 target labels of each class"
    scores = {name: tuple(row["scores"].values()) for name, row in rows.items()}
    assert scores[done.chosen] == max(scores.values())
    assert {row["measured"]["images"] for row in rows.values()} == {facts["target"]["measured"]}
    assert set(rows["coral"]["against"]) == {"source-only", "target-only"}
    assert set(rows["source-only"]["against"]) == {"target-only"}
    assert facts["target"]["labelled"] == 12
    assert [file["file"] for file in facts["skipped"]] == ["target: red/broken.jpg"]
    json.dumps(facts, allow_nan=False)


def test_the_answers_that_are_written_give_the_accuracy_that_is_reported(done: Adaptation) -> None:
    assert done.folder is not None
    with (done.folder / "predictions.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    measured = [row for row in rows if row["part"] == "measured"]
    chosen = next(row for row in done.facts["methods"] if row["name"] == done.chosen)
    assert np.mean([row["label"] == row["answer"] for row in measured]) == pytest.approx(chosen["measured"]["accuracy"])
    assert len(measured) == done.facts["target"]["measured"]
    assert sum(row["part"] == "labelled" for row in rows) == 12
    assert [row["sha256"] for row in rows] == [image.sha256 for image in done.images]


def test_the_folder_has_a_model_of_plain_pixels(done: Adaptation) -> None:
    import keras

    assert done.folder is not None
    assert sorted(path.name for path in done.folder.iterdir()) == [
        "adaptation.json", "figure.svg", "labels.txt", "model.keras", "predictions.csv",
    ]  # fmt: skip
    assert (done.folder / "labels.txt").read_text() == "blue\ngreen\nred\n"
    assert json.loads((done.folder / "adaptation.json").read_text()) == done.facts
    model = keras.saving.load_model(done.folder / "model.keras")
    pixels = np.stack([read_image(image.source, (8, 8)) for image in done.images[-4:]])
    with eagerly():
        np.testing.assert_allclose(model.predict_on_batch(pixels), done.probabilities[-4:], atol=1e-3)


def test_the_measured_images_have_no_say(
    done: Adaptation, photos: Path, target: Path, backbone: str, tmp_path: Path
) -> None:
    """With other measured images in their place, every head and the choice stay as they are."""
    other = tmp_path / "night"
    shutil.copytree(target, other)
    lines = ["file_name,label,split"]
    parts = len(done.images) - done.facts["target"]["measured"]
    for number, image in enumerate(done.images):
        path = Path(image.source)  # type: ignore[arg-type]
        if number < parts:
            lines.append(f"{path},{image.label},train")
        elif number % 2:
            lines.append(f"{path},{done.facts['classes'][number % 3]},test")  # half of them, under any label
    (tmp_path / "some.csv").write_text("\n".join(lines))
    with graphs_here():
        again = adapt_domains(photos, tmp_path / "some.csv", backbone=backbone, labels=4, seed=3)
    assert again.chosen == done.chosen
    np.testing.assert_array_equal(again.head.kernel, done.head.kernel)
    assert [row["scores"] for row in again.facts["methods"]] == [row["scores"] for row in done.facts["methods"]]


def test_without_labels_nothing_is_measured_and_the_scores_decide(photos: Path, backbone: str, tmp_path: Path) -> None:
    write_versions(open_images(photos).images, "night", tmp_path / "new", size=8, labelled=False)
    with graphs_here():
        done = adapt_domains(photos, tmp_path / "new", backbone=backbone)
    assert done.facts["verdict"] is None
    scores = {row["name"]: row["scores"]["there_and_back"] for row in done.facts["methods"]}
    assert set(scores) == {
        "source-only", "importance-weighting", "coral", "subspace-alignment", "optimal-transport",
    }  # fmt: skip
    assert scores[done.chosen] == max(scores.values())
    assert not any("measured" in row for row in done.facts["methods"])
    assert done.folder is None


def test_the_one_method_that_is_asked_for_is_taken(photos: Path, target: Path, backbone: str) -> None:
    told: list[str] = []
    with graphs_here():
        done = adapt_domains(
            photos, target, backbone=backbone, methods=["coral"], labels=1, tell=told.append, per_class=8
        )
    assert done.chosen == "coral"
    assert done.facts["chosen"]["by"] == "asked for"
    assert (done.facts["asked_for"], done.facts["per_class"]) == (["coral"], 8)
    assert told == []


def test_more_pairs_than_transport_can_hold_are_refused_before_anything_is_computed(
    photos: Path, target: Path, backbone: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport, "MOST_PAIRS", 50)
    monkeypatch.setattr(job, "extract", None)
    with pytest.raises(InputError, match="24 × 24 = 576"):
        adapt_domains(photos, target, backbone=backbone, per_class=8, methods=["optimal-transport"], labels=4)


def test_a_folder_with_files_is_refused_before_anything_is_done(photos: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").touch()
    with pytest.raises(InputError, match="exists already"):
        adapt_domains(photos, "no such target", output=tmp_path)


def test_a_model_that_answers_otherwise_is_not_saved(
    done: Adaptation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Wrong:
        def predict_on_batch(self, pixels: Any) -> Any:
            return np.tile([0.0, 0.0, 1.0], (len(pixels), 1))

    class Parts:
        adapted, measured = done.images[:4], ()

    monkeypatch.setattr(saving, "join", lambda *given: Wrong())
    certain = np.tile(np.float32([1, 0, 0]), (4, 1))
    head = HeadWeights.linear(np.zeros((6, 3), np.float32), np.zeros(3, np.float32))
    with pytest.raises(RegraftError, match="does not agree"):
        saving.save_adaptation({}, head, done.base, Parts(), certain, tmp_path / "out", None)  # type: ignore[arg-type]
    assert not (tmp_path / "out").exists()
