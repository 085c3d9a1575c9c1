from __future__ import annotations

import numpy as np
import pytest

from regraft.studies._digit_operations import training_function
from regraft.studies.digit_networks import digit_network


@pytest.mark.parametrize("size", [(8, 8), (9, 12), (28, 28)])
@pytest.mark.parametrize("dropout", [False, True])
def test_probabilities_and_gradients_are_those_of_keras(size: tuple[int, int], dropout: bool) -> None:
    """Of odd maps the pooling leaves the last rows and columns out."""
    import tensorflow as tf

    random = np.random.default_rng(0)
    pixels = random.integers(0, 256, (6, *size, 1)).astype(np.float32)
    pixels[:, :, size[1] // 4 :] = 0  # where all are alike, so are the maps: none of four is the largest
    labels = random.integers(0, 4, 6)
    found = []
    for fast in (False, True):
        network = digit_network(size, 4, dropout=dropout, seed=1)  # anew: dropout draws the same numbers
        for layer in network.layers:
            if layer.name.startswith("convolution"):
                layer.bias.assign(random.normal(size=32) if not fast else found[0][2][layer.name])
        biases = {layer.name: np.array(layer.bias) for layer in network.layers if layer.name.startswith("conv")}
        outputs = training_function(network) if fast else lambda x, n=network: n(x, training=True)
        with tf.GradientTape() as tape:
            answers = outputs(pixels)
            loss = tf.reduce_mean(tf.keras.losses.sparse_categorical_crossentropy(labels, answers))
        gradients = tape.gradient(loss, [weights.value for weights in network.trainable_variables])
        found.append((np.asarray(answers), [np.asarray(part) for part in gradients], biases))
    np.testing.assert_allclose(found[1][0], found[0][0], atol=1e-6)
    for fast, expected in zip(found[1][1], found[0][1], strict=True):
        np.testing.assert_allclose(fast, expected, rtol=1e-4, atol=1e-5 * np.abs(expected).max())
    assert max(np.abs(part).max() for part in found[0][1]) > 1e-3
