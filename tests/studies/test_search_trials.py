from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from small_searches import search_data, searched
from small_tops import eagerly, small_inputs, small_network, small_pixels

from regraft.backbones.cuts import cut
from regraft.runs.config import TrainConfig
from regraft.runs.data import RunData
from regraft.runs.fitting import fit_heads
from regraft.studies import _search_trials
from regraft.studies._search_trials import Outcome, TopTrials, train_trial_heads, without_test
from regraft.studies._search_values import config_of
from regraft.training.choice import choose
from regraft.training.finetuning import build_top, finetune
from regraft.training.heads import train_heads


def head_configs(**sections: Any) -> list[TrainConfig]:
    values = [
        {"head.optimizer": "sgd", "head.learning_rate": 0.5},
        {"head.optimizer": "adamw", "head.learning_rate": 0.05, "head.hidden": (4,), "head.dropout": 0.2},
        {"head.optimizer": "sgd", "head.learning_rate": 0.1, "head.dropout": 0.3},
        {"head.optimizer": "sgd", "head.learning_rate": 1e38},
    ]
    return [config_of(searched(**sections), each) for each in values]


def plain(outcome: Outcome) -> Outcome:
    return replace(outcome, seconds=0.0)


def test_the_test_images_are_gone() -> None:
    data = search_data()
    data = replace(data, views=np.stack([data.features, data.features + 1]))
    left = without_test(data)
    assert sorted(set(left.splits)) == ["train", "validation"]
    assert len(left.images) == len(left.labels) == len(left.features) == 60
    test = {data.images[row].sha256 for row in data.rows("test")}
    assert not test & {image.sha256 for image in left.images}
    for name in ("train", "validation"):
        assert left.chosen(left.rows(name)) == data.chosen(data.rows(name))
        assert np.array_equal(left.features[left.rows(name)], data.features[data.rows(name)])
        assert left.views is not None
        assert np.array_equal(left.views[1][left.rows(name)], data.features[data.rows(name)] + 1)


def test_heads_trained_together_are_those_trained_one_by_one() -> None:
    data, configs = without_test(search_data()), head_configs()
    together = train_trial_heads(data, configs)
    for config, head in zip(configs, together, strict=True):
        (alone,) = train_trial_heads(data, [config])
        assert head.settings == alone.settings == config.head_settings()[0]
        assert (head.outcome.state, head.outcome.label) == (alone.outcome.state, alone.outcome.label)
        if head.outcome.state == "complete":
            assert head.outcome.epoch == alone.outcome.epoch
            assert head.outcome.loss == pytest.approx(alone.outcome.loss, rel=1e-5)
            for (kernel, _), (other, _) in zip(head.weights.layers, alone.weights.layers, strict=True):
                np.testing.assert_allclose(kernel, other, rtol=1e-3, atol=1e-5)
    assert [head.outcome.state for head in together] == ["complete"] * 3 + ["diverged"]
    assert (together[3].outcome.loss, together[3].outcome.accuracy) == (None, None)


def test_a_trial_is_what_a_run_with_its_config_trains() -> None:
    """On the whole data, test images included, as the pipeline has it."""
    data = search_data()
    for config, head in zip(head_configs()[:3], train_trial_heads(without_test(data), head_configs()[:3]), strict=True):
        rows = data.rows("train"), data.rows("validation")
        trained = fit_heads(data, config, *rows, settings=config.head_settings(), epochs=config.head.epochs)
        chosen = choose(trained)
        best = trained.best_epoch[chosen]
        assert head.outcome.loss == pytest.approx(trained.val_loss[chosen, best - 1], rel=1e-5)
        assert head.outcome.accuracy == trained.val_accuracy[chosen, best - 1]
        assert head.outcome.epoch == best


def test_with_several_seeds_the_mean_counts() -> None:
    data, config = without_test(search_data()), head_configs(head={"repeats": 2})[0]
    (head,) = train_trial_heads(data, [config])
    seeds = [config_of(searched(seed=0), {}).head_settings()[0].seed, 1]
    one_seed = head_configs()[0].head_settings()[0]
    rows = data.rows("train"), data.rows("validation")
    trained = fit_heads(data, config, *rows, settings=[replace(one_seed, seed=seed) for seed in seeds], epochs=4)
    assert head.outcome.loss == pytest.approx(trained.val_loss.min(axis=1).mean())
    assert head.settings.seed == 0


def test_heads_never_see_the_test_images(monkeypatch: pytest.MonkeyPatch) -> None:
    data, seen = search_data(), []

    def watched(features: Any, labels: Any, *arguments: Any, **options: Any) -> Any:
        seen.extend([features, options["validation"][0]])
        return train_heads(features, labels, *arguments, **options)

    monkeypatch.setattr("regraft.runs.fitting.train_heads", watched)
    train_trial_heads(without_test(data), head_configs()[:2])
    test = {row.tobytes() for row in data.features[data.rows("test")]}
    given = {row.tobytes() for features in seen for row in features}
    assert len(given) == 60
    assert not test & given


@pytest.fixture(scope="module")
def without_graphs() -> Iterator[None]:
    with eagerly():
        yield


