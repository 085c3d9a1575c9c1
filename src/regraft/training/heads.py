"""Heads on cached features, many trained at once: stacked problems on shared batches."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from regraft.training._arguments import (
    checked_class_weight,
    checked_options,
    checked_set,
    checked_start,
    checked_validation,
    checked_views,
    outputs_of,
)
from regraft.training._epochs import BestEpoch, Stack, finite_heads, measure, train_epoch
from regraft.training._order import EpochOrder, Sampling
from regraft.training._stacked import StackedHeads, fitting_threads
from regraft.training._stacked_layers import StackedNetworks
from regraft.training.scaling import checked_scale, folded, rms_norm, unfolded
from regraft.training.settings import HeadSettings
from regraft.training.trained import Activation, Floats, TrainedHeads
from regraft.training.weights import HeadWeights, head_probabilities, initial_heads, initial_weights, stacked_layers

__all__ = [
    "Activation",
    "Floats",
    "HeadWeights",
    "Labels",
    "Sampling",
    "TrainedHeads",
    "balanced_class_weight",
    "head_probabilities",
    "initial_heads",
    "initial_weights",
    "rms_norm",
    "train_heads",
]

Labels = npt.NDArray[np.int64]


def train_heads(
    features: Floats,
    labels: Labels,
    settings: Sequence[HeadSettings],
    *,
    classes: int,
    epochs: int,
    order_seed: int,
    validation: tuple[Floats, Labels] | None = None,
    batch_size: int = 32,
    activation: Activation = "softmax",
    class_weight: Sequence[float] | Floats | None = None,
    sampling: Sampling = "plain",
    initial: Sequence[HeadWeights] | None = None,
    scale: float | Floats = 1.0,
    epoch_images: int | None = None,
    progress: Callable[[int], None] | None = None,
) -> TrainedHeads:
    """Trains one head per setting, all at once, with the mathematics of Keras' `Dense`, `Dropout`, `SGD` and `Adam`.

    Per batch of n images, with g the gradient of the mean cross-entropy of the batch, every head of `sgd` does what
    `keras.optimizers.SGD` does:

        w <- w * (1 - learning_rate * weight_decay)       decoupled; kernels and biases alike, as in Keras
        v <- momentum * v - learning_rate * g             g is taken before the decay
        w <- w + v                                        or, with Nesterov,  w + momentum * v - learning_rate * g

    and one of `adam` or `adamw` what `keras.optimizers.Adam` does, with the same decay.

    All heads, of whatever kind, see the same batches: one permutation of the images per epoch, drawn from
    `order_seed`; the last, short batch is used. Kernels start Glorot-uniform (`initial_heads`), biases at zero. The
    same arguments on the same machine give the same numbers bit for bit. A head whose numbers overflow is flagged and
    disturbs no other. Dropout draws its masks from the seed of each head and `order_seed` (`DropoutMasks`).

    The training loss holds what is trained: dropout, smoothed labels, class weights. The validation loss is the plain
    cross-entropy for every head, so that settings can be compared by it.

    Args:
        features: (N, D) float32; or (V, N, D), V views of each image, of which every epoch draws one for each image.
        labels: (N,) class indices in 0 ... classes - 1.
        settings: one per head. Linear heads of SGD without dropout are one stack; of the others, those with the
            same hidden layers, activation and kind of optimizer, with dropout or all without.
        epochs: passes over the features.
        order_seed: of the order of the images, their views and the sampling.
        validation: features (M, D) and labels (M,), measured after every epoch; the epoch with the lowest validation
            loss is kept for each head. The loss and not the accuracy decides because it sees how sure the answers
            are: with few images many epochs share one accuracy, and the choice among them would be left to chance.
        batch_size: images per update.
        activation: `softmax`, or `sigmoid` (two classes, one unit).
        class_weight: (classes,), what the loss of an image of each class counts, as in `keras.Model.fit`: the weighted
            losses of a batch are added up and divided by its number of images. See `balanced_class_weight`.
        sampling: `plain`, or `balanced`: every epoch draws as many images as there are, each class that occurs equally
            often (`EpochOrder`).
        initial: the weights of each head to start from, for the features as they are, in place of random ones.
        scale: trains as if every feature were divided by this number (see `rms_norm`), which makes a learning rate
            mean the same for backbones with large and with small features. The weights given and returned are always
            those for the features as they are: the first kernel is divided by the scale, and nothing is approximated.
            Biases and later layers keep their learning rate. An array (D,) divides every feature by a number of its
            own (see `scaling.source_scale`); with all of them equal it is as one number, up to rounding.
        epoch_images: so many images are an epoch, in place of all of them: the next one goes on where it ended, and
            what comes at the end of an epoch (the measuring) comes more often, or less.
        progress: called with 1 after each epoch.

    Raises:
        InputError: shapes, labels or numbers that do not fit together, or features that are not finite.

    Source: Sutskever et al. 2013, "On the importance of initialization and momentum in deep learning", in the form of
    `keras.optimizers.SGD`; Kingma and Ba 2015, "Adam: a method for stochastic optimization", in that of
    `keras.optimizers.Adam`.
    """
    outputs = outputs_of(classes, activation)
    features, labels = checked_views(features, labels, classes)
    width = features.shape[-1]
    validation = checked_validation(validation, classes, width)
    if isinstance(scale, np.ndarray):
        divisors = checked_scale(scale, width)
        scaled = train_heads(
            features / divisors,
            labels,
            settings,
            classes=classes,
            epochs=epochs,
            order_seed=order_seed,
            validation=None if validation is None else (validation[0] / divisors, validation[1]),
            batch_size=batch_size,
            activation=activation,
            class_weight=class_weight,
            sampling=sampling,
            initial=None if initial is None else [unfolded(head, divisors) for head in initial],
            epoch_images=epoch_images,
            progress=progress,
        )
        return replace(
            scaled,
            scale=divisors,
            weights=tuple(folded(head, divisors) for head in scaled.weights),
            best_weights=tuple(folded(head, divisors) for head in scaled.best_weights),
        )
    checked_options(settings, epochs, batch_size, scale, sampling, epoch_images)
    weights = checked_class_weight(class_weight, classes)
    start = (
        initial_heads(settings, width, outputs, scale)
        if initial is None
        else checked_start(initial, settings, width, outputs)
    )
    history = np.full((6, len(settings), epochs), np.nan)
    seconds = np.empty(epochs)
    order = EpochOrder(labels, order_seed, sampling, len(features), epoch_images)
    groups = _groups(settings)
    with np.errstate(all="ignore"):
        stacks = [
            _stack(
                [start[row] for row in rows],
                [settings[row] for row in rows],
                batch_size if epoch_images else min(batch_size, len(labels)),
                scale,
                order_seed,
                weights,
            )
            for rows in groups
        ]
        best = [BestEpoch(stack, keep=validation is not None) for stack in stacks]
        with fitting_threads(max(stack.parameters[0].size for stack in stacks) * batch_size):
            started = time.perf_counter()
            for epoch in range(epochs):
                trained = train_epoch(stacks, features, labels, order, batch_size)
                for rows, stack, kept, means in zip(groups, stacks, best, trained, strict=True):
                    history[:2, rows, epoch] = means
                    if validation is not None:
                        history[2:, rows, epoch] = measure(stack, *validation, classes)
                    kept.update(epoch, history[2, rows, epoch])
                seconds[epoch] = time.perf_counter() - started
                if progress is not None:
                    progress(1)
        last_weights = _in_order(groups, [stack.heads_of(stack.parameters) for stack in stacks])
        best_weights = _in_order(groups, [kept.heads() for kept in best])
    loss, accuracy, val_loss, val_accuracy, val_precision, val_recall = history
    finite = np.isfinite(loss).all(axis=1)
    best_epoch = np.zeros(len(settings), np.int64)
    for rows, stack, kept in zip(groups, stacks, best, strict=True):
        finite[rows] &= finite_heads(stack)
        best_epoch[rows] = kept.epoch
    if validation is not None:
        finite &= np.isfinite(val_loss).all(axis=1)
    return TrainedHeads(
        settings=tuple(settings),
        activation=activation,
        classes=classes,
        order_seed=order_seed,
        batch_size=batch_size,
        scale=scale,
        weights=last_weights,
        best_weights=best_weights,
        best_epoch=best_epoch,
        loss=loss,
        accuracy=accuracy,
        val_loss=val_loss,
        val_accuracy=val_accuracy,
        val_precision=val_precision,
        val_recall=val_recall,
        seconds=np.tile(seconds, (len(settings), 1)),
        diverged=~finite,
    )


def balanced_class_weight(labels: Labels, classes: int) -> Floats:
    """Class weights (classes,) by which every class counts the same: n / (classes that occur · images of the class).

    The images' mean weight is 1, so that a learning rate keeps its meaning. A class without images has weight 1, which
    nothing feels. The weights scikit-learn calls `balanced`.
    """
    _, labels = checked_set(np.zeros((len(labels), 1), np.float32), labels, classes, "training")
    counts = np.bincount(labels, minlength=classes)
    weights = np.ones(classes)
    weights[counts > 0] = len(labels) / ((counts > 0).sum() * counts[counts > 0])
    return weights.astype(np.float32)


def _groups(settings: Sequence[HeadSettings]) -> list[list[int]]:
    """The positions of the heads that one stack can hold, for each stack."""
    groups: dict[tuple[object, ...], list[int]] = defaultdict(list)
    for row, s in enumerate(settings):
        groups[s.hidden, s.hidden_activation, s.optimizer == "sgd", s.dropout > 0, s.feature_dropout > 0].append(row)
    return list(groups.values())


def _stack(
    start: Sequence[HeadWeights],
    settings: Sequence[HeadSettings],
    batch_size: int,
    scale: float,
    order_seed: int,
    class_weight: Floats | None,
) -> Stack:
    first = settings[0]
    if first.linear and first.optimizer == "sgd" and not first.dropout:
        kernel, bias = (np.asarray(array, np.float32) for array in stacked_layers(start))
        return StackedHeads(kernel, bias, settings, batch_size, scale, class_weight)
    return StackedNetworks(start, settings, scale, order_seed, class_weight)


def _in_order(groups: Sequence[Sequence[int]], weights: Sequence[Sequence[HeadWeights]]) -> tuple[HeadWeights, ...]:
    """The weights of all heads in the order of the settings."""
    placed = {
        row: head for rows, heads in zip(groups, weights, strict=True) for row, head in zip(rows, heads, strict=True)
    }
    return tuple(placed[row] for row in sorted(placed))
