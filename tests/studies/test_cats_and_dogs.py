from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from small_cats import NETWORK, begin, leave_out_the_models, train_a_small_network_from_scratch, two_classes
from small_studies import write_page
from small_tops import eagerly

from regraft.runs.folder import RunFolder
from regraft.studies import cats_and_dogs
from regraft.studies.cats_results import scratch_runs, tuned_run
from regraft.studies.cats_study import CatsStudy


@pytest.fixture(scope="module")
def done(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[CatsStudy]:
    """A whole quick study, with five layers to train, and not ten as well, and a small network from scratch."""
    folder = tmp_path_factory.mktemp("cats")
    with pytest.MonkeyPatch.context() as patch, eagerly():
        patch.setattr(cats_and_dogs, "LAST", (5,))
        leave_out_the_models(patch)
        train_a_small_network_from_scratch(patch)
        study = begin(two_classes(photos, folder), folder / "study")
        cats_and_dogs.run_all(study, write_page)
        yield study


def test_the_facts_of_a_finished_study(done: CatsStudy) -> None:
    facts = done.folder.facts()
    assert facts["complete"]
    assert facts["collection"]["classes"] == ["cats", "dogs"]
    assert facts["collection"]["splits"] == []
    assert facts["outputs"] == ["sigmoid", "softmax"]
    assert [backbone["name"] for backbone in facts["backbones"]] == [NETWORK]
    assert facts["tuned"] == {"backbones": [NETWORK], "last": [5], "seeds": 1}
    assert (facts["scratch"], facts["refused"]) == ([NETWORK], None)
    assert {"training", "standard", "recommended", "total"} <= set(facts["seconds"])


def test_fine_tuning_starts_from_the_frozen_head_and_trains_the_layers_asked_for(done: CatsStudy) -> None:
    frozen = RunFolder(done.frozen.runs[0][0]).metrics()["validation"]
    run, head = (tuned_run(done.folder, NETWORK, last, 0) for last in (5, 0))
    metrics, history = run.metrics(), run.history()
    assert history[0]["epoch"] == 0
    assert history[0]["val_accuracy"] == frozen["accuracy"]
    assert history[0]["val_loss"] == pytest.approx(frozen["log_loss"], abs=0.01)
    assert len(metrics["trained"]["layers"]) == 5
    assert metrics["trained"]["parameters"] > head.metrics()["trained"]["parameters"]
    best = history[metrics["chosen"]["epoch"]]
    assert best["val_loss"] == min(row["val_loss"] for row in history)
    assert metrics["validation"]["accuracy"] == pytest.approx(best["val_accuracy"])
    assert "test" not in metrics
    config = run.config()
    assert config.finetune is not None
    assert config.finetune.last == 5


def test_the_results_hold_frozen_and_tuned_in_the_same_repetition(done: CatsStudy) -> None:
    results = cats_and_dogs.read_tuned(done)
    assert [setting.values["trained"] for setting in results.settings] == [0, 5]
    assert results.accuracy.shape[1] == 1
    assert results.accuracy[0, 0] == done.frozen.accuracy[0, 0]


def test_from_scratch_all_layers_learn_on_the_images_of_the_frozen_head(done: CatsStudy) -> None:
    frozen, scratch = scratch_runs(done.folder, NETWORK)
    assert frozen.table("splits").equals(scratch.table("splits"))
    trained = scratch.metrics()["trained"]
    assert trained["epochs"] == 1
    assert trained["first_epoch"]
    assert "BatchNorm in training mode" in trained["settings"]
    head = (4 + 1) * 128 + 129
    assert trained["parameters"] == (5 * 5 * 3 + 1) * 4 + 2 * 4 + head
    assert scratch.history()[0]["epoch"] == 0
    (found,) = cats_and_dogs.train_scratch(done)
    assert (found.network, found.pair.test) == (NETWORK, "McNemar")
    difference = found.scratch["validation"]["accuracy"] - found.frozen["validation"]["accuracy"]
    assert found.pair.difference == pytest.approx(difference)


def test_the_best_on_validation_is_measured_on_test_once(done: CatsStudy) -> None:
    results, conclusion = cats_and_dogs.compare_all(done)
    assert conclusion.best is not None
    best = results.settings[conclusion.best].values
    config = done.folder.recommended.config()
    assert config.head.activation == best["head.activation"]
    assert (config.finetune is not None) == bool(best.get("trained"))
    assert "test" in done.folder.recommended.metrics()
    measured = [path for path in done.folder.path.rglob("metrics.json") if "test" in RunFolder(path.parent).metrics()]
    assert measured == [done.folder.recommended.path / "metrics.json"]
    again = cats_and_dogs.recommendation(done)
    assert again is not None
    assert again.path == done.folder.recommended.path


def test_a_finished_study_trains_nothing_again(done: CatsStudy, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TunedNetwork", "train_from_scratch", "train_head_alone", "train"):
        monkeypatch.setattr(cats_and_dogs, name, lambda *_, **__: pytest.fail("trained again"))
    again = CatsStudy(resume=done.folder.path)
    cats_and_dogs.run_all(again, write_page)
    np.testing.assert_array_equal(again.frozen.accuracy, done.frozen.accuracy)
    verdicts = cats_and_dogs.one_unit_or_two(again)[NETWORK].verdicts
    assert [verdict.label for verdict in verdicts] == ["one sigmoid unit", "two softmax units"]


def test_where_keras_cannot_train_the_frozen_heads_remain(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = begin(photos, tmp_path / "study", epochs=1, seeds=1)
    study.__dict__["refused"] = "Keras cannot train with its openvino backend."
    monkeypatch.setattr(
        cats_and_dogs, "train", lambda config, output, **_: SimpleNamespace(config=config, output=output)
    )
    cats_and_dogs.run_all(study)
    facts = study.folder.facts()
    assert facts["refused"] == "Keras cannot train with its openvino backend."
    assert (facts["scratch"], "tuned" in facts) == ([], False)
    assert cats_and_dogs.one_unit_or_two(study) == {}
    run = cats_and_dogs.recommendation(study)
    assert run is not None
    assert run.config.finetune is None
    assert run.output == study.folder.recommended.path
