from __future__ import annotations

import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regraft.errors import InputError
from regraft.runs.config import config_text, make_config, read_config
from regraft.training.settings import default_grid, default_learning_rates

RATES = st.lists(st.floats(1e-6, 10), min_size=1, max_size=3)


@given(rates=RATES, seed=st.integers(0, 2**31), source=st.text(min_size=1), exact=st.booleans())
def test_a_config_comes_back_from_its_file(
    tmp_path_factory: pytest.TempPathFactory, rates: list[float], seed: int, source: str, exact: bool
) -> None:
    if any("\ud800" <= sign <= "\udfff" for sign in source):
        source = "photos"
    values = {"images": {"source": source, "exact": exact}, "head": {"learning_rate": rates}, "seed": seed}
    config = make_config(values)
    path = tmp_path_factory.mktemp("config") / "config.toml"
    path.write_bytes(config_text(config).encode())
    assert make_config(read_config(path)) == config


def test_what_studies_ask_for_comes_back_from_its_file(tmp_path: Path) -> None:
    images = {"source": "x", "per_class": 20, "test_seed": 0, "folds": 5, "fold": 4}
    config = make_config({"images": images, "backbone": {"scaling": "0 to 1"}, "head": {"standard": True}})
    (tmp_path / "config.toml").write_text(config_text(config))
    again = make_config(read_config(tmp_path / "config.toml"))
    assert again == config
    assert hash(again) == hash(config)
    assert (again.images.folds, again.images.test_seed, again.backbone.scaling) == (5, 0, "0 to 1")


def test_without_a_study_nothing_of_it_is_asked_for() -> None:
    config = make_config({"images": {"source": "x"}})
    assert (config.images.test_seed, config.images.folds, config.images.per_class) == (None, None, None)
    assert config.backbone.scaling == "own"
    assert not {"test_seed", "folds", "per_class"} & set(config_text(config).split())


def test_axes_left_out_are_those_of_the_default_grid() -> None:
    images = {"source": "photos"}
    assert make_config({"images": images}).head_settings() == default_grid()
    rate = make_config({"images": images, "head": {"learning_rate": [0.3]}}).head_settings()
    assert [(s.learning_rate, s.momentum, s.nesterov) for s in rate] == [(0.3, 0.9, True)]
    plain = make_config({"images": images, "head": {"momentum": [0.0], "nesterov": [False]}}).head_settings()
    assert [s.learning_rate for s in plain] == [s.learning_rate for s in default_grid()]
    assert {s.momentum for s in plain} == {0.0}


HIDDEN = {
    "a list of heads": ([[], [128], [128, 64]], [(), (128,), (128, 64)]),
    "one head": ([128, 64], [(128, 64)]),
    "one hidden layer": ([128], [(128,)]),
    "the linear head": ([], [()]),
    "the linear head in a list": ([[]], [()]),
}


@pytest.mark.parametrize("case", HIDDEN)
def test_hidden_layers_are_those_of_one_head_or_a_list_of_heads(case: str, tmp_path: Path) -> None:
    given, expected = HIDDEN[case]
    values = {"images": {"source": "x"}, "head": {"hidden": given, "learning_rate": [0.1]}}
    config = make_config(values)
    assert [s.hidden for s in config.head_settings()] == expected
    (tmp_path / "config.toml").write_text(config_text(config))
    assert make_config(read_config(tmp_path / "config.toml")) == config


def test_every_combination_is_tried_with_the_defaults_of_its_optimizer() -> None:
    head = {"hidden": [[], [8]], "optimizer": ["sgd", "adamw"], "hidden_activation": ["tanh"], "dropout": [0.0, 0.5]}
    settings = make_config({"images": {"source": "x"}, "head": head}).head_settings()
    assert {(s.hidden, s.hidden_activation) for s in settings} == {((), "relu"), ((8,), "tanh")}
    assert {(s.optimizer, s.momentum, s.nesterov, s.weight_decay) for s in settings} == {
        ("sgd", 0.9, True, 0.0),
        ("adamw", 0.0, False, 0.004),
    }
    for shape in ((), (8,)):
        for optimizer in ("sgd", "adamw"):
            rates = [s.learning_rate for s in settings if (s.hidden, s.optimizer, s.dropout) == (shape, optimizer, 0.5)]
            assert tuple(rates) == default_learning_rates(optimizer, shape)  # type: ignore[arg-type]


