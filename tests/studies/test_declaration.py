from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regraft.errors import InputError
from regraft.studies.declaration import Study, make_study, read_study, study_text
from regraft.studies.results import Repetition

THREE_AXES = """
name = "Three axes"
question = "Which of them matters?"
seed = 5
seeds = 2
folds = 3

[vary.head]
learning_rate = [0.01, 0.1, 1]
momentum = [0.5, 0.9]

[vary.backbone]
name = ["EfficientNetLite0", "EfficientNetLite0@192"]

[images]
source = "photos"
exact = true

[head]
epochs = 7
nesterov = [false]
"""


def study(vary: dict[str, Any] | None = None, **parts: Any) -> Study:
    return make_study({"images": {"source": "photos"}, "vary": vary or {}, **parts})


def refused(vary: dict[str, Any] | None = None, **parts: Any) -> str:
    with pytest.raises(InputError) as caught:
        study(vary, **parts)
    return str(caught.value)


@pytest.fixture
def three_axes(tmp_path: Path) -> Study:
    (tmp_path / "my.toml").write_text(THREE_AXES)
    return read_study(tmp_path / "my.toml")


def test_three_axes_are_every_combination_of_their_values(three_axes: Study) -> None:
    assert (three_axes.name, three_axes.question) == ("Three axes", "Which of them matters?")
    assert list(three_axes.axes) == ["head.learning_rate", "head.momentum", "backbone.name"]
    settings = three_axes.settings
    assert len(settings) == 12
    assert len({tuple(setting.values.items()) for setting in settings}) == 12
    assert [setting.label for setting in settings[:3]] == [
        "lr 0.01, momentum 0.5, EfficientNetLite0",
        "lr 0.01, momentum 0.5, EfficientNetLite0@192",
        "lr 0.01, momentum 0.9, EfficientNetLite0",
    ]
    assert three_axes.repetitions == tuple(Repetition(seed, fold) for seed in (5, 6) for fold in range(3))


def test_the_config_of_a_cell(three_axes: Study) -> None:
    values = three_axes.settings[7].values
    config = three_axes.config(values, Repetition(6, 2))
    assert (config.head.learning_rate, config.head.momentum) == ((0.1,), (0.9,))
    assert (config.backbone.name, config.head.epochs) == ("EfficientNetLite0@192", 7)
    assert (config.seed, config.images.test_seed, config.images.folds, config.images.fold) == (6, 5, 3, 2)
    assert [setting.seed for setting in config.head_settings()] == [6]
    whole = three_axes.config(values)
    assert (whole.seed, whole.images.test_seed, whole.images.folds) == (5, 5, None)
    without_folds = study(seed=3, seeds=2)
    assert without_folds.repetitions == (Repetition(3), Repetition(4))
    config = without_folds.config({}, Repetition(4))
    assert (config.seed, config.images.test_seed, config.images.folds) == (4, 3, None)


def test_without_axes_there_is_one_setting() -> None:
    alone = study(seeds=1)
    assert [setting.label for setting in alone.settings] == ["as configured"]
    assert alone.axes == {}


def test_a_value_may_be_a_list_to_choose_from() -> None:
    choosing = study({"head": {"learning_rate": [[0.1, 1.0], [0.01]]}})
    configs = [choosing.config(setting.values) for setting in choosing.settings]
    assert [len(config.head_settings()) for config in configs] == [2, 1]


def test_it_comes_back_from_its_text(three_axes: Study) -> None:
    assert make_study(tomllib.loads(study_text(three_axes))) == three_axes


NUMBERS = st.lists(st.floats(1e-6, 1e3), min_size=1, max_size=3, unique=True)


@given(
    rates=NUMBERS,
    fractions=st.lists(st.sampled_from([0.1, 0.2, 0.3]), min_size=1, unique=True),
    words=st.text(st.characters(blacklist_categories=["Cs"]), max_size=20),
    seed=st.integers(0, 2**31),
    folds=st.none() | st.integers(2, 9),
)
def test_any_study_comes_back_from_its_text(
    rates: list[float], fractions: list[float], words: str, seed: int, folds: int | None
) -> None:
    vary = {"head": {"learning_rate": rates}, "images": {"validation": fractions}}
    made = study(vary, name=words, question=words, seed=seed, folds=folds, head={"epochs": 3})
    assert make_study(tomllib.loads(study_text(made))) == made


def test_paths_are_absolute_wherever_the_study_is_gone_on_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("photos", "other", "weights.h5"):
        (tmp_path / name).mkdir()
    made = study({"images": {"source": ["other", "digits"]}}, backbone={"weights": "weights.h5", "name": "VGG16"})
    assert made.images["source"] == str(tmp_path / "photos")
    assert made.backbone == {"weights": str(tmp_path / "weights.h5"), "name": "VGG16"}
    assert made.axes["images.source"] == (str(tmp_path / "other"), "digits")
    named = make_study({"images": {"source": "digits", "path": "copy"}})
    assert named.images == {"source": "digits", "path": str(tmp_path / "copy")}
    monkeypatch.chdir("/")
    assert make_study(tomllib.loads(study_text(made))) == made
    assert study(images={"source": "digits", "path": None}).images["path"] is None


