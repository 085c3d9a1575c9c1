"""The top with its head in Keras: one update, one measurement, and its state as arrays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from regraft.training._lean_top import copy_weights, lean_top
from regraft.training.finetune_settings import MOMENTUM, FinetuneSettings

HEAD = "head"
"""The name of the group of the new layers, beside those of the blocks."""

_MEASURED_AT_ONCE = 64


class TopTrainer:
    """Trains a model from the cut to class probabilities.

    Args:
        model: functional, its layers' `trainable` set; trained in a copy that computes the same faster.
        groups: for each trainable layer by name the group whose learning rate it has.
        factors: for each group what the learning rate is multiplied by.
        pretrained: for each layer by name the weights that L2-SP pulls towards; layers not named have none.
        settings: how it is trained.
    """

    def __init__(
        self,
        model: Any,
        groups: dict[str, str],
        factors: dict[str, float],
        pretrained: dict[str, list[npt.NDArray[Any]]],
        settings: FinetuneSettings,
    ) -> None:
        import keras

        self._lean, self._pairs = lean_top(model)
        copies = {layer.name: copy for copy, layer in self._pairs}
        self._layers = [copies.get(layer.name, layer) for layer in model.layers if layer.weights]
        self._factors = factors
        self._outputs = int(model.output_shape[-1])
        _seed_dropout(self._lean, settings.seed)
        kind = keras.losses.BinaryCrossentropy if self._outputs == 1 else keras.losses.CategoricalCrossentropy
        self._lean.compile(
            optimizer=self._optimizer(groups, settings), loss=kind(label_smoothing=settings.label_smoothing)
        )
        if settings.l2_sp:
            self._pull(pretrained, settings.l2_sp)
        self._lean.optimizer.build(self._lean.trainable_variables)

    def _optimizer(self, groups: dict[str, str], settings: FinetuneSettings) -> Any:
        import keras

        self._by_group = {group: _new_optimizer(settings) for group in dict.fromkeys(groups.values())}
        owner = {
            id(variable): groups[layer.name]
            for layer in self._lean.layers
            if layer.name in groups
            for variable in layer.trainable_variables
        }
        return keras.optimizers.MultiOptimizer(lambda variable: self._by_group[owner[id(variable)]])

    def _pull(self, pretrained: dict[str, list[npt.NDArray[Any]]], strength: float) -> None:
        from keras import ops

        def penalty(start: npt.NDArray[Any]) -> Any:
            return lambda weights: 0.5 * strength * ops.sum(ops.square(weights - start))

        for layer, original in self._pairs:
            if original.name in pretrained:
                for variable, start in zip(layer.weights, pretrained[original.name], strict=True):
                    variable.regularizer = penalty(start)  # which Keras leaves out of what is frozen

    def step(
        self,
        inputs: npt.NDArray[Any],
        labels: npt.NDArray[np.int64],
        rate: float,
        class_weight: npt.NDArray[np.float32] | None = None,
    ) -> float:
        """One update; gives the batch's loss before it, penalties included."""
        for group, optimizer in self._by_group.items():
            optimizer.learning_rate.assign(rate * self._factors[group])
        self._lean.reset_metrics()
        targets = labels[:, None] if self._outputs == 1 else np.eye(self._outputs)[labels]
        weights = None if class_weight is None else class_weight[labels]
        return float(self._lean.train_on_batch(inputs, targets.astype(np.float32), sample_weight=weights))

    def probabilities(self, inputs: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        """(n, classes); a sigmoid's two columns are those of class 0 and class 1."""
        return model_probabilities(self._lean, inputs)

    def weights(self) -> list[npt.NDArray[Any]]:
        """Those of all layers of the model, copies, in an order that does not depend on what is trainable."""
        return [np.array(weights) for layer in self._layers for weights in layer.get_weights()]

    def set_weights(self, weights: Sequence[npt.NDArray[Any]]) -> None:
        """Takes what `weights` gave, to this trainer or to another one of the model."""
        given = iter(weights)
        for layer in self._layers:
            layer.set_weights([next(given) for _ in layer.weights])

    def state(self) -> list[npt.NDArray[Any]]:
        """All that changes while it trains, copies: weights, the optimizer's memory, the state of dropout."""
        return [np.array(variable) for variable in self._variables()]

    def set_state(self, state: Sequence[npt.NDArray[Any]]) -> None:
        """Takes what `state` gave."""
        for variable, value in zip(self._variables(), state, strict=True):
            variable.assign(value)

    def _variables(self) -> list[Any]:
        return [*self._lean.variables, *self._lean.optimizer.variables]

    def finish(self) -> None:
        """Brings the weights back into the layers of the model."""
        copy_weights(self._pairs)


def model_probabilities(model: Any, inputs: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    """Class probabilities (n, classes) of a model with one output for each class, or a sigmoid for class 1 of two."""
    parts = [
        np.asarray(model.predict_on_batch(inputs[start : start + _MEASURED_AT_ONCE]), np.float32)
        for start in range(0, len(inputs), _MEASURED_AT_ONCE)
    ]
    answers = np.concatenate(parts)
    return np.concatenate([1 - answers, answers], axis=1) if answers.shape[1] == 1 else answers


def _new_optimizer(settings: FinetuneSettings) -> Any:
    """An optimizer whose learning rate is set before every step."""
    import keras

    decay = settings.weight_decay or None
    if settings.optimizer == "sgd":
        return keras.optimizers.SGD(0.0, MOMENTUM, nesterov=True, weight_decay=decay)
    return keras.optimizers.Adam(0.0, weight_decay=decay)  # AdamW is the same with another default decay


def _seed_dropout(model: Any, seed: int) -> None:
    """Gives every layer that draws random numbers a seed of its own: in a backbone they come without one."""
    generators = [generator for layer in model._flatten_layers() for generator in layer._seed_generators]
    drawn = np.random.SeedSequence(seed).generate_state(len(generators)) >> 1  # within 31 bits, for any backend
    for generator, number in zip(generators, drawn, strict=True):
        generator.state.assign([int(number), 0])
