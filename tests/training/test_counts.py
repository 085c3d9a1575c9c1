"""Answers counted by class, and what the history of many heads makes of them."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from regraft.evaluation.metrics import confusion_matrix, evaluate_predictions, macro_average, precision_recall_f1
from regraft.training._counts import ClassCounts
from regraft.training.heads import TrainedHeads, train_heads
from regraft.training.settings import HeadSettings

SETTINGS = [
    HeadSettings(0.1),
    HeadSettings(0.5, momentum=0.9, seed=1),
    HeadSettings(0.05, momentum=0.9, nesterov=True, weight_decay=0.01),
]


def blobs(count: int, width: int, classes: int, seed: int = 0) -> tuple[npt.NDArray[np.float32], Any]:
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(99).uniform(0, 1, (classes, width))
    labels = rng.integers(0, classes, count)
    return (centres[labels] + rng.normal(0, 0.4, (count, width))).astype(np.float32), labels


def trained_on_blobs(**options: Any) -> TrainedHeads:
    given_: dict[str, Any] = {"classes": 3, "epochs": 3, "order_seed": 0, "validation": blobs(40, 6, 3, seed=1)}
    return train_heads(*blobs(50, 6, 3), SETTINGS, **{**given_, **options})


@st.composite
def answered(draw: Any) -> tuple[Any, Any, int, list[int]]:
    """Answers (K, n), labels (n,), the number of classes, and where the images are cut into parts."""
    heads, images, classes = draw(st.integers(1, 4)), draw(st.integers(1, 30)), draw(st.integers(2, 5))
    numbers = st.integers(0, classes - 1)
    answers = draw(arrays(np.int64, (heads, images), elements=numbers))
    labels = draw(arrays(np.int64, images, elements=numbers))
    return answers, labels, classes, sorted(draw(st.lists(st.integers(0, images), max_size=3)))


@given(answered())
def test_the_numbers_are_those_of_the_confusion_matrices(found: tuple[Any, Any, int, list[int]]) -> None:
    answers, labels, classes, cuts = found
    counts = ClassCounts(len(answers), classes)
    for start, end in zip([0, *cuts], [*cuts, len(labels)], strict=True):
        counts.add(answers[:, start:end], labels[start:end])
    precision, recall = counts.macro_precision_recall()
    for head, predicted in enumerate(answers):
        confusion = confusion_matrix(labels, predicted, classes)
        by_class = precision_recall_f1(confusion)
        assert counts.accuracy()[head] == np.mean(predicted == labels)
        assert precision[head] == pytest.approx(macro_average(by_class[0], confusion), abs=1e-12)
        assert recall[head] == pytest.approx(macro_average(by_class[1], confusion), abs=1e-12)


def test_a_case_by_hand() -> None:
    counts = ClassCounts(2, 4)
    # Class 3 never occurs; the first head answers with class 2, which is no label, and never with class 1.
    counts.add(np.array([[0, 0, 2, 0], [0, 1, 1, 0]]), np.array([0, 1, 1, 0]))
    precision, recall = counts.macro_precision_recall()
    assert counts.accuracy().tolist() == [0.5, 1]
    np.testing.assert_allclose(precision, [(2 / 3 + 0 + 0) / 3, 1])
    np.testing.assert_allclose(recall, [(1 + 0 + 0) / 3, 1])


@pytest.mark.parametrize(("activation", "classes"), [("softmax", 3), ("sigmoid", 2)])
def test_the_history_holds_precision_and_recall_of_the_validation_images(activation: Any, classes: int) -> None:
    validation = blobs(40, 6, classes, seed=1)
    trained = train_heads(
        *blobs(50, 6, classes),
        SETTINGS,
        classes=classes,
        epochs=4,
        order_seed=0,
        validation=validation,
        activation=activation,
    )
    names = [f"class {number}" for number in range(classes)]
    for head in range(len(SETTINGS)):
        probabilities = trained.probabilities(validation[0], head, epoch="last")
        measured = evaluate_predictions(validation[1], probabilities, names, majority=0)
        assert trained.val_accuracy[head, -1] == measured["accuracy"]
        assert trained.val_precision[head, -1] == pytest.approx(measured["macro"]["precision"])
        assert trained.val_recall[head, -1] == pytest.approx(measured["macro"]["recall"])


def test_validation_larger_than_one_part_is_measured_whole() -> None:
    validation = blobs(2500, 6, 3, seed=1)
    trained = trained_on_blobs(validation=validation, epochs=1)
    hits = trained.probabilities(validation[0], 0).argmax(axis=1) == validation[1]
    assert trained.val_accuracy[0, 0] == pytest.approx(hits.mean())


def test_without_validation_nothing_of_it_is_in_the_history() -> None:
    trained = trained_on_blobs(validation=None)
    for name in ("val_loss", "val_accuracy", "val_precision", "val_recall"):
        assert np.isnan(getattr(trained, name)).all()
        assert {row[name] for row in trained.history_rows()} == {None}


def test_seconds_rise_and_are_those_of_all_heads() -> None:
    trained = trained_on_blobs(epochs=5)
    assert trained.seconds.shape == (3, 5)
    assert (trained.seconds[:, 0] > 0).all()
    assert (np.diff(trained.seconds, axis=1) > 0).all()
    assert (trained.seconds == trained.seconds[0]).all()


def test_history_rows_are_one_per_head_and_epoch_and_plain() -> None:
    trained = trained_on_blobs(epochs=2)
    rows = trained.history_rows()
    assert [(row["head"], row["epoch"]) for row in rows] == [(h, e) for h in range(3) for e in (1, 2)]
    assert json.loads(json.dumps(rows, allow_nan=False)) == rows
    assert rows[-1] == {
        "head": 2,
        "learning_rate": 0.05,
        "momentum": 0.9,
        "nesterov": True,
        "weight_decay": 0.01,
        "seed": 0,
        "epoch": 2,
        "loss": trained.loss[2, 1],
        "accuracy": trained.accuracy[2, 1],
        "val_loss": trained.val_loss[2, 1],
        "val_accuracy": trained.val_accuracy[2, 1],
        "val_precision": trained.val_precision[2, 1],
        "val_recall": trained.val_recall[2, 1],
        "seconds": pytest.approx(trained.seconds[2, 1], abs=1e-4),
    }


def test_selected_heads_are_those_heads_in_that_order() -> None:
    trained = trained_on_blobs()
    chosen = trained.select([2, 0])
    assert chosen.settings == (SETTINGS[2], SETTINGS[0])
    for name, value in vars(trained).items():
        if isinstance(value, np.ndarray):
            np.testing.assert_array_equal(getattr(chosen, name), value[[2, 0]], name)
        elif name in ("weights", "best_weights"):
            same = [
                np.array_equal(kept.flat(), value[head].flat())
                for kept, head in zip(getattr(chosen, name), [2, 0], strict=True)
            ]
            assert same == [True, True], name
        elif name != "settings":
            assert getattr(chosen, name) == value, name
    rows = chosen.history_rows()
    assert [{**row, "head": 2} for row in rows if row["head"] == 0] == [
        row for row in trained.history_rows() if row["head"] == 2
    ]
    features = blobs(7, 6, 3)[0]
    np.testing.assert_array_equal(chosen.probabilities(features, 1), trained.probabilities(features, 0))
    assert trained.select(range(1, 2)).settings == (SETTINGS[1],)


def test_a_selected_head_cannot_change_the_others() -> None:
    trained = trained_on_blobs()
    before = trained.kernel.copy()
    trained.select([0]).weights[0].kernel[:] = 0
    np.testing.assert_array_equal(trained.kernel, before)
