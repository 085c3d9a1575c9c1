from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from small_cats import NETWORK, begin, two_classes

from regraft.errors import InputError
from regraft.studies import cats_study
from regraft.studies.cats_study import CatsStudy, backbones_at_hand


@pytest.fixture(scope="module")
def pets(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return two_classes(photos, tmp_path_factory.mktemp("pets"))


def test_what_was_asked_for_is_written_down_and_gone_on_with(pets: Path, tmp_path: Path) -> None:
    study = begin(pets, tmp_path / "study", seed=7, quick=False)
    assert study.options == {
        "images": str(pets),
        "backbones": [NETWORK],
        "seed": 7,
        "seeds": 2,
        "tuned_seeds": 2,
        "epochs": 2,
        "tuned_epochs": 10,
        "scratch_epochs": 1,
        "quick": False,
    }
    again = CatsStudy(resume=tmp_path / "study", seed=99)
    assert again.options == study.options
    assert study.folder.settings() == {"kind": "cats-and-dogs"} | study.options
    facts = again.folder.facts()
    assert (facts["kind"], facts["complete"], facts["missing"], facts["resumed"]) == ("cats-and-dogs", False, [], True)


def test_the_usual_numbers(pets: Path, tmp_path: Path) -> None:
    whole = CatsStudy(pets, tmp_path / "whole", backbones=[NETWORK]).options
    quick = CatsStudy(pets, tmp_path / "quick", backbones=[NETWORK], quick=True).options
    names = ("seeds", "tuned_seeds", "epochs", "tuned_epochs", "scratch_epochs")
    assert [whole[name] for name in names] == [3, 3, 30, 10, 10]
    assert [quick[name] for name in names] == [3, 1, 15, 2, 2]
    copy = begin("cats-and-dogs", tmp_path / "copy", path=pets)
    assert (copy.options["images"], copy.options["path"]) == ("cats-and-dogs", str(pets))
    assert len(copy.collection.images) == 50


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"seeds": 0}, "seeds"),
        ({"epochs": 0}, "head.epochs"),
        ({"seed": -1}, "seed"),
        ({"scratch_epochs": -1}, "from scratch"),
        ({"backbones": ["MushroomNet"]}, "MushroomNet"),
    ],
)
def test_what_cannot_be_used_is_refused_before_there_is_a_folder(
    pets: Path, tmp_path: Path, options: dict[str, Any], named: str
) -> None:
    with pytest.raises(InputError, match=named):
        begin(pets, tmp_path / "study", **options)
    with pytest.raises(InputError, match="nowhere"):
        begin(Path("nowhere"), tmp_path / "study")
    assert not (tmp_path / "study").exists()


@pytest.mark.parametrize(
    ("there", "names", "missing"),
    [
        ({"VGG19", "EfficientNetB0", "MobileNetV2"}, ["VGG19", "EfficientNetB0", "MobileNetV2"], []),
        ({"VGG19"}, ["VGG19", "EfficientNetLite0"], [("EfficientNetB0", "EfficientNetLite0"), ("MobileNetV2", None)]),
        (
            set(),
            ["EfficientNetLite0"],
            [("VGG19", None), ("EfficientNetB0", "EfficientNetLite0"), ("MobileNetV2", None)],
        ),
    ],
)
def test_a_network_without_weights_is_left_out_or_replaced_by_the_one_in_the_box(
    monkeypatch: pytest.MonkeyPatch, there: set[str], names: list[str], missing: list[tuple[str, str | None]]
) -> None:
    monkeypatch.setattr(cats_study, "local_weights", lambda name: (Path(), "") if name.card_name in there else None)
    found, lacking = backbones_at_hand()
    assert found == names
    assert [(one["wanted"], one["instead"]) for one in lacking] == missing


def test_two_classes_are_told_apart_by_one_unit_or_two_and_more_by_a_softmax(
    pets: Path, photos: Path, tmp_path: Path
) -> None:
    two, three = begin(pets, tmp_path / "two"), begin(photos, tmp_path / "three")
    assert (two.outputs, three.outputs) == (("sigmoid", "softmax"), ("softmax",))
    assert [s.values["head.activation"] for s in two.frozen_study.settings] == ["sigmoid", "softmax"]
    config = two.config(NETWORK, two.repetitions[0])
    (setting,) = config.head_settings()
    assert (setting.hidden, setting.dropout, setting.optimizer, setting.learning_rate) == ((128,), 0.1, "adam", 0.001)
    assert (config.head.activation, three.config(NETWORK).head.activation) == ("sigmoid", "softmax")


def test_a_quick_study_trains_the_layers_of_one_network_in_one_repetition(pets: Path, tmp_path: Path) -> None:
    networks = [NETWORK, "EfficientNetLite0"]
    quick = begin(pets, tmp_path / "quick", backbones=networks, seed=3)
    assert quick.tuned_backbones == ("EfficientNetLite0",)
    assert [r.seed for r in quick.repetitions] == [3]
    small, same = quick.scratch_base("EfficientNetLite0"), quick.scratch_base(NETWORK)
    assert small is not None
    assert same is not None
    assert (small.spelling, same.spelling) == ("EfficientNetLite0@96", NETWORK)
    whole = begin(pets, tmp_path / "whole", backbones=networks, quick=False)
    assert whole.tuned_backbones == tuple(networks[i] for i in range(2))
    assert [r.seed for r in whole.repetitions] == [0, 1]
    assert whole.scratch_base("EfficientNetLite0") is whole.bases["EfficientNetLite0"]


def test_the_frozen_heads_and_the_data_of_a_repetition(pets: Path, tmp_path: Path) -> None:
    study = begin(pets, tmp_path / "study")
    results = study.frozen
    assert results.accuracy.shape == (2, 2)
    assert results.train_images.tolist() == [30, 30]
    first, second = (study.data(NETWORK, repetition) for repetition in results.repetitions)
    assert first.features is second.features
    assert set(first.rows("test")) == set(second.rows("test"))
    assert set(first.rows("validation")) != set(second.rows("validation"))
    assert study.folder.facts()["seconds"]["training"] > 0


def test_a_backend_that_cannot_train_is_told(pets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    study = begin(pets, tmp_path / "study")

    def refuse(*, training: bool) -> str:
        raise InputError("Keras cannot train with its openvino backend.")

    monkeypatch.setattr(cats_study, "choose_keras_backend", refuse)
    assert study.refused == "Keras cannot train with its openvino backend."
