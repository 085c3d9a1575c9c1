from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from regraft._files import sha256_of_file
from regraft.api import compare, evaluate, predict
from regraft.errors import InputError
from regraft.images.augmentation import read_view
from regraft.images.reading import read_image
from regraft.runs import finetuning, pipeline
from regraft.runs.config import TrainConfig
from regraft.runs.finetuning import FinetunedRun
from regraft.runs.folder import RunFolder
from regraft.runs.prediction import Predictor

MakeConfig = Callable[..., TrainConfig]
pytestmark = pytest.mark.usefixtures("quickly")


@pytest.fixture
def tops(monkeypatch: pytest.MonkeyPatch) -> list[FinetunedRun]:
    """The tops of the runs of a test, kept in place of saving them: building the graph of each takes a while."""
    kept: list[FinetunedRun] = []

    def keep(run: RunFolder, data: object, config: TrainConfig, top: FinetunedRun) -> dict[str, Any]:
        kept.append(top)
        return {}

    monkeypatch.setattr(pipeline, "save_finetuned", keep)
    return kept


def weights_of(top: FinetunedRun) -> list[npt.NDArray[Any]]:
    return [np.array(array) for array in top.top.whole.get_weights()]


def rows_of(run: RunFolder, split: str) -> list[dict[str, Any]]:
    return [row for row in run.table("predictions").to_pylist() if row["split"] == split]


def answers_of(run: RunFolder, split: str = "test") -> npt.NDArray[np.float64]:
    """The recorded probabilities (images, classes) of a split."""
    return np.array([[row[f"p({name})"] for name in run.classes()] for row in rows_of(run, split)])


def pixels_of(run: RunFolder, photos: Path, split: str = "test") -> npt.NDArray[np.uint8]:
    return np.stack([read_image(photos / row["image"], 8) for row in rows_of(run, split)])


def without_times(run: RunFolder) -> list[dict[str, Any]]:
    return [{name: value for name, value in row.items() if name != "seconds"} for row in run.history()]


def numbers_of(run: RunFolder) -> dict[str, Any]:
    """The metrics, but for what hangs on the time and the cache."""
    metrics = {name: value for name, value in run.metrics().items() if name not in ("seconds", "model")}
    del metrics["backbone"]["computed"], metrics["finetune"]["images_per_second"]
    return metrics


def test_the_folder_of_a_fine_tuned_run_is_complete(frozen: RunFolder, tuned: RunFolder) -> None:
    assert tuned.path == frozen.path.with_name("frozen-finetuned")
    assert {path.name for path in tuned.path.iterdir()} == {path.name for path in frozen.path.iterdir()}
    assert tuned.complete
    metrics = tuned.metrics()
    assert {"cut", "activations", "finetune"} <= set(metrics["seconds"])
    facts = metrics["finetune"]
    assert (facts["cut"], facts["blocks"], facts["activations"]) == ("a_add", ["b_add"], [4, 4, 4])
    # depthwise 3 × 3 × 4, project 1 × 1 × 4 × 4, head_conv 1 × 1 × 4 × 6; BatchNorm keeps still
    assert facts["parameters"] == 36 + 16 + 24
    images = metrics["images"]["train"] + metrics["images"]["validation"]
    # 8 augmented views beside the plain one, each of 4 × 4 × 4 numbers of 4 bytes and 64 bytes of books
    assert (facts["views"], facts["bytes"]) == (8, (9 * images + metrics["images"]["test"]) * (4 * 4 * 4 * 4 + 64))
    assert (facts["epochs"], facts["refit"], facts["stopped_early"]) == (2, True, False)
    assert metrics["augmentation"]["label"].startswith("horizontal flip")
    by_phase = [(row["phase"], row["epoch"]) for row in tuned.history() if row["phase"].startswith("finetune")]
    best = facts["best_epoch"]
    refitted = [("finetune refit", epoch) for epoch in range(1, best + 1)]
    assert by_phase == [("finetune", 0), ("finetune", 1), ("finetune", 2), *refitted]
    chosen = next(row for row in tuned.history() if (row["phase"], row["epoch"]) == ("finetune", best))
    assert facts["tuned"] == {"validation_loss": chosen["val_loss"], "validation_accuracy": chosen["val_accuracy"]}


def test_it_learned_something(frozen: RunFolder, tuned: RunFolder) -> None:
    facts = tuned.metrics()["finetune"]
    assert facts["best_epoch"] > 0
    assert facts["tuned"]["validation_loss"] < facts["frozen"]["validation_loss"]
    assert np.abs(answers_of(tuned) - answers_of(frozen)).max() > 1e-3


