from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from small_tops import randomise, small_network

from regraft.backbones.base import open_base
from regraft.backbones.names import BackboneName
from regraft.backbones.networks import whole_model
from regraft.errors import InputError
from regraft.transfer import random_networks
from regraft.transfer.random_networks import random_network, shorten_averages


def first_layer_only(name: BackboneName, *, weights: None, inputs: Any, pooling: str) -> Any:
    """In the place of a whole network, which takes seconds to build; one is built in `test_cats_and_dogs`."""
    import keras

    assert (name.card_name, name.size, pooling) == ("EfficientNetLite0", 32, "max")
    maps = keras.layers.BatchNormalization()(keras.layers.Conv2D(4, 3)(inputs))
    return SimpleNamespace(output=keras.layers.GlobalAveragePooling2D()(maps), name="small")


def test_a_network_of_the_catalogue_has_the_shape_and_pooling_of_the_base_and_follows_its_seed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(random_networks, "build_network", first_layer_only)
    base = open_base("EfficientNetLite0@32", pooling="max")
    networks = [random_network(base, seed) for seed in (0, 0, 1)]
    first, same, other = (np.array(network.trainable_weights[0]) for network in networks)
    np.testing.assert_array_equal(first, same)
    assert (first != other).any()
    assert networks[0].input_shape == (None, 32, 32, 3)
    assert networks[0].output_shape == (None, 4)


def test_of_a_saved_model_nothing_that_was_learnt_is_left(tmp_path: Path) -> None:
    import keras

    network = small_network()
    keras.Model(network.inputs, keras.layers.Dense(3)(network.output)).save(tmp_path / "source.keras")
    base = open_base(str(tmp_path / "source.keras"))
    old, first, same, other = whole_model(base), *(random_network(base, seed) for seed in (0, 0, 1))
    assert (first.input_shape, first.output_shape) == (old.input_shape, (None, 6))
    assert [layer.name for layer in first.layers] == [layer.name for layer in old.layers]
    for ours, again, elsewise, theirs in zip(first.weights, same.weights, other.weights, old.weights, strict=True):
        values, trained = np.array(ours), np.array(theirs)
        np.testing.assert_array_equal(values, np.array(again))
        start = {"gamma": 1, "beta": 0, "moving_mean": 0, "moving_variance": 1}.get(ours.name)
        if start is not None:
            assert (values == start).all()
            assert (trained != start).any()
            continue
        assert not np.isclose(values, trained).any()
        assert (values != np.array(elsewise)).any()
        # As large as the initializer of the layer draws: Glorot-uniform for all of these.
        receptive = int(np.prod(values.shape[:-2]))
        limit = np.sqrt(6 / (receptive * (values.shape[-2] + values.shape[-1])))
        assert np.abs(values).max() <= limit


def test_layers_within_a_model_in_the_model_are_random_too_though_they_were_frozen(tmp_path: Path) -> None:
    import keras

    inner = keras.Sequential(
        [keras.Input((8, 8, 3)), keras.layers.Conv2D(4, 3), keras.layers.BatchNormalization()], name="inner"
    )
    randomise(inner)
    inner.trainable = False
    layers = [inner, keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(2)]
    keras.Sequential([keras.Input((8, 8, 3)), *layers]).save(tmp_path / "nested.keras")
    base = open_base(str(tmp_path / "nested.keras"))
    old, fresh = (model.get_layer("inner") for model in (whole_model(base), random_network(base, 0)))
    np.testing.assert_array_equal(np.array(old.layers[0].kernel), np.array(inner.layers[0].kernel))
    assert not np.isclose(np.array(fresh.layers[0].kernel), np.array(old.layers[0].kernel)).any()
    assert (np.array(fresh.layers[1].moving_variance) == 1).all()
    assert (np.array(old.layers[1].moving_variance) != 1).all()


def test_the_statistics_of_a_normalization_are_preprocessing_and_stay(tmp_path: Path) -> None:
    import keras

    layers = [
        keras.layers.Normalization(),
        keras.layers.Conv2D(4, 3),
        keras.layers.GlobalAveragePooling2D(),
        keras.layers.Dense(2),
    ]
    layers[0].adapt(np.random.default_rng(0).normal(100, 30, (50, 8, 8, 3)).astype(np.float32))
    model = keras.Sequential([keras.Input((8, 8, 3)), *layers])
    model.save(tmp_path / "adapted.keras")
    fresh = random_network(open_base(str(tmp_path / "adapted.keras")), 0)
    pixels = np.random.default_rng(1).uniform(0, 255, (2, 8, 8, 3)).astype(np.float32)
    expected, given = (np.asarray(one.layers[place](pixels)) for one, place in ((model, 0), (fresh, 1)))
    np.testing.assert_allclose(given, expected, rtol=1e-6)


def test_a_layer_that_begins_with_what_it_learnt_is_refused(tmp_path: Path) -> None:
    import keras

    fixed = keras.initializers.GlorotUniform(seed=3)
    model = keras.Sequential(
        [
            keras.Input((8, 8, 3)),
            keras.layers.Conv2D(4, 3, kernel_initializer=fixed, name="stubborn"),
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Dense(2),
        ]
    )
    model.save(tmp_path / "fixed.keras")
    with pytest.raises(InputError, match="stubborn"):
        random_network(open_base(str(tmp_path / "fixed.keras")), 0)


def test_averages_are_over_some_ten_batches() -> None:
    import keras

    network = small_network()
    assert shorten_averages(network)
    assert {layer.momentum for layer in network.layers if hasattr(layer, "moving_mean")} == {0.9}
    plain = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    assert not shorten_averages(plain)
