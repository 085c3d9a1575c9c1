from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from small_proportions import NETWORK, begin

from regraft.errors import InputError
from regraft.studies.proportions_runs import measured_run, read_runs
from regraft.studies.proportions_study import ProportionsStudy


def test_what_was_asked_for_is_written_down_and_gone_on_with(photos: Path, tmp_path: Path) -> None:
    study = begin(photos, tmp_path / "study", seed=7)
    assert study.options == {
        "images": str(photos),
        "backbone": NETWORK,
        "seed": 7,
        "seeds": 2,
        "scratch_seeds": 1,
        "epochs": 3,
        "scratch_epochs": 0,
        "fractions": [0.05, 0.25, 0.5, 1.0],
        "quick": False,
    }
    again = ProportionsStudy(resume=tmp_path / "study")
    assert again.options == study.options
    facts = again.folder.facts()
    assert (facts["kind"], facts["complete"], facts["resumed"]) == ("proportions", False, True)
    assert list(again.repeats("transfer")) == [7, 8]
    assert list(again.repeats("scratch")) == [7]


def test_the_usual_numbers(photos: Path, tmp_path: Path) -> None:
    whole = ProportionsStudy(photos, tmp_path / "whole").options
    quick = ProportionsStudy(photos, tmp_path / "quick", quick=True).options
    names = ("seeds", "scratch_seeds", "epochs", "scratch_epochs")
    assert [whole[name] for name in names] == [5, 1, 100, 20]
    assert [quick[name] for name in names] == [2, 1, 100, 4]
    assert whole["fractions"] == [0.05, 0.1, 0.25, 0.5, 1.0]


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"seeds": 0}, "number of repetitions"),
        ({"epochs": 0}, "number of epochs"),
        ({"scratch_epochs": -1}, "epochs from scratch"),
        ({"scratch_seeds": 3}, "compared with one with transfer"),
        ({"fractions": ()}, "no fractions"),
        ({"fractions": (0, 1)}, "no fractions"),
        ({"fractions": (0.5, 1.5)}, "no fractions"),
        ({"fractions": (float("nan"),)}, "no fractions"),
        ({"backbone": "MushroomNet"}, "MushroomNet"),
    ],
)
def test_what_cannot_be_used_is_refused_before_there_is_a_folder(
    photos: Path, tmp_path: Path, options: dict[str, Any], named: str
) -> None:
    with pytest.raises(InputError, match=named):
        begin(photos, tmp_path / "study", **options)
    assert not (tmp_path / "study").exists()


def test_one_class_is_refused(tmp_path: Path) -> None:
    (tmp_path / "images" / "red").mkdir(parents=True)
    for number in range(4):
        Image.fromarray(np.full((40, 40, 3), 40 * number, np.uint8)).save(tmp_path / "images" / "red" / f"{number}.png")
    with pytest.raises(InputError, match="nothing to tell apart"):
        begin(tmp_path / "images", tmp_path / "study")


def test_the_parts_keep_the_test_images_apart(photos: Path, tmp_path: Path) -> None:
    study = begin(photos, tmp_path / "study")
    assert [part.images for part in study.parts] == [3, 15, 30, 60]
    assert [bool(part.problem) for part in study.parts] == [True, False, False, False]
    test = study.data.rows("test")
    assert len(test) == 15
    for part in study.usable("transfer"):
        for repeat in study.repeats("transfer"):
            data = study.of_part(part, repeat)
            assert data.rows("test").tolist() == test.tolist()
            assert len(data.rows("train", "validation")) == part.images
            assert len(data.rows("validation")) == part.images // 5
    first, second = (study.of_part(study.parts[1], repeat).rows("train") for repeat in (0, 1))
    assert first.tolist() != second.tolist()
    with pytest.raises(InputError, match="too few images for every fraction"):
        begin(photos, tmp_path / "few", fractions=(0.02, 0.05)).parts  # noqa: B018


def test_a_quick_study_trains_small_images_of_the_largest_parts_from_scratch(photos: Path, tmp_path: Path) -> None:
    study = begin(photos, tmp_path / "study", quick=True)
    assert [part.images for part in study.usable("scratch")] == [30, 60]
    assert study.scratch_base is study.base
    large = begin(photos, tmp_path / "large", quick=True, backbone="EfficientNetLite0")
    assert large.scratch_base.spelling == "EfficientNetLite0@96"
    assert begin(photos, tmp_path / "whole").scratch_base.spelling == NETWORK


def test_other_images_are_no_study_to_go_on_with(photos: Path, tmp_path: Path) -> None:
    study = begin(photos, tmp_path / "study")
    study.folder.write_facts(images_digest="0" * 64)
    with pytest.raises(InputError, match="not those that the study began with"):
        study.data  # noqa: B018


def saved_model(file: Path, about: str) -> None:
    """As much of a saved Keras model as is read before it is used: its description."""
    file.parent.mkdir(exist_ok=True)
    layer = {"class_name": "InputLayer", "config": {"batch_shape": [None, 32, 32, 3]}}
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("config.json", json.dumps({"class_name": "Functional", "config": {"layers": [layer]}}))
        archive.writestr("about", about)


@pytest.mark.parametrize("backbone", ["run", "run/model.keras"])
def test_a_saved_backbone_is_found_from_every_folder_and_must_be_the_same(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, backbone: str
) -> None:
    saved_model(tmp_path / "run" / "model.keras", "one training")
    monkeypatch.chdir(tmp_path)
    assert begin(photos, tmp_path / "study", backbone=backbone).options["backbone"] == str(tmp_path / backbone)
    monkeypatch.chdir(tmp_path / "run")
    assert ProportionsStudy(resume=tmp_path / "study").base.spelling == str(tmp_path / "run" / "model.keras")
    saved_model(tmp_path / "run" / "model.keras", "another training")
    before = (tmp_path / "study" / "study.json").read_text()
    with pytest.raises(InputError, match="network is not the one that the study began with"):
        ProportionsStudy(resume=tmp_path / "study")
    assert (tmp_path / "study" / "study.json").read_text() == before


def test_trainings_are_found_again(photos: Path, tmp_path: Path) -> None:
    study = begin(photos, tmp_path / "study")
    run = measured_run("transfer", study.parts[2], 0, np.ones(15, bool), setting="lr 1", epochs=3, seconds=0.1)
    study.record(run)
    assert read_runs(study.folder) == [run]
    assert study.find("transfer", study.parts[2], 0) == run
    assert study.find("transfer", study.parts[2], 1) is None
    assert study.find("scratch", study.parts[2], 0) is None