def test_splits_and_the_first_head_are_those_of_the_run_it_came_from(frozen: RunFolder, tuned: RunFolder) -> None:
    assert tuned.table("splits").equals(frozen.table("splits"))
    heads = [[row for row in without_times(run) if row["phase"] in ("grid", "refit")] for run in (frozen, tuned)]
    assert heads[0] == heads[1]
    rows = [row for row in heads[0] if row["phase"] == "grid"]
    start = tuned.metrics()["finetune"]["frozen"]
    best = min(rows, key=lambda row: row["val_loss"])
    assert start["validation_loss"] == pytest.approx(best["val_loss"], abs=1e-5)


def test_what_ships_agrees_with_what_was_measured(tuned: RunFolder, photos: Path) -> None:
    import keras

    expected = answers_of(tuned)
    model = keras.saving.load_model(tuned.model, safe_mode=True)
    np.testing.assert_allclose(model.predict_on_batch(pixels_of(tuned, photos)), expected, rtol=0, atol=1e-5)
    served = Predictor(tuned).plain_probabilities(pixels_of(tuned, photos))
    np.testing.assert_allclose(served, expected, rtol=0, atol=1e-5)
    assert tuned.metrics()["model"]["median_difference_served"] < 1e-5
    answers = predict(tuned.path, [photos / row["image"] for row in rows_of(tuned, "test")])
    assert [answer["label"] for answer in answers] == [row["predicted"] for row in rows_of(tuned, "test")]
    measured = evaluate(tuned.path, photos)
    assert measured["confusion_matrix"] == tuned.metrics()["test"]["confusion_matrix"]
    assert measured["left_out"] == 75 - len(expected)


def test_it_can_be_compared_with_the_frozen_run(frozen: RunFolder, tuned: RunFolder) -> None:
    (pair,) = compare([frozen.path, tuned.path]).pairs
    assert (pair.paired, pair.overlap, pair.shared) == (True, "same", tuned.metrics()["images"]["test"])


def test_the_same_config_gives_the_same_numbers(tuned: RunFolder, tops: list[FinetunedRun], tmp_path: Path) -> None:
    again = pipeline.train(tuned.config(), tmp_path / "again")
    assert numbers_of(again) == numbers_of(tuned)
    assert without_times(again) == without_times(tuned)
    assert again.table("predictions").equals(tuned.table("predictions"))


def test_what_never_helps_keeps_the_frozen_network(
    small_config: MakeConfig, frozen: RunFolder, tops: list[FinetunedRun], tmp_path: Path
) -> None:
    config = small_config(finetune={"blocks": 1, "learning_rate": 10.0}, augmentation={"views": 0})
    run = pipeline.train(config, tmp_path / "run")
    assert run.metrics()["finetune"]["best_epoch"] == 0
    assert any("never lowered the validation loss" in warning for warning in run.metrics()["warnings"])
    for split in ("validation", "test"):
        np.testing.assert_allclose(answers_of(run, split), answers_of(frozen, split), rtol=0, atol=1e-5)
    assert not [row for row in run.history() if row["phase"] == "finetune refit"]


def test_without_refit_the_chosen_top_is_the_one_that_is_kept(
    small_config: MakeConfig, tops: list[FinetunedRun], tmp_path: Path
) -> None:
    run = pipeline.train(small_config(finetune={"blocks": 1, "refit": False}), tmp_path / "run")
    assert {row["phase"] for row in run.history()} == {"grid", "refit", "finetune"}
    loss = -np.log([row[f"p({row['label']})"] for row in rows_of(run, "validation")]).mean()
    # Its answers for validation are those that chose it; and of its own weights.
    assert loss == pytest.approx(run.metrics()["finetune"]["tuned"]["validation_loss"], abs=1e-5)
    pixels = pixels_of(run, Path(run.config().images.source), "validation")
    np.testing.assert_allclose(
        tops[0].top.whole.predict_on_batch(pixels), answers_of(run, "validation"), rtol=0, atol=1e-5
    )


def test_test_labels_take_no_part(
    small_config: MakeConfig, photos: Path, tops: list[FinetunedRun], tmp_path: Path
) -> None:
    """The split hangs on the content alone, so a test image moved to another class stays a test image."""
    finetune = {"blocks": 1}
    run = pipeline.train(small_config(finetune=finetune), tmp_path / "one")
    copy = tmp_path / "photos"
    shutil.copytree(photos, copy)
    moved = [row for row in rows_of(run, "test") if row["label"] == "red"][1:]
    assert moved
    for row in moved:
        shutil.move(copy / row["image"], copy / "blue" / f"moved-{Path(row['image']).name}")
    other = pipeline.train(small_config(copy, finetune=finetune), tmp_path / "two")
    for one, two in zip(*map(weights_of, tops), strict=True):
        np.testing.assert_array_equal(one, two)
    assert other.metrics()["validation"] == run.metrics()["validation"]
    assert other.metrics()["test"] != run.metrics()["test"]


