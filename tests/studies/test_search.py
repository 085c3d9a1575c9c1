from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from small_studies import leave_out_the_model, write_page
from small_tops import small_network

from regraft.backbones.base import open_base
from regraft.backbones.cuts import cut
from regraft.backbones.layer_rows import block_rows
from regraft.errors import InputError
from regraft.runs import fitting, top_data
from regraft.runs.finetune_config import FinetuneConfig
from regraft.runs.fitting import train_heads
from regraft.studies import search as module
from regraft.studies._search_defaults import default_table
from regraft.studies._search_space import read_space
from regraft.studies._search_trials import Outcome
from regraft.studies._search_values import fixed_values
from regraft.studies.search import make_space, run_search
from regraft.studies.search_folder import SearchConfig, SearchFolder, search_config


def small(photos: Path, fixed: dict[str, Any] | None = None, **search: Any) -> Any:
    """A search of twelve trials over quick heads."""
    space = {
        "optimizer": ["sgd", "adamw"],
        "hidden": [[], [8]],
        "learning_rate": {"low": 0.001, "high": 1.0, "log": True},
    }
    return search_config(
        {
            "images": {"source": str(photos), "exact": True},
            "backbone": {"precision": "f32"},
            "head": {"epochs": 3, **(fixed or {})},
            "search": {"trials": 12, "head": space, **search},
        }
    )


@pytest.fixture(autouse=True)
def quick_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    leave_out_the_model(monkeypatch)


