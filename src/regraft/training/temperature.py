"""The temperature that takes the overconfidence out of a classifier's answers."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Answers = npt.NDArray[np.float32]

_HIGHEST = 10.0  # a network that needs more has learnt nothing, and even answers are not to hide that
_HALVINGS = 40
_LEAST = 1e-7  # of a probability, as in Keras' losses


def fitted_temperature(probabilities: Answers, labels: npt.NDArray[np.int64]) -> float:
    """The temperature, from 1 to 10, at which the log loss of some answers is lowest.

    Dividing the logits by it softens the answers and never changes which class is the likeliest. Below 1 it would
    sharpen them; that is left alone, since few images, all answered rightly, would ask for no doubt at all.

    Args:
        probabilities: (N, classes), of images that were not trained on.
        labels: (N,) class indices.

    Source: Guo et al. 2017, "On calibration of modern neural networks".
    """
    logits = _logits(probabilities)
    of_label = logits[np.arange(len(labels)), labels]

    def slope(sharpness: float) -> float:
        """Of the loss against 1 / temperature, in which it is convex."""
        shares = np.exp(sharpness * logits)
        shares /= shares.sum(axis=1, keepdims=True)
        return float(((shares * logits).sum(axis=1) - of_label).mean())

    low, high = 1 / _HIGHEST, 1.0
    if not slope(high) > 0:
        return 1.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (low, middle) if slope(middle) > 0 else (middle, high)
    return 1 / high


def softened(probabilities: Answers, temperature: float) -> Answers:
    """The answers (N, classes) with their logits divided by a temperature."""
    shares = np.exp(_logits(probabilities) / temperature)
    result: Answers = (shares / shares.sum(axis=1, keepdims=True)).astype(np.float32)
    return result


def _logits(probabilities: Answers) -> npt.NDArray[np.float64]:
    """Up to a constant of each image; the likeliest class has 0."""
    logs = np.log(np.maximum(probabilities.astype(np.float64), _LEAST))
    shifted: npt.NDArray[np.float64] = logs - logs.max(axis=1, keepdims=True)
    return shifted
