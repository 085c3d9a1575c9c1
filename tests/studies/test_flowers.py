from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_studies import leave_out_the_model, train_on_features, write_page

from regraft.errors import InputError
from regraft.studies import cells as cells_module
from regraft.studies import flower_study, flowers
from regraft.studies.conclusions import conclude
from regraft.studies.flower_study import LEARNING_RATES, MOMENTA, FlowerStudy
from regraft.studies.scaling import OVERALL

STUDY: dict[str, Any] = {
    "backbone": "EfficientNetLite0", "seeds": 2, "folds": 2, "epochs": 3, "standard_epochs": 1, "seed": 3,
}  # fmt: skip


def stand_in(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("regraft.training.standard.train_heads_standard", train_on_features)
    leave_out_the_model(patch)


@pytest.fixture(autouse=True)
def quick_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(monkeypatch)


@pytest.fixture(scope="module")
def done(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> FlowerStudy:
    with pytest.MonkeyPatch.context() as patch:
        stand_in(patch)
        study = FlowerStudy(photos, tmp_path_factory.mktemp("flowers") / "study", **STUDY)
        return flowers.run_all(study, write_page)


@pytest.fixture
def small(photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], FlowerStudy]:
    """Begins a study of four settings in two repetitions."""
    monkeypatch.setattr(flower_study, "LEARNING_RATES", (0.01, 0.1))
    monkeypatch.setattr(flower_study, "MOMENTA", (0.0, 0.9))
    return lambda: FlowerStudy(photos, tmp_path / "study", **{**STUDY, "seeds": 1, "epochs": 2})


def plain(value: Any) -> bool:
    """Whether JSON gives back exactly this, with no NaN in it."""
    return bool(json.loads(json.dumps(value, allow_nan=False)) == value)


def test_the_folder_and_its_facts(done: FlowerStudy) -> None:
    folder = done.folder
    assert {path.name for path in folder.path.iterdir()} == {
        "first.study.toml", "grid.study.toml", "momenta.study.toml", "recommended", "runs", "scaling.study.toml",
        "study.json", "study.toml", "summary_after.txt", "summary_before.txt",
    }  # fmt: skip
    facts = folder.facts()
    assert set(facts) == {
        "agreement", "backbone", "collection", "complete", "environment", "fallback", "features", "kind", "parameters",
        "resumed", "scaling", "seconds", "splits", "standard_refused",
    }  # fmt: skip
    assert folder.complete
    assert plain(facts)
    assert (facts["kind"], facts["fallback"], facts["standard_refused"]) == ("flowers", None, None)
    assert facts["collection"] == {
        "name": "photos", "images": 75, "classes": ["blue", "green", "red"], "skipped": 0,
    }  # fmt: skip
    assert facts["backbone"]["name"] == "EfficientNetLite0"
    assert facts["backbone"]["preprocessing"]["name"] == "lite"
    assert list(facts["splits"]) == ["blue", "green", "red"]
    assert all(counts == {"train": 15, "validation": 5, "test": 5} for counts in facts["splits"].values())
    assert set(facts["seconds"]) == {
        "find", "graphs", "summaries", "features", "training", "standard", "recommended", "total",
    }  # fmt: skip
    assert all(value >= 0 for value in facts["seconds"].values())


def test_the_layer_that_is_replaced(done: FlowerStudy) -> None:
    parameters = done.folder.facts()["parameters"]
    # Lite0's last two layers hold 1280 × 1000 + 1000 parameters for ImageNet's classes, 1280 × 3 + 3 for ours.
    assert parameters == {
        "before": 4_694_024,
        "after": 4_694_024 - 1_281_000 + 3_843,
        "trainable": 3_843,
        "outputs_before": 1000,
        "outputs_after": 3,
    }
    before, after = ((done.folder.path / f"summary_{name}.txt").read_text() for name in ("before", "after"))
    assert "1,281,000" in before
    assert "3,843" in after
    assert "1,281,000" not in after


def test_the_sets_are_those_of_one_split(done: FlowerStudy) -> None:
    standard, accelerated = flowers.task_4(done), flowers.task_9(done)
    assert list(standard) == list(accelerated) == ["train", "validation", "test"]
    for split, (images, labels) in standard.items():
        features, same_labels = accelerated[split]
        assert [done.data.classes[label] for label in labels] == [image.label for image in images]
        np.testing.assert_array_equal(labels, same_labels)
        assert (features.shape, features.dtype) == ((len(images), 1280), np.float32)
    assert [len(labels) for _, labels in standard.values()] == [45, 15, 15]


def test_the_grid_and_what_is_concluded_of_it(done: FlowerStudy) -> None:
    assert done.grid.accuracy.shape == (len(LEARNING_RATES) * len(MOMENTA), 4)
    rates = flowers.task_7(done)
    assert [verdict.label for verdict in rates.verdicts] == [f"learning rate {rate:g}" for rate in LEARNING_RATES]
    momenta = flowers.task_8(done)
    assert [verdict.label for verdict in momenta.verdicts] == [f"momentum {momentum:g}" for momentum in MOMENTA]
    assert rates.best is not None
    assert done.best_rate == LEARNING_RATES[rates.best]
    at_best = flowers.momenta_at_best_rate(done)
    assert {setting.values["head.learning_rate"] for setting in at_best.settings} == {done.best_rate}
    whole, agreements = flowers.task_10(done)
    assert len(whole.verdicts) == 16
    assert len(agreements) == 1 + len(MOMENTA[1:])
    # Here both ways are the same computation (`train_on_features`).
    assert all(found.weights == 0 and found.same_images for found in agreements)
    assert plain(done.folder.facts()["agreement"])


def test_the_curves_of_the_first_setting(done: FlowerStudy) -> None:
    curves = flowers.task_6(done)
    assert set(curves) == {"loss", "accuracy", "val_loss", "val_accuracy", "val_precision", "val_recall", "seconds"}
    assert all(values.shape == (3,) and np.isfinite(values).all() for values in curves.values())
    row = next(
        row
        for row, setting in enumerate(done.grid.settings)
        if setting.values == {"head.learning_rate": 0.01, "head.momentum": 0.0}
    )
    np.testing.assert_array_equal(curves["val_loss"], done.grid.curves["val_loss"][row, 0])
    assert (np.diff(curves["seconds"]) >= 0).all()


def test_what_the_wrong_scaling_costs(done: FlowerStudy) -> None:
    facts = done.folder.facts()["scaling"]
    assert [row["setting"] for row in facts][-1] == OVERALL
    own = done.grid.where(head__momentum=0.0).accuracy.mean(axis=1)
    wrong = done.wrong_scaling.accuracy.mean(axis=1)
    np.testing.assert_allclose([row["own"] for row in facts[:-1]], own)
    np.testing.assert_allclose([row["difference"] for row in facts[:-1]], wrong - own)


def test_the_best_setting_of_the_whole_grid_is_measured_once(done: FlowerStudy) -> None:
    best = conclude(done.grid, seed=3).best
    assert best is not None
    values = done.grid.settings[best].values
    config = done.folder.recommended.config()
    assert config.head.learning_rate == (values["head.learning_rate"],)
    assert config.head.momentum == (values["head.momentum"],)
    assert done.folder.recommended.metrics()["test"]["images"] == 15
    tested = set(done.folder.recommended.table("splits").filter(_is_test(done))["sha256"].to_pylist())
    measured = [path.parent for path in done.folder.path.rglob("metrics.json")]
    assert len(measured) == 1 + 64 + 16 + 2 + 6
    for run in measured:
        metrics = json.loads((run / "metrics.json").read_text())
        assert ("test" in metrics) == (run.name == "recommended")
    _, cells = done.folder.grid("grid")
    for cell in cells[::7]:
        assert not tested & set(cell.run.table("predictions")["sha256"].to_pylist())


def _is_test(done: FlowerStudy) -> Any:
    return np.array([split == "test" for split in done.folder.recommended.table("splits")["split"].to_pylist()])


TASKS = ["task_1", "task_2", "task_4", "task_5", "task_6", "task_7", "task_8", "task_9", "task_10", "scaling"]


@pytest.mark.parametrize("name", TASKS)
def test_each_task_on_its_own(name: str, small: Callable[[], FlowerStudy]) -> None:
    study = small()
    assert getattr(flowers, name)(study) is not None
    assert plain(study.folder.facts())
    assert not study.folder.complete


def test_the_tasks_in_any_order_find_the_same(done: FlowerStudy, photos: Path, tmp_path: Path) -> None:
    study = FlowerStudy(photos, tmp_path / "study", **STUDY)
    flowers.recommendation(study, write_page)
    for name in ["scaling", *reversed(TASKS[:-1]), "task_3"]:
        getattr(flowers, name)(study)
    ours, theirs = study.folder.facts(), done.folder.facts()
    for name in ("collection", "backbone", "parameters", "splits", "scaling", "standard_refused", "fallback"):
        assert ours[name] == theirs[name], name
    np.testing.assert_array_equal(study.grid.accuracy, done.grid.accuracy)
    assert study.folder.recommended.metrics()["test"] == done.folder.recommended.metrics()["test"]


@pytest.mark.parametrize("task", ["task_3", "recommendation"])
def test_keras_can_train_after_what_imports_it(
    small: Callable[[], FlowerStudy], task: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Keras fixes its backend when it is imported, and the one that serves cannot train."""
    calls: list[str] = []
    monkeypatch.setattr(flower_study, "choose_keras_backend", lambda training: calls.append(f"chosen: {training}"))

    def imported(*_: object) -> None:
        calls.append("imported")
        raise KeyboardInterrupt

    monkeypatch.setattr(flowers, "recommend", imported)
    monkeypatch.setattr(flowers, "_networks", imported)
    with pytest.raises(KeyboardInterrupt):
        getattr(flowers, task)(small())
    assert calls == ["chosen: True", "imported"]


def test_a_finished_study_is_gone_on_with_and_trains_nothing(
    done: FlowerStudy, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fit(*_: object, **__: object) -> None:
        raise AssertionError("trained again")

    monkeypatch.setattr(cells_module, "fit_heads", fit)
    monkeypatch.setattr("regraft.runs.pipeline.fit_heads", fit)
    monkeypatch.setattr(flowers, "task_3", lambda study: None)  # two networks built in Keras
    before = done.folder.facts()
    again = flowers.run_all(FlowerStudy(resume=done.folder.path), write_page)
    after = again.folder.facts()
    # Of the first start, the environment as well: it holds the command that repeats the study.
    assert {**after, "seconds": {}} == {**before, "seconds": {}, "resumed": True}
    np.testing.assert_array_equal(again.grid.accuracy, done.grid.accuracy)


def test_a_study_that_was_killed_goes_on(small: Callable[[], FlowerStudy], monkeypatch: pytest.MonkeyPatch) -> None:
    calls = 0
    original = cells_module.fit_heads

    def killed(*arguments: Any, **options: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise KeyboardInterrupt
        return original(*arguments, **options)

    monkeypatch.setattr(cells_module, "fit_heads", killed)
    study = small()
    with pytest.raises(KeyboardInterrupt):
        flowers.task_7(study)
    assert len(list(study.folder.path.rglob("metrics.json"))) == 4
    again = FlowerStudy(resume=study.folder.path)
    flowers.task_7(again)
    assert calls == 3
    assert not again.grid.diverged.any()


def test_without_keras_or_weights_the_rest_is_done(
    small: Callable[[], FlowerStudy], monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = flower_study.open_base

    def open_what_is_there(spelling: str, **options: Any) -> Any:
        if spelling == "MobileNetV2":
            raise InputError("no weights of MobileNetV2")
        return opened(spelling, **options)

    monkeypatch.setattr(flower_study, "open_base", open_what_is_there)
    monkeypatch.setitem(STUDY, "backbone", "MobileNetV2")
    monkeypatch.setitem(STUDY, "standard_epochs", 0)
    monkeypatch.setattr(flowers, "task_3", lambda study: None)
    facts = flowers.run_all(small(), write_page).folder.facts()
    assert facts["fallback"] == {"wanted": "MobileNetV2", "reason": "no weights of MobileNetV2"}
    assert facts["backbone"]["name"] == "EfficientNetLite0"
    assert (facts["agreement"], facts["standard_refused"]) == ([], "it was left out")
    assert facts["complete"]
    assert plain(facts)


def test_one_repetition_leaves_facts_that_are_plain(
    small: Callable[[], FlowerStudy], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Learning rates that diverge, and nothing to test: NaN is null in JSON."""
    study = small()
    monkeypatch.setattr(flower_study, "LEARNING_RATES", (0.01, 1e39))
    flowers.scaling(study)
    flowers.task_10(study)
    facts = study.folder.facts()
    assert [row["setting"] for row in facts["scaling"]] == ["learning rate 0.01"]
    assert plain(facts)
    costs = flowers._plain(flowers.ScalingCost("a", 0.5, 0.25, -0.25, float("nan"), float("-inf"), float("nan")))
    assert (costs["low"], costs["high"], costs["p"], costs["difference"]) == (None, None, None, -0.25)
