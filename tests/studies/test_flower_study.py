from __future__ import annotations

import tomllib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from small_studies import leave_out_the_model, train_on_features

from regraft.backbones.base import Base, open_base
from regraft.errors import InputError
from regraft.studies import flower_study
from regraft.studies.flower_study import FIRST_MOMENTUM, FIRST_RATE, FlowerStudy

LACKING = "The ImageNet weights of MobileNetV2 are not on this machine"


def open_what_is_there(spelling: str, **options: Any) -> Base:
    """As on a machine that reaches no network and has no weights but those in the box."""
    if spelling.startswith("MobileNet"):
        raise InputError(LACKING, hint="copy the file there")
    return open_base(spelling, **options)


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Four settings in place of sixteen, and nothing trained through Keras."""
    monkeypatch.setattr(flower_study, "LEARNING_RATES", (0.01, 0.1))
    monkeypatch.setattr(flower_study, "MOMENTA", (0.0, 0.9))
    monkeypatch.setattr(flower_study, "open_base", open_what_is_there)
    monkeypatch.setattr("regraft.training.standard.train_heads_standard", train_on_features)
    leave_out_the_model(monkeypatch)


def begin(photos: Path, output: Path, **options: Any) -> FlowerStudy:
    given = {"backbone": "EfficientNetLite0", "seeds": 1, "folds": 2, "epochs": 3, "standard_epochs": 1}
    return FlowerStudy(photos, output, **{**given, **options})


def test_what_was_asked_for_is_written_down_and_gone_on_with(photos: Path, tmp_path: Path) -> None:
    study = begin(photos, tmp_path / "study", seed=7, path=None)
    assert study.options == {
        "images": str(photos),
        "path": None,
        "backbone": "EfficientNetLite0",
        "seed": 7,
        "seeds": 1,
        "folds": 2,
        "epochs": 3,
        "standard_epochs": 1,
        "quick": False,
    }
    assert study.folder.settings() == {"kind": "flowers"} | {k: v for k, v in study.options.items() if v is not None}
    again = FlowerStudy(resume=tmp_path / "study", seed=99)
    assert again.options == {name: value for name, value in study.options.items() if name != "path"}
    facts = again.folder.facts()
    assert (facts["kind"], facts["complete"]) == ("flowers", False)
    assert facts["environment"]["python"]


def test_the_usual_numbers(photos: Path, tmp_path: Path) -> None:
    usual = FlowerStudy(photos, tmp_path / "usual").options
    assert (usual["backbone"], usual["seeds"], usual["folds"], usual["epochs"]) == ("MobileNetV2", 3, 5, 50)
    assert (usual["standard_epochs"], usual["quick"]) == (5, False)
    assert FlowerStudy(photos, tmp_path / "quick", quick=True).options["standard_epochs"] == 1
    assert FlowerStudy(photos, tmp_path / "own", quick=True, standard_epochs=4).options["standard_epochs"] == 4


@pytest.mark.parametrize(
    ("options", "named"),
    [({"seeds": 0}, "seeds"), ({"folds": 1}, "folds"), ({"epochs": 0}, "head.epochs"), ({"seed": -1}, "seed")],
)
def test_what_cannot_be_used_is_refused_before_there_is_a_folder(
    photos: Path, tmp_path: Path, options: dict[str, Any], named: str
) -> None:
    with pytest.raises(InputError, match=named):
        begin(photos, tmp_path / "study", **options)
    assert not (tmp_path / "study").exists()
    with pytest.raises(InputError, match="nowhere"):
        begin(tmp_path / "nowhere", tmp_path / "study")
    assert not (tmp_path / "study").exists()
    (tmp_path / "used").mkdir()
    (tmp_path / "used" / "file").touch()
    with pytest.raises(InputError, match="nothing in it was touched"):
        begin(photos, tmp_path / "used")
    with pytest.raises(InputError, match="no study that was begun"):
        FlowerStudy(resume=tmp_path / "nowhere")


def test_the_flowers_are_200_of_each_class(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    configs: list[Any] = []
    monkeypatch.setattr(flower_study, "find_images", configs.append)
    for images, path in (("flowers", None), ("flowers", tmp_path / "copy"), ("digits", None)):
        begin(images, tmp_path / f"study{len(configs)}", path=path, seed=3).collection  # noqa: B018
    assert [config.images.per_class for config in configs] == [200, 200, None]
    assert [config.images.path for config in configs] == [None, tmp_path / "copy", None]
    assert {config.images.test_seed for config in configs} == {3}


def declared(study: FlowerStudy, name: str) -> dict[str, Any]:
    return tomllib.loads((study.folder.path / f"{name}.study.toml").read_text())


@pytest.mark.parametrize("asked", ["grid", "wrong_scaling", "first", "momenta", "rates", "best_rate"])
def test_every_grid_is_of_the_network_that_was_found_whatever_is_asked_for_first(
    photos: Path, tmp_path: Path, asked: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = SimpleNamespace(computed=0, features=np.zeros((1, 2)), images=(1,), precision="f32")
    configs: list[Any] = []

    def load(collection: Any, base: Base, config: Any) -> Any:
        configs.append(config)
        return data

    def stop(grids: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(flower_study, "load_data", load)
    monkeypatch.setattr(flower_study, "carry_out", stop)
    study = begin(photos, tmp_path / "study", backbone="efficientnetlite0@192")
    with pytest.raises(KeyboardInterrupt):
        getattr(study, asked)
    (path,) = study.folder.path.glob("*.study.toml")
    assert declared(study, path.name.removesuffix(".study.toml"))["backbone"]["name"] == "EfficientNetLite0@192"
    assert [config.backbone.name for config in configs] == ["EfficientNetLite0@192"]


def test_the_grids(photos: Path, tmp_path: Path) -> None:
    study = begin(photos, tmp_path / "study", seeds=2)
    grid, wrong, first, momenta = study.grid, study.wrong_scaling, study.first, study.momenta
    assert grid.accuracy.shape == (4, 4)
    assert wrong.accuracy.shape == (2, 4)
    assert first is not None
    assert momenta is not None
    assert [setting.values for setting in first.settings] == [{"head.standard": True}, {"head.standard": False}]
    assert [setting.values["head.momentum"] for setting in momenta.settings] == [0.9, 0.9]
    assert (first.accuracy.shape, first.curves["loss"].shape[-1]) == ((2, 1), 1)
    for name in ("grid", "scaling", "first", "momenta"):
        found = declared(study, name)
        assert found["images"] == {"source": str(photos), "exact": True}
        assert found["head"]["scale_features"] is False
        assert found["backbone"]["precision"] == "f32"
    assert declared(study, "scaling")["backbone"]["scaling"] == "0 to 1"
    assert declared(study, "first")["head"]["learning_rate"] == [FIRST_RATE]
    assert declared(study, "first")["head"]["momentum"] == [FIRST_MOMENTUM]
    assert declared(study, "momenta")["head"]["learning_rate"] == [study.best_rate]
    assert set(study.folder.facts()["seconds"]) == {"features", "training", "standard"}
    features = study.folder.facts()["features"]
    assert (features["images"], features["width"], features["precision"]) == (75, 1280, "f32")
    # What is compared with the wrong scaling is trained on the same images.
    own = grid.where(head__momentum=0.0)
    assert (own.repetitions, own.images.tolist()) == (wrong.repetitions, wrong.images.tolist())
    assert not np.array_equal(own.curves["val_loss"], wrong.curves["val_loss"])


def test_the_best_rate_is_of_the_settings_without_momentum(photos: Path, tmp_path: Path) -> None:
    study = begin(photos, tmp_path / "study")
    results, conclusion = study.rates
    assert [setting.values["head.momentum"] for setting in results.settings] == [0.0, 0.0]
    assert conclusion.best is not None
    assert study.best_rate == results.settings[conclusion.best].values["head.learning_rate"]


def test_where_every_rate_diverges_the_first_one_stands_in(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flower_study, "LEARNING_RATES", (1e39, 1e40))
    assert begin(photos, tmp_path / "study").best_rate == FIRST_RATE


def test_a_hurry_and_a_machine_without_a_backend(photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    quick = begin(photos, tmp_path / "quick", quick=True)
    assert quick.momenta is None
    assert quick.first is not None
    left_out = begin(photos, tmp_path / "left_out", standard_epochs=0)
    assert (left_out.first, left_out.standard_refused) == (None, "it was left out")

    def refuse(**_: Any) -> None:
        raise InputError("Keras cannot train here.")

    monkeypatch.setattr(flower_study, "choose_keras_backend", refuse)
    refused = begin(photos, tmp_path / "refused")
    assert (refused.first, refused.momenta) == (None, None)
    assert refused.standard_refused == "Keras cannot train here."


def test_without_weights_the_network_in_the_box_takes_their_place(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = begin(photos, tmp_path / "study", backbone="MobileNetV2")
    conclusion = study.rates[1]  # asked for before anything has looked for the network
    assert conclusion.best is not None
    assert study.base.spelling == "EfficientNetLite0"
    assert study.folder.facts()["fallback"] == {"wanted": "MobileNetV2", "reason": LACKING}
    assert declared(study, "grid")["backbone"]["name"] == "EfficientNetLite0"
    # Weights that are there now do not change a study that was begun without them.
    monkeypatch.setattr(flower_study, "open_base", lambda name: open_base(name.replace("MobileNetV2", "MobileNet")))
    again = FlowerStudy(resume=study.folder.path)
    assert again.base.spelling == "EfficientNetLite0"
    assert again.folder.facts()["fallback"] == {"wanted": "MobileNetV2", "reason": LACKING}


def test_a_study_begun_with_its_network_does_not_go_on_with_another(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = begin(photos, tmp_path / "study")
    assert study.base.spelling == "EfficientNetLite0"
    assert study.folder.facts()["fallback"] is None

    def gone(*_: Any, **__: Any) -> None:
        raise InputError("no weights on this machine")

    monkeypatch.setattr(flower_study, "open_base", gone)
    with pytest.raises(InputError, match="no weights on this machine"):
        FlowerStudy(resume=study.folder.path).base  # noqa: B018


def test_stages_add_up(photos: Path, tmp_path: Path) -> None:
    study = begin(photos, tmp_path / "study")
    for _ in range(2):
        with study.stage("nothing"):
            pass
    study.seconds["nothing"] = 5.0
    with study.stage("nothing"):
        pass
    assert study.folder.facts()["seconds"]["nothing"] >= 5.0
    assert FlowerStudy(resume=study.folder.path).seconds["nothing"] >= 5.0