def stopping(name: str, after: int) -> Callable[..., Any]:
    """In the place of `progress`: a Ctrl-C in the training of that name, once so many images were worked through."""

    @contextmanager
    def stopped(description: str, total: int) -> Iterator[Callable[[float], None]]:
        done = 0.0

        def advance(count: float) -> None:
            nonlocal done
            done += count
            if description.startswith(name) and done > after:
                raise KeyboardInterrupt

        yield advance

    return stopped


@pytest.mark.parametrize("name", ["Fine-tuning", "Refit"])
def test_killed_in_its_second_epoch_it_goes_on_and_ends_the_same(
    tuned: RunFolder, tops: list[FinetunedRun], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    counts = tuned.metrics()["images"]
    images = counts["train"] if name == "Fine-tuning" else counts["train"] + counts["validation"]
    with monkeypatch.context() as patch:
        patch.setattr(finetuning, "progress", stopping(name, images))
        with pytest.raises(KeyboardInterrupt):
            pipeline.train(tuned.config(), tmp_path / "run")
    stopped = RunFolder(tmp_path / "run")
    assert not (stopped.path / "metrics.json").exists()
    assert (stopped.path / f"{name.lower()}.safetensors").is_file()
    first: dict[str, float] = {}

    @contextmanager
    def noted(description: str, total: int) -> Iterator[Callable[[float], None]]:
        yield lambda count: first.setdefault(description.split()[0], count)

    monkeypatch.setattr(finetuning, "progress", noted)
    resumed = pipeline.train(stopped.config(), resume=stopped.path)
    assert first[name] == images  # the first epoch was not trained again
    assert numbers_of(resumed) == numbers_of(tuned)
    assert without_times(resumed) == without_times(tuned)
    assert resumed.table("predictions").equals(tuned.table("predictions"))
    assert not list(stopped.path.glob("*.safetensors"))  # no head, as it was not saved here, and no state


def hashes(folder: Path) -> dict[str, str]:
    return {str(path): sha256_of_file(path) for path in sorted(folder.rglob("*")) if path.is_file()}


def test_images_that_came_later_take_no_part_and_the_run_stays_as_it_was(
    small_config: MakeConfig, photos: Path, tops: list[FinetunedRun], tmp_path: Path
) -> None:
    source = tmp_path / "photos"
    shutil.copytree(photos, source)
    (source / "red" / "broken.jpg").write_text("no picture")
    plain = pipeline.train(small_config(source), tmp_path / "run")
    before = hashes(plain.path)
    shutil.copy(source / "red" / "00.jpg", source / "blue" / "new.jpg")
    with (source / "blue" / "new.jpg").open("ab") as file:
        file.write(b"another content")
    config = small_config(source, finetune={"blocks": 1})
    told: list[str] = []
    run = pipeline.train(config, like=plain, tell=told.append)
    assert run.path == tmp_path / "run-finetuned"
    assert run.table("splits").equals(plain.table("splits"))
    assert {file.name: file.reason for file in plain.skipped()}.items() <= {
        file.name: file.reason for file in run.skipped()
    }.items()
    assert [file.name for file in run.skipped() if "not one of the images" in file.reason] == ["blue/new.jpg"]
    (line,) = told
    assert line.startswith("Activations at a_add, 4 × 4 × 4: ")
    assert hashes(plain.path) == before
    (source / "green" / "03.jpg").unlink()
    with pytest.raises(InputError, match=r"1 of the 75 images .* gone or have changed[\s\S]*green/03.jpg"):
        pipeline.train(config, tmp_path / "third", like=plain)
    assert not (tmp_path / "third").exists()
    assert hashes(plain.path) == before


@pytest.mark.parametrize("where", [".", "run/.."])
def test_its_name_stands_beside_that_of_the_run_however_that_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    (tmp_path / "photos" / "run").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "photos")
    assert pipeline._beside(RunFolder(where)) == tmp_path / "photos-finetuned"
    assert pipeline._beside(RunFolder("a/run")) == Path("a/run-finetuned")