def test_a_momentum_is_for_sgd() -> None:
    head = {"optimizer": ["sgd", "adam"], "momentum": [0.5], "learning_rate": [0.1]}
    settings = make_config({"images": {"source": "x"}, "head": head}).head_settings()
    assert [(s.optimizer, s.momentum) for s in settings] == [("sgd", 0.5), ("adam", 0.0)]
    for wrong in ({"momentum": [0.5]}, {"nesterov": [True]}):
        with pytest.raises(InputError, match="Momentum is a setting of SGD"):
            make_config({"images": {"source": "x"}, "head": {"optimizer": ["adam"], **wrong}}).head_settings()


@pytest.mark.parametrize(
    "wrong", [{"hidden": [0]}, {"hidden": [[8], [-3]]}, {"dropout": [1.0]}, {"dropout": [math.nan]}]
)
def test_heads_that_cannot_be_are_refused(wrong: dict) -> None:
    with pytest.raises(InputError, match=r"no such head|dropout cannot be used"):
        make_config({"images": {"source": "x"}, "head": wrong}).head_settings()


def test_views_are_for_heads_on_cached_features() -> None:
    config = make_config({"images": {"source": "x"}, "head": {"standard": True}, "augmentation": {"views": 2}})
    with pytest.raises(InputError, match=r"plain images only[\s\S]*2 views"):
        config.head_settings()
    without = {"images": {"source": "x"}, "head": {"standard": True}, "augmentation": {"views": 0, "test_views": 2}}
    assert make_config(without).head_settings()


def test_repeats_are_seeds() -> None:
    config = make_config({"images": {"source": "x"}, "head": {"learning_rate": [1.0], "repeats": 3}, "seed": 4})
    assert [s.seed for s in config.head_settings()] == [4, 5, 6]


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"images": {"source": "x"}, "nonsense": 1},
        {"images": {"source": "x", "test": 1.5}},
        {"images": {"source": "x"}, "head": {"epochs": 0}},
        {"images": {"source": "x"}, "head": {"activation": "tanh"}},
        {"images": {"source": "x"}, "head": {"hidden": [1.5]}},
        {"images": {"source": "x"}, "head": {"hidden": ["128"]}},
        {"images": {"source": "x"}, "head": {"hidden": 128}},
        {"images": {"source": "x"}, "head": {"hidden_activation": ["softplus"]}},
        {"images": {"source": "x"}, "head": {"optimizer": ["lamb"]}},
        {"images": {"source": "x"}, "head": {"class_weight": "heavy"}},
        {"images": {"source": "x"}, "head": {"sampling": "twice"}},
        {"images": {"source": "x"}, "backbone": {"engine": "steam"}},
        {"images": {"source": "x"}, "seed": -1},
        {"images": {"source": "x", "folds": 1}},
        {"images": {"source": "x", "fold": -1}},
        {"images": {"source": "x", "test_seed": -1}},
        {"images": {"source": "x", "per_class": 0}},
        {"images": {"source": "x"}, "backbone": {"scaling": "0 to 2"}},
        {"images": {"source": "x"}, "backbone": {"pooling": "median"}},
        {"images": {"source": "x"}, "finetune": {"layers": 3}},
        {"images": {"source": "x"}, "augmentation": {"views": -1}},
        {"images": {"source": "x"}, "augmentation": 3},
    ],
)
def test_bad_values_are_named(values: dict) -> None:
    with pytest.raises(InputError, match="settings cannot be used"):
        make_config(values)


def test_bad_files_are_explained(tmp_path: Path) -> None:
    (tmp_path / "bad.toml").write_text("= nothing")
    for name in ("bad.toml", "nowhere.toml"):
        with pytest.raises(InputError, match=name):
            read_config(tmp_path / name)
