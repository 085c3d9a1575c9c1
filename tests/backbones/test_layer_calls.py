from __future__ import annotations

from typing import Any

import pytest

from regraft.backbones._layer_calls import is_graph, layer_calls, shown_shape, size_of
from regraft.errors import InputError


def layers() -> Any:
    import keras

    return keras.layers


def nested() -> Any:
    """An inner model, its size open, called twice inside another."""
    import keras

    inner = keras.Sequential(
        [keras.Input((None, None, 3)), layers().Conv2D(3, 3, name="conv"), layers().ReLU(name="relu")], name="inner"
    )
    pixels = keras.Input((None, None, 3), name="pixels")
    return keras.Model(pixels, inner(inner(pixels)) + 1.0)


def test_nested_models_are_opened_and_sizes_filled_in() -> None:
    calls = layer_calls(nested(), (9, 7))
    assert [(call.name, call.inputs, call.output, call.sources) for call in calls] == [
        ("pixels", ((9, 7, 3),), (9, 7, 3), ()),
        ("inner/conv", ((9, 7, 3),), (7, 5, 3), (0,)),
        ("inner/relu", ((7, 5, 3),), (7, 5, 3), (1,)),
        ("inner/conv", ((7, 5, 3),), (5, 3, 3), (2,)),
        ("inner/relu", ((5, 3, 3),), (5, 3, 3), (3,)),
        (calls[5].name, ((5, 3, 3),), (5, 3, 3), (4,)),
    ]
    assert type(calls[5].operation).__name__ == "Add"


def test_open_sizes_stay_open() -> None:
    assert [call.output for call in layer_calls(nested())] == [(None, None, 3)] * 6


def test_several_inputs_and_outputs_are_in_keras_order() -> None:
    import keras

    left, right = keras.Input((4,), name="left"), keras.Input((4,), name="right")
    both = layers().Concatenate(name="both")([left, layers().Dense(2, name="one")(right)])
    model = keras.Model([left, right], [layers().Dense(3, name="end")(both), both])
    calls = layer_calls(model)
    assert [call.name for call in calls] == ["left", "right", "one", "both", "end"]
    assert [call.sources for call in calls] == [(), (), (1,), (0, 2), (3,)]
    assert calls[3].inputs == ((4,), (2,))


@pytest.mark.parametrize(
    ("shape", "size", "said"),
    [
        ((None, None, 3), (8,), r"2 sizes for its input of \?×\?×3[\s\S]*Received: 8"),
        ((8, 8, 3), (8, 8), r"no size: its input is 8×8×3 already[\s\S]*Received: 8×8"),
    ],
)
def test_sizes_that_do_not_go_with_a_model(shape: Any, size: tuple[int, ...], said: str) -> None:
    import keras

    with pytest.raises(InputError, match=said):
        layer_calls(keras.Sequential([keras.Input(shape), layers().ReLU()]), size)


def test_what_has_no_graph() -> None:
    import keras

    class Own(keras.Model):
        pass

    for model in (Own(), keras.Sequential([layers().Dense(2)]), layers().Dense(2), object()):
        with pytest.raises(InputError, match=r"cannot be followed[\s\S]*functional or Sequential"):
            layer_calls(model)
        assert not is_graph(model)


def test_shapes() -> None:
    assert shown_shape((None, 5, 3)) == "?×5×3"
    assert (size_of((4, 5)), size_of((None, 5)), size_of(())) == (20, None, 1)
