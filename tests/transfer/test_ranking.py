from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from small_tops import graphs_here

from regraft.backbones.base import open_base
from regraft.backbones.graph import base_graph
from regraft.errors import InputError
from regraft.evaluation.intervals import wilson_interval
from regraft.features.extraction import extract
from regraft.images.opening import open_images
from regraft.transfer import _candidate
from regraft.transfer import ranking as ranking_file
from regraft.transfer.preparation import Costs
from regraft.transfer.probe import draw_folds, linear_probe, nearest_neighbours
from regraft.transfer.ranking import local_candidates, rank_backbones
from regraft.transfer.scores import h_score, log_me, regularised_h_score


class NoProcess:
    """In place of the process that knows Keras: it counts by the name and builds nothing."""

    asked: ClassVar[list[str]] = []

    def __enter__(self) -> NoProcess:
        return self

    def __exit__(self, *error: object) -> None: ...

    def begin_count(self, spelling: str) -> None: ...

    def begin_graph(self, spelling: str) -> None:
        self.asked.append(Path(spelling).stem)

    def rest(self) -> None: ...

    def costs(self, spelling: str) -> Costs:
        return Costs({"rough": 1000, "fine": 9000}.get(Path(spelling).stem), 64)


@pytest.fixture(autouse=True)
def no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ranking_file, "Preparation", NoProcess)
    monkeypatch.setattr(NoProcess, "asked", [])
    monkeypatch.setattr(_candidate, "_BURST", 0.001)


