from __future__ import annotations

import numpy as np
import pytest

from regraft.studies._digit_answers import DigitAnswers
from regraft.studies.digit_networks import digit_network


@pytest.mark.parametrize(("size", "dropout"), [((8, 8), True), ((9, 12), False), ((28, 28), False)])
def test_the_answers_are_those_of_keras_whatever_the_weights_are_by_then(size: tuple[int, int], dropout: bool) -> None:
    random = np.random.default_rng(0)
    network = digit_network(size, 5, dropout=dropout, seed=0)
    answers = DigitAnswers(network)
    for count in (1, 250, 600):
        for weights in network.trainable_variables:
            weights.assign(random.normal(0, 0.2, weights.shape))
        pixels = random.integers(0, 256, (count, *size, 1)).astype(np.float32)
        expected = network.predict(pixels, verbose=0)
        np.testing.assert_array_equal(answers(pixels), expected.argmax(axis=1))
    assert len(set(expected.argmax(axis=1))) > 1