def test_views_are_averaged_over_wherever_the_run_answers(
    small_config: MakeConfig, photos: Path, tmp_path: Path
) -> None:
    """Of the heads of a frozen run and of a fine-tuned top: by hand, from the views of the image files."""
    views = {"views": 1, "test_views": 3}
    for name, sections in (("frozen", {}), ("tuned", {"finetune": {"blocks": 1}})):
        run = pipeline.train(small_config(augmentation=views, **sections), tmp_path / name)
        predictor = Predictor(run)
        policy, count = predictor._views
        assert count == 3
        rows = rows_of(run, "test")
        by_hand = [
            predictor.plain_probabilities(
                read_view(photos / row["image"], 8, policy, row["sha256"], number) for number in range(4)
            ).mean(axis=0)
            for row in rows
        ]
        np.testing.assert_allclose(answers_of(run), by_hand, rtol=0, atol=1e-5)
        plain = predictor.plain_probabilities(pixels_of(run, photos))
        assert np.abs(plain - by_hand).max() > 1e-3
        answers, _ = predictor.predict([photos / row["image"] for row in rows])
        for answer, expected in zip(answers, by_hand, strict=True):
            assert list(answer.probabilities.values()) == pytest.approx(sorted(expected, reverse=True), abs=1e-5)
        measured = predictor.evaluate(pipeline.find_images(run.config()))
        assert measured["confusion_matrix"] == run.metrics()["test"]["confusion_matrix"]


def test_heads_learn_from_the_views(small_config: MakeConfig, frozen: RunFolder, tmp_path: Path) -> None:
    run = pipeline.train(small_config(augmentation={"views": 2}), tmp_path / "run")
    assert run.metrics()["augmentation"]["views"] == 2
    losses = [[row["loss"] for row in of.history() if row["phase"] == "grid"] for of in (run, frozen)]
    assert losses[0] != losses[1]
    assert run.table("splits").equals(frozen.table("splits"))


@pytest.mark.parametrize("where", [{"at": "input"}, {"blocks": 2}])
def test_from_the_input_on_the_whole_network_is_trained_on_pixels(
    small_config: MakeConfig, photos: Path, tops: list[FinetunedRun], tmp_path: Path, where: dict[str, Any]
) -> None:
    views = {"views": 0, "test_views": 2} if "at" in where else {}
    run = pipeline.train(small_config(finetune=where, augmentation=views), tmp_path / "run")
    facts = run.metrics()["finetune"]
    assert (facts["cut"], facts["blocks"], facts["activations"]) == ("input", ["a_add", "b_add"], [8, 8, 3])
    assert (facts["views"], facts["bytes"]) == (0 if views else None, 0)
    assert facts["tuned"]["validation_loss"] < facts["frozen"]["validation_loss"]
    expected = tops[0].top.whole.predict_on_batch(pixels_of(run, photos))
    if not views:
        np.testing.assert_allclose(answers_of(run), expected, rtol=0, atol=1e-5)
        return
    # Every answer is averaged over the views, though none were trained on.
    assert np.abs(answers_of(run) - expected).max() > 1e-3
    averaged = -np.log([row[f"p({row['label']})"] for row in rows_of(run, "validation")]).mean()
    assert averaged != pytest.approx(facts["tuned"]["validation_loss"], abs=1e-4)


def test_batchnorm_that_never_saw_an_image_is_warned_of(
    small_config: MakeConfig, tops: list[FinetunedRun], tmp_path: Path
) -> None:
    """In training mode it has seen some when the training ends: this is about what it began with."""
    import keras
    from small_tops import small_network

    network = small_network()
    for layer in network.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.moving_mean.assign(np.zeros(layer.moving_mean.shape))
            layer.moving_variance.assign(np.ones(layer.moving_variance.shape))
    network.save(tmp_path / "new.keras")
    backbone = {"name": str(tmp_path / "new.keras")}
    finetune = {"blocks": 1, "epochs": 1, "batchnorm": "train"}
    run = pipeline.train(small_config(backbone=backbone, finetune=finetune), tmp_path / "run")
    assert any("BatchNorm of the trained layers has no statistics" in said for said in run.metrics()["warnings"])


def test_a_network_with_statistics_is_not_warned_of(tuned: RunFolder) -> None:
    assert not any("BatchNorm" in warning for warning in tuned.metrics()["warnings"])


@pytest.mark.parametrize("pooling", ["max", "both", "flatten"])
def test_heads_on_features_of_every_pooling(
    small_config: MakeConfig, photos: Path, tmp_path: Path, pooling: str
) -> None:
    import keras

    config = small_config(backbone={"pooling": pooling}, head={"hidden": [5]})
    run = pipeline.train(config, tmp_path / "run")
    assert run.metrics()["backbone"]["features"] == {"max": 6, "both": 12, "flatten": 96}[pooling]
    assert run.head().weights.hidden == (5,)
    model = keras.saving.load_model(run.model)
    np.testing.assert_allclose(model.predict_on_batch(pixels_of(run, photos)), answers_of(run), rtol=0, atol=1e-5)