@pytest.fixture(scope="module")
def candidates(session_cache: Path, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Two small saved networks: one sees colours, the other, of one filter, how bright a picture is."""
    import keras

    from regraft.features.precision import chosen_precision

    layers, paths = keras.layers, []
    for seed, (name, filters) in enumerate({"fine": 8, "rough": 1}.items()):
        keras.utils.set_random_seed(seed)
        pixels = keras.Input((24, 24, 3), dtype="uint8")
        maps = layers.Conv2D(filters, 5, strides=4, activation="relu")(layers.Rescaling(1 / 127.5, -1)(pixels))
        model = keras.Model(pixels, layers.Dense(2)(layers.GlobalAveragePooling2D()(maps)))
        if filters == 1:
            model.layers[2].set_weights([np.full((5, 5, 3, 1), 0.01), np.ones(1)])
        paths.append(str(tmp_path_factory.mktemp("networks") / f"{name}.keras"))
        model.save(paths[-1])
        with graphs_here():
            base_graph(open_base(paths[-1]))
        chosen_precision("openvino", "auto", open_base(paths[-1]))
    return paths


def test_each_number_is_that_of_its_own_function(candidates: list[str], photos: Path) -> None:
    told: list[str] = []
    found = rank_backbones(photos, candidates=candidates[::-1], tell=told.append)
    assert [Path(one.name).stem for one in found.backbones] == ["fine", "rough"]
    assert (found.images, found.classes, found.folds) == (75, ("blue", "green", "red"), 5)
    assert len(told) == 2
    assert NoProcess.asked == ["rough", "fine"]
    collection = open_images(photos)
    labels = np.array([collection.classes.index(image.label) for image in collection.images])
    keys = [image.sha256 for image in collection.images]
    for one in found.backbones:
        features = extract(collection.images, open_base(one.name)).features()
        right = linear_probe(features, labels, draw_folds(labels, keys)) == labels
        np.testing.assert_array_equal(one.right, right)
        assert one.accuracy == right.mean()
        assert one.accuracy_interval == wilson_interval(int(right.sum()), 75)
        assert one.neighbour_accuracy == (nearest_neighbours(features, labels, keys) == labels).mean()
        assert one.log_me == log_me(features, labels)
        assert (one.plain_h_score, one.h_score) == (h_score(features, labels), regularised_h_score(features, labels))
        assert (one.top1, one.parameters, one.size_mb, one.features) == (None, 64, 256 / 2**20, features.shape[1])
        assert one.ms_per_image > 0
        assert one.computed in (0, 75)
    fine, rough = found.backbones
    assert fine.accuracy > rough.accuracy  # or the order above would be by chance
    assert fine.on_front
    assert found.differences[0].difference == pytest.approx(fine.accuracy - rough.accuracy)
    assert found.agreement["log_me"].tau == (1 if fine.log_me > rough.log_me else -1)
    assert found.agreement["top1"].tau is None
    assert json.loads(json.dumps(found.as_dict(), allow_nan=False))["backbones"][0]["macs"] == 9000
    again = rank_backbones(collection, candidates=candidates)
    assert [one.computed for one in again.backbones] == [0, 0]
    assert [one.accuracy for one in again.backbones] == [one.accuracy for one in found.backbones]


def test_the_cheapest_first_and_none_that_would_not_fit(
    candidates: list[str], photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = rank_backbones(photos, candidates=candidates, within=1e-9)
    assert [Path(one.name).stem for one in found.backbones] == ["rough"]
    assert [Path(name).stem for name in found.not_tried] == ["fine"]
    assert (found.within, found.differences) == (1e-9, ())
    assert found.agreement["log_me"].tau is None
    enough = rank_backbones(photos, candidates=candidates, within="10m")
    assert len(enough.backbones) == 2
    assert NoProcess.asked == ["rough", "fine", "rough", "fine"]


def test_unreadable_images_are_left_out_for_all(candidates: list[str], photos: Path, tmp_path: Path) -> None:
    copy = tmp_path / "photos"
    shutil.copytree(photos, copy)
    for channel in ("red", "green"):
        picture = copy / channel / "03.jpg"
        picture.write_bytes(picture.read_bytes()[:300])
    found = rank_backbones(copy, candidates=candidates)
    assert found.images == 73
    assert [len(one.right) for one in found.backbones] == [73, 73]
    assert sorted(file.name for file in found.skipped) == ["green/03.jpg", "red/03.jpg"]


def test_a_late_candidate_that_cannot_read_an_image(
    candidates: list[str], photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dataclasses import replace

    from regraft.images.labelled import SkippedFile

    real = ranking_file.measure

    def measured(base: Any, images: Any, pictures: Any) -> Any:
        whole = real(base, images, pictures)
        if "rough" not in base.spelling:
            return whole
        return replace(whole, features=whole.features[1:], skipped=(SkippedFile(images[0].name, "truncated"),))

    monkeypatch.setattr(ranking_file, "measure", measured)
    found = rank_backbones(photos, candidates=candidates)
    assert [len(one.right) for one in found.backbones] == [74, 74]
    assert [file.reason for file in found.skipped] == ["truncated"]
    # What was measured before is measured anew on the images that are left.
    collection = open_images(photos)
    images, fine = collection.images[1:], found.backbones[0]
    assert Path(fine.name).stem == "fine"
    labels = np.array([collection.classes.index(image.label) for image in images])
    keys = [image.sha256 for image in images]
    features = extract(images, open_base(fine.name)).features()
    np.testing.assert_array_equal(fine.right, linear_probe(features, labels, draw_folds(labels, keys)) == labels)
    assert fine.accuracy == fine.right.mean()
    assert fine.neighbour_accuracy == (nearest_neighbours(features, labels, keys) == labels).mean()
    assert (fine.log_me, fine.plain_h_score) == (log_me(features, labels), h_score(features, labels))
    assert fine.h_score == regularised_h_score(features, labels)


def test_a_plus_in_a_path_and_the_same_backbone_twice(candidates: list[str], photos: Path, tmp_path: Path) -> None:
    same = tmp_path / "A+B.keras"
    shutil.copy(candidates[1], same)
    found = rank_backbones(photos, candidates=[str(same), candidates[1]])
    assert [one.name for one in found.backbones] == [str(same)]


def test_a_candidate_that_fails_is_told_of(
    candidates: list[str], photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = ranking_file.measure

    def measured(base: Any, images: Any, pictures: Any) -> Any:
        if "rough" in base.spelling:
            raise InputError("The weights do not fit.")
        return real(base, images, pictures)

    monkeypatch.setattr(ranking_file, "measure", measured)
    found = rank_backbones(photos, candidates=candidates)
    assert [(Path(one.name).stem, one.reason) for one in found.failed] == [("rough", "The weights do not fit.")]
    assert len(found.backbones) == 1
    with pytest.raises(InputError, match="weights do not fit"):
        rank_backbones(photos, candidates=candidates[1:])


def test_no_weights_on_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ranking_file, "local_weights", lambda name: None)
    with pytest.raises(InputError, match="no weights of any backbone"):
        local_candidates()


def test_every_width_that_is_here(monkeypatch: pytest.MonkeyPatch) -> None:
    here = {"MobileNetV2-0.35", "MobileNetV2", "EfficientNetLite0"}
    monkeypatch.setattr(ranking_file, "local_weights", lambda name: name if str(name) in here else None)
    assert set(local_candidates()) == here


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"within": "soon"}, "time cannot be read"),
        ({"within": -1.0}, "time cannot be used"),
        ({"within": float("nan")}, "time cannot be used"),
        ({"candidates": ["MobileNetX"]}, "no backbone of that name"),
        ({"candidates": ["A+B"]}, "Several backbones"),
    ],
)
def test_what_is_refused(options: dict[str, Any], words: str, photos: Path, candidates: list[str]) -> None:
    with pytest.raises(InputError, match=words):
        rank_backbones(photos, **{"candidates": candidates, **options})


def test_a_class_with_one_image(candidates: list[str], photos: Path, tmp_path: Path) -> None:
    shutil.copytree(photos / "red", tmp_path / "red")
    (tmp_path / "blue").mkdir()
    shutil.copy(photos / "blue" / "00.jpg", tmp_path / "blue")
    with pytest.raises(InputError, match="too few images"):
        rank_backbones(tmp_path, candidates=candidates)
