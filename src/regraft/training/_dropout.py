"""Dropout for many networks at once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from regraft.training.settings import HeadSettings

Floats = npt.NDArray[np.float32]


class DropoutMasks:
    """Draws the masks of K networks: 0 for a value that is dropped, 1 / (1 - dropout) for one that is kept.

    Each seed has one generator, `numpy.random.default_rng((seed, order_seed))`. Networks of one seed use the same
    random numbers, so that two that differ in a setting differ in nothing else: with the same dropout their masks
    are equal, and what a small dropout drops a larger one drops too. What a network gets does not depend on which
    others are trained beside it.

    Args:
        settings: one per network, all with the same hidden layers.
        order_seed: as of `train_heads`.

    Attributes:
        of_features, of_hidden: whether any features, and any values of hidden layers, are dropped.

    Source: Srivastava et al. 2014, "Dropout: a simple way to prevent neural networks from overfitting", in the form of
    `keras.layers.Dropout` (scaled in training, not in use).
    """

    def __init__(self, settings: Sequence[HeadSettings], order_seed: int) -> None:
        seeds = list(dict.fromkeys(s.seed for s in settings))
        self._generators = [np.random.default_rng((seed, order_seed)) for seed in seeds]
        self._rows = np.array([seeds.index(s.seed) for s in settings])
        self._hidden = np.array([s.dropout for s in settings])
        self._features = np.array([s.feature_dropout if s.hidden else s.dropout for s in settings])
        self.of_features, self.of_hidden = bool(self._features.any()), bool(self._hidden.any())

    def draw(self, width: int, images: int, *, features: bool = False) -> Floats:
        """The next masks, float32 (K, width, images), of a hidden layer or of the features."""
        rates = (self._features if features else self._hidden)[:, None, None]
        numbers = np.stack([g.random((width, images), np.float32) for g in self._generators])
        masks: Floats = (numbers[self._rows] >= rates.astype(np.float32)) * (1 / (1 - rates)).astype(np.float32)
        return masks
