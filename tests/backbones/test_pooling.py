from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from regraft.backbones.names import parse_backbone
from regraft.backbones.networks import build_network
from regraft.backbones.pooling import POOLINGS, check_pooling, is_pooling, pool
from regraft.errors import InputError

MAPS = np.random.default_rng(0).normal(size=(2, 3, 4, 5)).astype(np.float32)
EXPECTED = {
    "average": MAPS.mean(axis=(1, 2)),
    "max": MAPS.max(axis=(1, 2)),
    "both": np.concatenate([MAPS.mean(axis=(1, 2)), MAPS.max(axis=(1, 2))], axis=1),
    "flatten": MAPS.reshape(2, 60),
}


@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_maps_become_a_vector(pooling: str, data_format: str) -> None:
    import keras

    maps = MAPS if data_format == "channels_last" else MAPS.transpose(0, 3, 1, 2)
    tensor = keras.Input(maps.shape[1:])
    model = keras.Model(tensor, pool(tensor, pooling, data_format))
    np.testing.assert_allclose(np.asarray(model(maps)), EXPECTED[pooling], rtol=1e-5, atol=1e-6)
    assert is_pooling(model.layers[-1])
    assert not is_pooling(keras.layers.Flatten())


def test_poolings_there_are_not() -> None:
    for pooling in POOLINGS:
        check_pooling(pooling)
    for pooling in ("avg", "", "MAX"):
        with pytest.raises(InputError, match=r"no pooling of that name[\s\S]*average or max or both or flatten"):
            check_pooling(pooling)


@pytest.mark.parametrize(
    ("spelling", "pooling"),
    [
        ("MobileNet-0.25@64", "both"),
        *(pytest.param("MobileNet-0.25@64", pooling, marks=pytest.mark.slow) for pooling in ("max", "flatten")),
        # the one network that normalises after the pooling
        *(pytest.param("ConvNeXtTiny@64", pooling, marks=pytest.mark.slow) for pooling in ("max", "both", "flatten")),
    ],
)
def test_a_network_pooled_as_keras_would(spelling: str, pooling: str, random_weights: Callable[[str], Path]) -> None:
    import keras

    name = parse_backbone(spelling)
    weights = random_weights("MobileNet-0.25@128" if name.card_name == "MobileNet" else spelling)
    pixels = np.random.default_rng(1).normal(size=(2, 64, 64, 3)).astype(np.float32)
    options = {"alpha": name.alpha} if name.card.alphas else {}
    expected = []
    for kind in {"max": ["max"], "both": ["avg", "max"], "flatten": [None]}[pooling]:
        keras_own = getattr(keras.applications, name.card_name)(
            weights=None, include_top=False, pooling=kind, input_shape=(64, 64, 3), **options
        )
        keras_own.load_weights(weights)
        expected.append(np.asarray(keras_own(pixels)).reshape(2, -1))
    features = np.asarray(build_network(name, weights=weights, pooling=pooling)(pixels))
    np.testing.assert_allclose(features, np.concatenate(expected, axis=1), rtol=1e-5, atol=1e-5)