@pytest.fixture(scope="module")
def done(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> SearchFolder:
    with pytest.MonkeyPatch.context() as patch:
        leave_out_the_model(patch)
        return run_search(*small(photos), tmp_path_factory.mktemp("search") / "one", report_run=write_page)


def without_seconds(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{name: value for name, value in row.items() if name != "seconds"} for row in rows]


def test_the_best_trial_is_recommended_and_measured(done: SearchFolder) -> None:
    facts, rows = done.facts(), done.trials()
    assert done.complete
    assert len(rows) == 12
    assert facts["counts"] == {"complete": 12, "pruned": 0, "diverged": 0}
    assert facts["best"]["loss"] == min(row["loss"] for row in rows)
    metrics = done.recommended.metrics()
    assert metrics["images"]["test"] == 15
    assert set(facts["seconds"]) == {"features", "activations", "trials", "recommended", "total"}
    assert (done.path / "trials.csv").read_text().count("\n") == 13
    assert not (done.path / "finetuning.safetensors").exists()


def test_the_best_trial_is_the_direct_training_of_its_setting(done: SearchFolder) -> None:
    """The recommended run trains it anew, alone, through the pipeline."""
    best, metrics = done.facts()["best"], done.recommended.metrics()
    assert metrics["chosen"]["label"] == best["label"]
    assert metrics["chosen"]["epoch"] == best["epoch"]
    assert metrics["validation"]["log_loss"] == pytest.approx(best["loss"], rel=1e-4)
    assert metrics["validation"]["accuracy"] == best["accuracy"]
    (setting,) = done.recommended.config().head_settings()
    assert setting.learning_rate == best["values"]["head.learning_rate"]


def test_its_config_repeats_a_search(done: SearchFolder, tmp_path: Path) -> None:
    again = run_search(*done.config(), tmp_path / "again", report_run=write_page)
    assert without_seconds(again.trials()) == without_seconds(done.trials())


class KilledError(Exception):
    """Stands for a killed process."""


def test_a_killed_search_goes_on_as_if_it_had_not_been(
    photos: Path, done: SearchFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []

    def killed_at_the_second(*arguments: Any, **options: Any) -> Any:
        calls.append(1)
        if len(calls) == 2:
            raise KilledError
        return train_heads(*arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(fitting, "train_heads", killed_at_the_second)
        with pytest.raises(KilledError):
            run_search(*small(photos), tmp_path / "killed", report_run=write_page)
    folder = SearchFolder(tmp_path / "killed")
    assert not folder.complete
    assert without_seconds(folder.trials()) == without_seconds(done.trials()[: module.BATCH])
    config, wanted = folder.config()
    run_search(config, wanted, resume=folder, report_run=write_page)
    assert folder.complete
    assert without_seconds(folder.trials()) == without_seconds(done.trials())
    assert folder.facts()["resumed"]


def test_test_images_are_not_seen_before_the_end(photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []
    events: list[str] = []

    def watched(features: Any, labels: Any, *arguments: Any, **options: Any) -> Any:
        if not events:
            seen.extend([features, options["validation"][0]])
        return train_heads(features, labels, *arguments, **options)

    def recommended(config: Any, output: Path | None, **options: Any) -> None:
        events.append("recommended")

    monkeypatch.setattr(fitting, "train_heads", watched)
    monkeypatch.setattr(module, "train", recommended)
    data: list[Any] = []
    load = module.load_data

    def loaded(*arguments: Any) -> Any:
        data.append(load(*arguments))
        return data[0]

    monkeypatch.setattr(module, "load_data", loaded)
    run_search(*small(photos, trials=3), tmp_path / "search")
    test = {row.tobytes() for row in data[0].features[data[0].rows("test")]}
    given = {row.tobytes() for features in seen for row in features}
    assert (len(test), len(given)) == (15, 60)
    assert not test & given
    assert events == ["recommended"]


def test_no_trial_is_begun_after_the_timeout(photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "train", lambda *arguments, **options: None)
    folder = run_search(*small(photos, trials=100, timeout=1e-6), tmp_path / "search")
    assert len(folder.trials()) == module.BATCH


def test_when_every_trial_diverges_it_is_said(photos: Path, tmp_path: Path) -> None:
    space = {"learning_rate": {"low": 1e37, "high": 1e38}}
    with pytest.raises(InputError, match="Every one of the 3 trials diverged"):
        run_search(*small(photos, trials=3, head=space), tmp_path / "search")
    assert [row["state"] for row in SearchFolder(tmp_path / "search").trials()] == ["diverged"] * 3
    assert not (tmp_path / "search" / "recommended").exists()


def test_images_that_changed_are_noticed(photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "train", lambda *arguments, **options: None)
    shutil.copytree(photos, tmp_path / "photos")
    folder = run_search(*small(tmp_path / "photos", trials=1), tmp_path / "search")
    next((tmp_path / "photos" / "red").iterdir()).unlink()
    with pytest.raises(InputError, match="have changed"):
        run_search(*folder.config(), resume=folder)


@pytest.mark.parametrize(
    ("head", "search", "says"),
    [
        ({"standard": True}, {}, "cached features"),
        ({}, {"finetune": {"l2_sp": [0.0, 0.1]}}, "--finetune"),
        ({}, {"head": {"learning_rate": {"low": 1.0, "high": 0.1}}}, "low below high"),
        ({}, {"head": {}}, "nothing to search"),
    ],
)
def test_a_bad_search_is_refused_before_there_is_a_folder(
    photos: Path, tmp_path: Path, head: dict[str, Any], search: dict[str, Any], says: str
) -> None:
    with pytest.raises(InputError) as caught:
        run_search(*small(photos, head, **search), tmp_path / "search")
    assert says in str(caught.value)
    assert not (tmp_path / "search").exists()


def test_a_list_in_the_config_is_a_choice(photos: Path) -> None:
    config, wanted = small(photos, {"dropout": [0.0, 0.5], "hidden": [4]})
    space = make_space(config, wanted, open_base("EfficientNetLite0"))
    assert space.table()["head"]["dropout"] == {"values": [0.0, 0.5]}
    assert space.table()["head"]["hidden"] == {"values": [[], [8]]}  # what [search] declares counts


def test_the_space_of_fine_tuning(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for place in (module, top_data):
        monkeypatch.setattr(place, "cut", lambda base, **wish: cut(small_network(), **wish))
    base = replace(open_base("EfficientNetLite0"), network=None)
    config, _ = search_config({"images": {"source": str(photos)}, "finetune": {"epochs": 2}})
    blocks = len(block_rows(small_network()))
    expected = read_space(default_table(config, blocks), fixed_values(config))
    assert make_space(config, SearchConfig(), base) == expected
    assert make_space(config, SearchConfig(finetune={"blocks": [1, blocks]}), base).numbers("finetune.blocks")
    with pytest.raises(InputError, match="number of blocks"):
        make_space(config, SearchConfig(finetune={"blocks": [1, blocks + 1]}), base)
    wish, _ = search_config({"images": {"source": str(photos)}, "finetune": {"last": 2}})
    with pytest.raises(InputError, match="Where to cut"):
        make_space(wish, SearchConfig(finetune={"blocks": [1, 2]}), base)


class MadeUpTops:
    """In the place of fine-tuning: losses that the learning rate alone decides, the best at 1e-4."""

    prepared: ClassVar[list[int]] = []

    def __init__(self, data: Any, kept: Path) -> None:
        self.prepared.clear()

    def prepare(self, config: Any, tell: Any = None) -> None:
        self.prepared.append(config.finetune.blocks)

    def train(self, config: Any, head: Any, report: Any) -> Outcome:
        assert head.outcome.loss > 0.8
        losses = [0.1 + 0.1 * abs(np.log10(config.finetune.learning_rate / 1e-4)) + 0.1 / step for step in range(1, 5)]
        for step, loss in enumerate(losses, 1):
            if report(loss, step):
                return Outcome("pruned", "made up", loss, 0.5, step, 0.1)
        return Outcome("complete", "made up", losses[-1], 0.5, 4, 0.1)


def test_both_phases_in_one_trial(photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "TopTrials", MadeUpTops)
    monkeypatch.setattr(module, "train", lambda *arguments, **options: None)
    monkeypatch.setattr(module, "prepare_cut", lambda *arguments: None)
    monkeypatch.setattr(module.gc, "collect", lambda: 0)
    tuned = {"blocks": [1, 2], "learning_rate": {"low": 1e-6, "high": 1e-2, "log": True}}
    config, wanted = small(photos, trials=20, head={"learning_rate": [0.001]}, finetune=tuned)
    config = config.model_copy(update={"finetune": FinetuneConfig(epochs=4)})
    folder = run_search(config, wanted, tmp_path / "search")
    facts, rows = folder.facts(), folder.trials()
    assert MadeUpTops.prepared == [1, 2]
    assert facts["counts"]["pruned"] >= 3
    assert facts["counts"]["pruned"] + facts["counts"]["complete"] == 20
    assert [step for step, _ in rows[0]["steps"]] == [0, 1, 2, 3, 4]
    pruned = next(row for row in rows if row["state"] == "pruned")
    assert 1 < len(pruned["steps"]) < 5
    assert facts["best"]["state"] == "complete"
    assert 1e-5 < facts["best"]["values"]["finetune.learning_rate"] < 1e-3
    assert next(iter(facts["importance"])) == "finetune.learning_rate"
