from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from regraft.errors import InputError
from regraft.evaluation.intervals import wilson_interval
from regraft.evaluation.metrics import evaluate_predictions, log_loss

CLASSES = ("daisy", "dandelion", "rose", "tulip")


@given(
    data=st.data(), count=st.integers(1, 40), classes=st.integers(2, 4), dtype=st.sampled_from([np.float32, np.float64])
)
@hypothesis_settings(deadline=None)
def test_equals_scikit_learn(data: st.DataObject, count: int, classes: int, dtype: Any) -> None:
    from sklearn import metrics

    seed = data.draw(st.integers(0, 2**32 - 1))
    rng = np.random.default_rng(seed)
    # Few images and many classes: some never occur, some are never predicted. Powers make some answers very sure.
    labels = rng.integers(0, classes, count)
    probabilities = rng.random((count, classes)) ** rng.integers(1, 60)
    probabilities = (probabilities / probabilities.sum(axis=1, keepdims=True)).astype(dtype)
    predictions = probabilities.argmax(axis=1)
    found = evaluate_predictions(labels, probabilities, CLASSES[:classes], majority=1)

    every = list(range(classes))
    assert found["images"] == count
    assert found["accuracy"] == pytest.approx(metrics.accuracy_score(labels, predictions))
    assert found["confusion_matrix"] == metrics.confusion_matrix(labels, predictions, labels=every).tolist()
    assert found["log_loss"] == pytest.approx(metrics.log_loss(labels, probabilities, labels=every), rel=1e-4, abs=1e-6)
    precision, recall, f1, support = metrics.precision_recall_fscore_support(
        labels, predictions, labels=every, zero_division=0
    )
    for name, expected in (("precision", precision), ("recall", recall), ("f1", f1), ("images", support)):
        assert [row[name] for row in found["per_class"]] == pytest.approx(expected.tolist())
    macro = metrics.precision_recall_fscore_support(labels, predictions, average="macro", zero_division=0)[:3]
    assert [found["macro"][name] for name in ("precision", "recall", "f1")] == pytest.approx(macro)
    assert found["accuracy_interval"] == list(wilson_interval(int((labels == predictions).sum()), count))
    assert found["baseline"] == {"class": "dandelion", "accuracy": pytest.approx((labels == 1).mean())}
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_a_class_without_images_has_zeros_and_does_not_pull_the_macro_average_down() -> None:
    labels = np.array([0, 0, 1, 1])
    probabilities = np.eye(4, dtype=np.float32)[labels]
    found = evaluate_predictions(labels, probabilities, CLASSES, majority=0)
    assert found["macro"] == {"precision": 1, "recall": 1, "f1": 1}
    assert found["per_class"][2] == {"class": "rose", "images": 0, "precision": 0, "recall": 0, "f1": 0}
    assert found["baseline"] == {"class": "daisy", "accuracy": 0.5}


def test_a_class_without_images_that_is_predicted_counts_in_the_macro_average() -> None:
    probabilities = np.eye(4, dtype=np.float32)[[0, 0, 1, 2]]
    found = evaluate_predictions(np.array([0, 0, 1, 1]), probabilities, CLASSES, majority=0)
    assert found["macro"]["precision"] == pytest.approx(2 / 3)
    assert found["macro"]["recall"] == pytest.approx(1.5 / 3)
    assert found["confusion_matrix"][1] == [0, 1, 1, 0]


def test_the_baseline_is_the_class_of_training_even_where_the_split_has_none_of_it() -> None:
    probabilities = np.eye(4, dtype=np.float32)[[0, 1]]
    found = evaluate_predictions(np.array([0, 1]), probabilities, CLASSES, majority=3)
    assert found["baseline"] == {"class": "tulip", "accuracy": 0}


def test_one_certain_mistake_does_not_make_the_log_loss_infinite() -> None:
    sure = np.array([[1, 0], [1, 0]], np.float32)
    assert log_loss(np.array([0, 1]), sure) == pytest.approx(-np.log(np.finfo(np.float32).eps) / 2, rel=1e-3)


@pytest.mark.parametrize(
    ("labels", "probabilities", "majority"),
    [
        ([], np.zeros((0, 4)), 0),
        ([0, 1], np.zeros((2, 3)), 0),
        ([0, 1], np.zeros((3, 4)), 0),
        ([0, 4], np.zeros((2, 4)), 0),
        ([-1, 0], np.zeros((2, 4)), 0),
        ([0, 1], np.zeros((2, 4)), 4),
        ([0, 1], np.full((2, 4), np.nan), 0),
    ],
)
def test_what_cannot_be_measured_is_refused(labels: list[int], probabilities: Any, majority: int) -> None:
    with pytest.raises(InputError):
        evaluate_predictions(np.array(labels, np.int64), probabilities, CLASSES, majority=majority)