@pytest.mark.parametrize(
    ("vary", "named"),
    [
        ({"head": {"learnin_rate": [0.1]}}, "head.learnin_rate"),
        ({"head": {"deep": [{"x": 1}]}}, "head.deep"),
        ({"heat": {"learning_rate": [0.1]}}, "heat"),
        ({"head": {"learning_rate": []}}, "head.learning_rate"),
        ({"head": {"learning_rate": [0.1, 0.1]}}, "head.learning_rate"),
        ({"head": {"learning_rate": [0.1, -1.0]}}, "learning rate"),
        ({"head": {"learning_rate": ["fast"]}}, "head.learning_rate"),
        ({"head": {"learning_rate": 0.1}}, "vary.head.learning_rate"),
        ({"head": {"epochs": [5, 0]}}, "head.epochs"),
        ({"head": {"activation": ["tanh"]}}, "head.activation"),
        ({"backbone": {"scaling": ["0 to 2"]}}, "backbone.scaling"),
        ({"images": {"validation": [0.2, 1.5]}}, "images.validation"),
        ({"head": {"momentum": [0.0], "nesterov": [True]}}, "Nesterov"),
    ],
)
def test_axes_that_cannot_be_varied_are_named(vary: dict[str, Any], named: str) -> None:
    assert named in refused(vary)


@pytest.mark.parametrize("axis", ["images.test_seed", "images.folds", "images.fold", "head.repeats"])
def test_what_the_study_sets_itself(axis: str) -> None:
    section, name = axis.split(".")
    for message in (refused({section: {name: [2, 3]}}), refused(**{section: {"source": "x", name: 2}})):
        assert f"{axis} is set by the study itself" in message
        assert "at the top of the study" in message
    assert "vary.seed" in refused({"seed": [1, 2]})


def test_what_would_move_the_test_images_is_not_varied() -> None:
    """An image that is tested in one setting must not be trained on, or chosen by, in another."""
    for vary in ({"test": [0.1, 0.2]}, {"exact": [True, False]}):
        assert "share their test images" in refused({"images": vary})
    sizes = {"images": {"per_class": [10, 20]}}
    assert "share their test images" in refused(sizes, images={"source": "x", "exact": True})
    assert len(study(sizes).settings) == 2
    assert study(images={"source": "x", "test": 0.3, "exact": True}).config({}).images.test == 0.3


def test_settings_that_are_the_same_are_refused() -> None:
    message = refused({"head": {"learning_rate": [1, 1.0]}})
    assert "Two settings of the study are the same" in message
    assert "learning rate 1; learning rate 1" in message


@pytest.mark.parametrize(
    ("parts", "named"),
    [
        ({"seeds": 0}, "seeds"),
        ({"seed": -1}, "seed"),
        ({"folds": 1}, "folds"),
        ({"seeds": "many"}, "seeds"),
        ({"images": 3}, "images"),
        ({"images": {}}, "images.source"),
        ({"nonsense": 1}, "nonsense"),
        ({"head": {"lr": [0.1]}}, "head.lr"),
        ({"vary": 3}, "vary"),
    ],
)
def test_what_is_no_study(parts: dict[str, Any], named: str) -> None:
    assert named in refused(**parts)


def test_a_study_that_only_varies_its_images_needs_no_others() -> None:
    made = make_study({"vary": {"images": {"source": ["digits", "mnist"]}}})
    assert [setting.label for setting in made.settings] == ["digits", "mnist"]
    with pytest.raises(InputError, match=r"images\.source"):
        make_study({})


def test_a_grid_that_is_too_large_is_refused_at_once() -> None:
    values = [float(number) for number in range(1, 201)]
    vary = {"head": {"learning_rate": values, "weight_decay": values}}
    assert "120,000" in refused(vary)
    assert "at most 20,000" in refused(seeds=10**12)


def test_a_file_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nowhere\.toml"):
        read_study(tmp_path / "nowhere.toml")


@pytest.mark.parametrize(
    "parts", [{"finetune": {"blocks": 1}}, {"finetune": {}}, {"vary": {"finetune": {"blocks": [1, 2]}}}]
)
def test_fine_tuning_is_refused_as_cells_would_leave_it_out(parts: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=r"train heads only[\s\S]*regraft finetune RUN"):
        make_study({"images": {"source": "photos"}, **parts})


def test_views_can_be_varied_where_heads_can_see_them() -> None:
    views = {"augmentation": {"views": [0, 4]}}
    assert [study(views).config(s.values).augmentation.views for s in study(views).settings] == [0, 4]
    assert "plain images only" in refused(views, head={"standard": True})
