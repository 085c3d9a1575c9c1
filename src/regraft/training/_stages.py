"""Which layers of a top learn in an epoch: all that may, or its last blocks while they are unfrozen one by one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy.typing as npt

from regraft.training._top_trainer import HEAD, TopTrainer
from regraft.training.finetune_settings import FinetuneSettings
from regraft.training.schedules import block_factors


class Stages:
    """Freezes and unfreezes the layers of a top, and trains what is unfrozen.

    Args:
        model: from the activations at the cut to class probabilities.
        whole: from pixels to class probabilities, of the same layers.
        head: names of the new layers.
        blocks: the blocks that may be trained, from the input to the head, each with its layers' names. With
            `settings.staged` the first stage has the last of them.
        settings: how.

    Attributes:
        trainer: that of the stage entered last, at first the first one.
    """

    trainer: TopTrainer

    def __init__(
        self,
        model: Any,
        whole: Any,
        head: Iterable[str],
        blocks: Mapping[str, Sequence[str]],
        settings: FinetuneSettings,
    ) -> None:
        self._model, self._whole, self._settings = model, whole, settings
        self._head, self._blocks = tuple(head), blocks
        names = [name for layers in blocks.values() for name in layers]
        self._pretrained = {name: whole.get_layer(name).get_weights() for name in names}
        self._unfrozen: int | None = None
        self.enter(1)

    def enter(self, epoch: int) -> None:
        """Makes the trainer that an epoch needs, with the weights of the one before; most epochs need no new one."""
        unfrozen = self._blocks_of(epoch)
        if unfrozen == self._unfrozen:
            return
        if self._unfrozen is not None:
            self.trainer.finish()
        self._unfrozen = unfrozen
        blocks, settings = list(self._blocks), self._settings
        groups = dict.fromkeys(self._head, HEAD)
        for block in blocks[len(blocks) - unfrozen :]:
            groups |= dict.fromkeys(self._blocks[block], block)
        _set_trainable(self._whole, groups, settings.batchnorm)
        factors = {HEAD: 1.0, **block_factors(blocks, settings.layer_decay)}
        self.trainer = TopTrainer(self._model, groups, factors, self._pretrained, settings)

    def finish(self, weights: list[npt.NDArray[Any]]) -> None:
        """Gives the layers of the top the weights that `trainer.weights()` gave once, in whatever stage."""
        self.trainer.set_weights(weights)
        self.trainer.finish()

    def _blocks_of(self, epoch: int) -> int:
        """How many blocks learn in an epoch: the stages have equal parts of the epochs."""
        count = len(self._blocks)
        if not self._settings.staged:
            return count
        return min(count, 1 + (epoch - 1) * count // self._settings.epochs)


def _set_trainable(model: Any, names: Iterable[str], batchnorm: str) -> None:
    """In Keras a BatchNorm that is not trainable runs in inference mode, and its statistics stay."""
    import keras

    chosen = set(names)
    for layer in model.layers:
        layer.trainable = layer.name in chosen
        for inner in layer._flatten_layers():  # the layer itself, and where it is a model in the model, those in it
            if batchnorm == "inference" and isinstance(inner, keras.layers.BatchNormalization):
                inner.trainable = False