class Tops:
    """A small network in the place of the config's, and how often it was cut."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        pixels, labels = small_pixels()
        network = small_network()
        splits = np.array(["train"] * 16 + ["validation"] * 8 + ["test"] * 6)
        features = np.asarray(network(pixels, training=False), np.float32)
        data = search_data(features, labels, splits)
        self.data: RunData = replace(data, base=replace(data.base, network=None))
        self.cuts: list[str] = []
        self.learned: list[Any] = []
        monkeypatch.setattr(_search_trials, "cut_for", self.cut_for)
        monkeypatch.setattr(_search_trials, "top_data", self.top_data)

    def cut_for(self, base: Any, wanted: Any) -> Any:
        self.cuts.append(wanted.at)
        return cut(small_network(), at=wanted.at)

    def top_data(self, data: RunData, config: TrainConfig, parts: Any, tell: Any) -> Any:
        top = build_top(parts, self.head(config).weights, "softmax")
        inputs, _ = small_inputs(top)
        rows = data.rows("train", "validation")
        learned = type(inputs)(inputs.view(rows, 0)[None])
        return SimpleNamespace(learned=learned)

    def head(self, config: TrainConfig) -> Any:
        return train_trial_heads(without_test(self.data), [config])[0]


def top_config(**changed: Any) -> TrainConfig:
    config = searched(finetune={"at": "a_add", "epochs": 3, "patience": 0, "batch_size": 8, "learning_rate": 0.01})
    return config_of(
        config, {"head.learning_rate": 0.1, **{f"finetune.{key}": value for key, value in changed.items()}}
    )


@pytest.fixture
def tops(monkeypatch: pytest.MonkeyPatch, without_graphs: None) -> Tops:
    return Tops(monkeypatch)


def never(loss: float, step: int) -> bool:
    return False


def test_a_fine_tuned_trial_is_the_direct_training_of_its_setting(tops: Tops, tmp_path: Path) -> None:
    config, told = top_config(layer_decay=2.0), []
    head, data = tops.head(config), without_test(tops.data)
    trials = TopTrials(tops.data, tmp_path / "kept")
    outcome = trials.train(config, head, lambda loss, step: bool(told.append((step, loss))))
    parts = cut(small_network(), at="a_add")
    direct = finetune(
        build_top(parts, head.weights, "softmax"),
        tops.top_data(tops.data, config, parts, None).learned,
        data.labels,
        config.finetune.settings(0),  # type: ignore[union-attr]
        rows=data.rows("train"),
        validation=data.rows("validation"),
    )
    losses = [row["val_loss"] for row in direct.history]
    assert told == list(enumerate(losses))[1:]
    assert (outcome.state, outcome.loss, outcome.epoch) == ("complete", min(losses), direct.best_epoch)
    assert not list(tmp_path.iterdir())
    assert outcome.label == f"{head.settings.label}; {config.finetune.settings(0).label}"  # type: ignore[union-attr]


def test_every_trial_begins_with_the_pretrained_weights(tops: Tops, tmp_path: Path) -> None:
    trials = TopTrials(tops.data, tmp_path / "kept")
    config, other = top_config(), top_config(learning_rate=0.1)
    head = tops.head(config)
    first = trials.train(config, head, never)
    trials.train(other, head, never)
    assert plain(trials.train(config, head, never)) == plain(first)
    assert tops.cuts == ["a_add"]  # the activations are read once


def test_a_trial_that_falls_behind_is_ended(tops: Tops, tmp_path: Path) -> None:
    trials, told = TopTrials(tops.data, tmp_path / "kept"), []

    def behind(loss: float, step: int) -> bool:
        told.append((step, loss))
        return step == 2

    config = top_config()
    outcome = trials.train(config, tops.head(config), behind)
    assert outcome.state == "pruned"
    assert [step for step, _ in told] == [1, 2]
    assert outcome.loss is not None
    assert outcome.loss <= min(loss for _, loss in told)
    assert not list(tmp_path.iterdir())


def test_the_last_epoch_is_not_pruned(tops: Tops, tmp_path: Path) -> None:
    config = top_config()
    outcome = TopTrials(tops.data, tmp_path / "kept").train(config, tops.head(config), lambda loss, step: step == 3)
    assert outcome.state == "complete"


def test_a_killed_trial_goes_on_when_it_is_tried_again(tops: Tops, tmp_path: Path) -> None:
    config, steps, again = top_config(), [], []
    head = tops.head(config)
    straight = TopTrials(tops.data, tmp_path / "one").train(config, head, lambda loss, step: bool(steps.append(step)))

    def killed(loss: float, step: int) -> bool:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        TopTrials(tops.data, tmp_path / "two").train(config, head, killed)
    done = TopTrials(tops.data, tmp_path / "two").train(config, head, lambda loss, step: bool(again.append(step)))
    assert plain(done) == plain(straight)
    assert again == steps == [1, 2, 3]


def test_another_cut_is_another_network(tops: Tops, tmp_path: Path) -> None:
    trials = TopTrials(tops.data, tmp_path / "kept")
    for at in ("a_add", "b_add", "b_add"):
        config = top_config()
        assert config.finetune is not None
        trials.prepare(config.model_copy(update={"finetune": config.finetune.model_copy(update={"at": at})}))
    assert tops.cuts == ["a_add", "b_add"]
