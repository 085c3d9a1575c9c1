"""SGD and Adam as in `keras.optimizers`, for the weights of many networks at once, each with its own rates."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import numpy.typing as npt

from regraft.training.settings import HeadSettings

Floats = npt.NDArray[np.float32]
Update = Callable[[], None]

_AT_ONCE = 32_768  # values of each array worked on at a time, so that all of them stay in a core's own cache


class StackedSGD:
    """`keras.optimizers.SGD` with momentum, Nesterov and decoupled weight decay.

    Args:
        settings: one per network, K of them.
        parameters: float32 arrays (K, rows, columns), changed in place by `update`.
        gradients: arrays of the same shapes; `update` reads and overwrites them.
    """

    def __init__(
        self, settings: Sequence[HeadSettings], parameters: Sequence[Floats], gradients: Sequence[Floats]
    ) -> None:
        momenta = np.array([s.momentum for s in settings])
        nesterov = np.array([s.nesterov for s in settings])
        rates = np.array([s.learning_rate for s in settings])
        self._momentum, self._nesterov = bool(momenta.any()), bool(nesterov.any())
        self._keep = _kept(settings)
        velocities = [np.zeros_like(p) if self._momentum else p for p in parameters]
        per_network = (rates, 1.0 if self._keep is None else self._keep, momenta, np.where(nesterov, momenta, 1))
        self._parts = list(_parts((parameters, gradients, velocities), (*per_network, nesterov)))
        self._spare = np.empty(max(part[0].size for part in self._parts), np.float32)

    def update(self) -> None:
        """One step with the gradients as they are now."""
        for weights, gradient, velocity, rate, keep, momentum, look_ahead, look_ahead_gradient in self._parts:
            if self._keep is not None:
                weights *= keep
            gradient *= rate
            if not self._momentum:
                weights -= gradient
                continue
            velocity *= momentum
            velocity -= gradient
            if not self._nesterov:
                weights += velocity
                continue
            spare = self._spare[: weights.size].reshape(weights.shape)
            np.multiply(velocity, look_ahead, out=spare)
            weights += spare
            gradient *= look_ahead_gradient
            weights -= gradient


class StackedAdam:
    """`keras.optimizers.Adam` and `AdamW`, with Keras' defaults and decoupled weight decay.

    Arguments as of `StackedSGD`.

    Source: Kingma and Ba 2015, "Adam: a method for stochastic optimization"; Loshchilov and Hutter 2019, "Decoupled
    weight decay regularization".
    """

    BETA_1, BETA_2, EPSILON = 0.9, 0.999, 1e-7

    def __init__(
        self, settings: Sequence[HeadSettings], parameters: Sequence[Floats], gradients: Sequence[Floats]
    ) -> None:
        self._steps = 0
        self._keep = _kept(settings)
        rates = np.array([s.learning_rate for s in settings])
        means, squares = ([np.zeros_like(p) for p in parameters] for _ in range(2))
        per_network = (rates, np.ones(len(rates)) if self._keep is None else self._keep)
        self._parts = list(_parts((parameters, gradients, means, squares), per_network))
        self._spare = np.empty(max(part[0].size for part in self._parts), np.float32)

    def update(self) -> None:
        """One step with the gradients as they are now."""
        self._steps += 1
        correction = np.float32(np.sqrt(1 - self.BETA_2**self._steps) / (1 - self.BETA_1**self._steps))
        towards_mean, towards_square = np.float32(1 - self.BETA_1), np.float32(1 - self.BETA_2)
        epsilon = np.float32(self.EPSILON)
        for weights, gradient, mean, square, rate, keep in self._parts:
            spare = self._spare[: weights.size].reshape(weights.shape)
            if self._keep is not None:
                weights *= keep
            np.subtract(gradient, mean, out=spare)
            spare *= towards_mean
            mean += spare
            np.multiply(gradient, gradient, out=gradient)
            gradient -= square
            gradient *= towards_square
            square += gradient
            np.sqrt(square, out=spare)
            spare += epsilon
            np.divide(mean, spare, out=spare)
            spare *= rate * correction
            weights -= spare


def _kept(settings: Sequence[HeadSettings]) -> npt.NDArray[np.float64] | None:
    """The part of the weights that a step leaves; None where that is everything."""
    taken = np.array([s.learning_rate * s.weight_decay for s in settings])
    return 1 - taken if taken.any() else None


def _parts(
    arrays: Sequence[Sequence[Floats]], per_network: Sequence[npt.NDArray[np.generic] | float]
) -> Iterator[tuple[Floats, ...]]:
    """Corresponding blocks of rows of every array, and the value of each row from `per_network`, as columns."""
    for matching in zip(*arrays, strict=True):
        if not all(array.flags.c_contiguous for array in matching):
            raise ValueError("the optimizer works on views, which only arrays in C order have")
        networks, rows, columns = matching[0].shape
        matrices = [array.reshape(networks * rows, columns) for array in matching]
        values = [
            np.repeat(np.broadcast_to(np.asarray(v, np.float32), (networks,)), rows)[:, None] for v in per_network
        ]
        step = max(1, _AT_ONCE // columns)
        for start in range(0, networks * rows, step):
            block = slice(start, start + step)
            yield (*(matrix[block] for matrix in matrices), *(value[block] for value in values))
