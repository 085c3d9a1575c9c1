from __future__ import annotations

import pytest

from regraft.backbones._outlines import without_values


def test_what_is_built_inside_never_gets_values() -> None:
    import keras

    drawn: list[tuple[int, ...]] = []

    class Watched(keras.initializers.Initializer):
        def __call__(self, shape: tuple[int, ...], dtype: str | None = None, **_: object) -> object:
            drawn.append(tuple(shape))
            return keras.ops.ones(shape, dtype)

    def built(units: int) -> keras.Model:
        return keras.Sequential([keras.Input((3,)), keras.layers.Dense(units, kernel_initializer=Watched())])

    with without_values():
        outline = built(2)
    assert outline.count_params() == 8

    def failing() -> None:
        with without_values():
            built(4)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        failing()
    # Another model, and a computation of shapes in it, has its values, and those of the outlines are not drawn for it.
    model = built(5)
    with keras.StatelessScope():
        model.compute_output_spec(keras.KerasTensor((None, 3)))
    assert drawn == [(3, 5)]
    assert float(keras.ops.sum(model.weights[0])) == 15
