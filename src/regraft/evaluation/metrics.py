"""The measures of a classifier on one split: accuracy, precision, recall, F1, log loss, confusion matrix, baseline.

Written out here because importing scikit-learn takes longer than all of `regraft predict`; tests hold them equal to it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from regraft.errors import InputError
from regraft.evaluation.intervals import wilson_interval

Counts = npt.NDArray[np.int64]
Indices = npt.NDArray[np.integer[Any]]
Shares = npt.NDArray[np.float64]


def accuracy(labels: Indices, predictions: Indices) -> float:
    """The share of the predictions (N,) that equal the labels (N,)."""
    return float(np.mean(labels == predictions))


def confusion_matrix(labels: Indices, predictions: Indices, classes: int) -> Counts:
    """How often each class (row) was taken for each class (column): int64 (classes, classes)."""
    pairs = np.asarray(labels, np.int64) * classes + predictions
    return np.bincount(pairs, minlength=classes * classes).reshape(classes, classes).astype(np.int64)


def precision_recall_f1(confusion: Counts) -> tuple[Shares, Shares, Shares]:
    """Precision, recall and F1 of every class, each (classes,), from a confusion matrix.

    A class that was never predicted has precision 0, one without images has recall 0, one with neither has F1 0.
    """
    right = np.diag(confusion).astype(np.float64)
    predicted, actual = confusion.sum(axis=0), confusion.sum(axis=1)
    return (
        _divided(right, predicted),
        _divided(right, actual),
        _divided(2 * right, predicted + actual),
    )


def macro_average(values: Shares, confusion: Counts) -> float:
    """The mean of per-class values (classes,) over the classes that occur, as a label or as a prediction.

    A class that neither occurs in the split nor was predicted says nothing about the classifier and is left out; one
    that was wrongly predicted counts, with 0. This is what scikit-learn does when it is not told the classes.
    """
    occurs = (confusion.sum(axis=0) + confusion.sum(axis=1)) > 0
    return float(values[occurs].mean())


def log_loss(labels: Indices, probabilities: npt.NDArray[np.floating[Any]]) -> float:
    """The mean of -log(probability of the true class), in nats, from labels (N,) and probabilities (N, classes).

    As in scikit-learn, probabilities are kept `eps` of their dtype away from 0 and 1, so that one certain mistake does
    not make the loss infinite.
    """
    eps = np.finfo(probabilities.dtype).eps
    at_label = np.clip(probabilities[np.arange(len(labels)), labels], eps, 1 - eps)
    return float(-np.log(at_label.astype(np.float64)).mean())


def evaluate_predictions(
    labels: Indices, probabilities: npt.NDArray[np.floating[Any]], classes: Sequence[str], *, majority: int
) -> dict[str, Any]:
    """Everything that is said about a classifier on one split, ready for JSON.

    Args:
        labels: (N,) class indices, N at least 1.
        probabilities: (N, classes); the predicted class is that of the largest, the first of equals.
        classes: the names, by index.
        majority: index of the most frequent class *of the training images*: the baseline always answers with it.

    Returns:
        images: N.
        accuracy, accuracy_interval: the share of right answers and its 95 % Wilson interval [low, high].
        log_loss: in nats.
        macro: precision, recall and f1, averaged over the classes that occur (`macro_average`).
        per_class: for every class, occurring or not: class, images, precision, recall, f1. Where nothing is to be
            divided by (no image, or never predicted), the value is 0; `images` tells the two apart.
        confusion_matrix: counts, a list per true class (rows) over the predicted classes (columns).
        baseline: class and accuracy of always answering `majority`.

    Raises:
        InputError: no image, shapes that do not fit together, an index that is no class, or a probability that is NaN.
    """
    labels, probabilities = np.asarray(labels), np.asarray(probabilities)
    count = len(classes)
    if labels.ndim != 1 or not len(labels) or probabilities.shape != (len(labels), count):
        raise InputError(
            "There is nothing to measure, or labels and probabilities do not fit together.",
            expected=f"at least one label, and probabilities (images, {count})",
            received=f"labels {labels.shape}, probabilities {probabilities.shape}",
        )
    if labels.min() < 0 or labels.max() >= count or not 0 <= majority < count:
        raise InputError(
            "A label is no class index.",
            expected=f"0 to {count - 1}",
            received=f"labels from {labels.min()} to {labels.max()}, majority {majority}",
        )
    if np.isnan(probabilities).any():
        raise InputError("A probability is not a number.", received="NaN", hint="the head diverged: train it again")
    predictions = probabilities.argmax(axis=1)
    confusion = confusion_matrix(labels, predictions, count)
    precision, recall, f1 = precision_recall_f1(confusion)
    images = confusion.sum(axis=1)
    return {
        "images": len(labels),
        "accuracy": accuracy(labels, predictions),
        "accuracy_interval": list(wilson_interval(int(np.trace(confusion)), len(labels))),
        "log_loss": log_loss(labels, probabilities),
        "macro": {
            "precision": macro_average(precision, confusion),
            "recall": macro_average(recall, confusion),
            "f1": macro_average(f1, confusion),
        },
        "per_class": [
            {
                "class": name,
                "images": int(images[index]),
                "precision": float(precision[index]),
                "recall": float(recall[index]),
                "f1": float(f1[index]),
            }
            for index, name in enumerate(classes)
        ],
        "confusion_matrix": confusion.tolist(),
        "baseline": {"class": classes[majority], "accuracy": float(images[majority] / len(labels))},
    }


def _divided(numerator: Shares, denominator: Counts) -> Shares:
    """The quotient, 0 where the denominator is 0."""
    return np.divide(numerator, denominator, out=np.zeros(len(numerator)), where=denominator > 0)
