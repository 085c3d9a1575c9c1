"""Right answers counted by class, for many heads at once: what precision and recall of an epoch are made from."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Counts = npt.NDArray[np.int64]
Shares = npt.NDArray[np.float64]


class ClassCounts:
    """Adds up the answers of K heads, part by part; the same numbers as K confusion matrices, in less room.

    Args:
        heads: K.
        classes: C.
    """

    def __init__(self, heads: int, classes: int) -> None:
        self._shape = (heads, classes)
        self._right = np.zeros(self._shape, np.int64)
        self._predicted = np.zeros(self._shape, np.int64)
        self._actual = np.zeros(classes, np.int64)

    def add(self, answers: Counts, labels: Counts) -> None:
        """Counts answers (K, n) to images of classes `labels` (n,)."""
        heads, classes = self._shape
        places = answers + np.arange(heads)[:, None] * classes
        size = heads * classes
        self._predicted += np.bincount(places.ravel(), minlength=size).reshape(self._shape)
        self._right += np.bincount(places[answers == labels], minlength=size).reshape(self._shape)
        self._actual += np.bincount(labels, minlength=classes)

    def accuracy(self) -> Shares:
        """The share of right answers of each head, (K,)."""
        shares: Shares = self._right.sum(axis=1) / self._actual.sum()
        return shares

    def macro_precision_recall(self) -> tuple[Shares, Shares]:
        """Precision and recall of each head, both (K,), averaged over the classes that occur.

        As in `evaluation.metrics`: a class never predicted has precision 0; one that neither is a label nor was
        predicted is left out.
        """
        occurs = (self._predicted + self._actual) > 0
        number = occurs.sum(axis=1)
        precision = self._right / np.maximum(self._predicted, 1)
        recall = self._right / np.maximum(self._actual, 1)
        return precision.sum(axis=1, where=occurs) / number, recall.sum(axis=1, where=occurs) / number
