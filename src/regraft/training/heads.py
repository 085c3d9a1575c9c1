"""Linear heads on cached features, many trained at once: one stacked problem on shared batches."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from regraft.errors import InputError
from regraft.training._counts import ClassCounts
from regraft.training._stacked import (
    StackedHeads,
    answers_of,
    fitting_threads,
    losses_and_probabilities,
    one_hot,
)
from regraft.training.settings import HeadSettings

Activation = Literal["softmax", "sigmoid"]
Floats = npt.NDArray[np.float32]
Labels = npt.NDArray[np.int64]
History = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class TrainedHeads:
    """K trained heads and how they came about. `outputs` is the number of classes, or 1 for a sigmoid.

    Attributes:
        settings: one per head.
        activation: `softmax`, or `sigmoid` for one unit that gives the probability of class 1 of two.
        classes: how many there are.
        order_seed, batch_size, scale: as they were given to `train_heads`.
        kernel, bias: after the last epoch, float32 (K, D, outputs) and (K, outputs).
        best_kernel, best_bias: after the best epoch, likewise.
        best_epoch: int (K,), 1-based: the epoch with the lowest validation loss, the earlier one of equals; without
            validation the last epoch. 0 where no epoch had a finite loss (then best_kernel is the start).
        loss, accuracy: float64 (K, epochs) on the training images: the mean over the epoch's images, each measured just
            before its batch's update, as Keras reports it.
        val_loss, val_accuracy: float64 (K, epochs) on the validation images at the end of the epoch; NaN without them.
        val_precision, val_recall: likewise, averaged over the classes that occur (`evaluation.metrics.macro_average`).
        seconds: float64 (K, epochs), since the start of the head's training at the end of each epoch. Heads trained at
            once share them.
        diverged: bool (K,), True where a loss or a weight stopped being a finite number.
    """

    settings: tuple[HeadSettings, ...]
    activation: Activation
    classes: int
    order_seed: int
    batch_size: int
    scale: float
    kernel: Floats
    bias: Floats
    best_kernel: Floats
    best_bias: Floats
    best_epoch: npt.NDArray[np.int64]
    loss: History
    accuracy: History
    val_loss: History
    val_accuracy: History
    val_precision: History
    val_recall: History
    seconds: History
    diverged: npt.NDArray[np.bool_]

    def probabilities(self, features: Floats, head: int, epoch: Literal["best", "last"] = "best") -> Floats:
        """Class probabilities (N, classes), float32, that one head gives to features (N, D)."""
        if epoch == "best":
            return head_probabilities(features, self.best_kernel[head], self.best_bias[head])
        return head_probabilities(features, self.kernel[head], self.bias[head])

    def history_rows(self) -> list[dict[str, Any]]:
        """The history as one plain dictionary per head and epoch, ready for JSON lines; NaN and infinity are None."""
        return [
            {
                "head": head,
                "learning_rate": settings.learning_rate,
                "momentum": settings.momentum,
                "nesterov": settings.nesterov,
                "weight_decay": settings.weight_decay,
                "seed": settings.seed,
                "epoch": epoch + 1,
                "loss": _finite(self.loss[head, epoch]),
                "accuracy": _finite(self.accuracy[head, epoch]),
                "val_loss": _finite(self.val_loss[head, epoch]),
                "val_accuracy": _finite(self.val_accuracy[head, epoch]),
                "val_precision": _finite(self.val_precision[head, epoch]),
                "val_recall": _finite(self.val_recall[head, epoch]),
                "seconds": round(float(self.seconds[head, epoch]), 4),
            }
            for head, settings in enumerate(self.settings)
            for epoch in range(self.loss.shape[1])
        ]

    def select(self, heads: Sequence[int]) -> TrainedHeads:
        """Some of the heads, in the order given."""
        rows = list(heads)
        arrays: dict[str, Any] = {n: value[rows] for n, value in vars(self).items() if isinstance(value, np.ndarray)}
        return replace(self, settings=tuple(self.settings[row] for row in rows), **arrays)


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
    initial: tuple[Floats, Floats] | None = None,
    scale: float = 1.0,
    progress: Callable[[int], None] | None = None,
) -> TrainedHeads:
    """Trains one linear head per setting, all at once, with the mathematics of Keras' `Dense` and `SGD`.

    Per batch of n images, with g the gradient of the mean cross-entropy of the batch, every head does what
    `keras.optimizers.SGD` does:

        w <- w * (1 - learning_rate * weight_decay)       decoupled; kernel and bias alike, as in Keras
        v <- momentum * v - learning_rate * g             g is taken before the decay
        w <- w + v                                        or, with Nesterov,  w + momentum * v - learning_rate * g

    All heads see the same batches: one permutation of the images per epoch, drawn from `order_seed`; the last, short
    batch is used. The kernel starts Glorot-uniform (`initial_weights`), the bias at zero. The same arguments on the
    same machine give the same numbers bit for bit. A head whose numbers overflow is flagged and disturbs no other.

    Args:
        features: (N, D) float32.
        labels: (N,) class indices in 0 ... classes - 1.
        settings: one per head.
        epochs: passes over the features.
        order_seed: of the order of the images.
        validation: features (M, D) and labels (M,), measured after every epoch; the epoch with the lowest validation
            loss is kept for each head. The loss and not the accuracy decides because it sees how sure the answers
            are: with few images many epochs share one accuracy, and the choice among them would be left to chance.
        batch_size: images per update.
        activation: `softmax`, or `sigmoid` (two classes, one unit).
        initial: kernel (K, D, outputs) and bias (K, outputs) to start from, in place of random ones.
        scale: trains as if every feature were divided by this number (see `rms_norm`), which makes a learning rate
            mean the same for backbones with large and with small features. The kernels given and returned are always
            those for the features as they are: dividing x by s and a kernel's start and gradient accordingly is
            the same as a learning rate of `learning_rate / s**2` for the kernel on x itself, which is what is
            computed, so nothing is approximated. The bias keeps its learning rate.
        progress: called with 1 after each epoch.

    Raises:
        InputError: shapes, labels or numbers that do not fit together, or features that are not finite.

    Source: Sutskever et al. 2013, "On the importance of initialization and momentum in deep learning", in the form of
    `keras.optimizers.SGD`.
    """
    outputs = _outputs(classes, activation)
    features, labels = _checked(features, labels, classes, "training")
    width = features.shape[1]
    if not settings:
        raise InputError("There is no head to train.", expected="at least one setting")
    for name, number in (("epochs", epochs), ("batch_size", batch_size)):
        if number < 1:
            raise InputError(f"{name} is too small.", expected="at least 1", received=str(number))
    if not (math.isfinite(scale) and scale > 0):
        raise InputError("The scale cannot be used.", expected="a finite number above 0", received=str(scale))
    if validation is not None:
        validation = _checked(*validation, classes, "validation")
        if validation[0].shape[1] != width:
            raise InputError(
                "Training and validation features differ in width.",
                expected=f"{width} features per image",
                received=str(validation[0].shape[1]),
            )
    kernel, bias = initial_weights(settings, width, outputs, scale) if initial is None else initial
    if kernel.shape != (len(settings), width, outputs) or bias.shape != (len(settings), outputs):
        raise InputError(
            "The initial weights do not fit.",
            expected=f"kernel {(len(settings), width, outputs)} and bias {(len(settings), outputs)}",
            received=f"{kernel.shape} and {bias.shape}",
        )

    kernel, bias = np.asarray(kernel, np.float32), np.asarray(bias, np.float32)
    history = np.full((6, len(settings), epochs), np.nan)
    seconds = np.empty(epochs)
    order = np.random.default_rng(order_seed)
    with fitting_threads(kernel.size * batch_size), np.errstate(all="ignore"):
        heads = StackedHeads(kernel, bias, settings, min(batch_size, len(features)), scale)
        best = _BestEpoch(heads, keep=validation is not None)
        started = time.perf_counter()
        for epoch in range(epochs):
            history[:2, :, epoch] = _train_epoch(heads, features, labels, order.permutation(len(features)), batch_size)
            if validation is not None:
                history[2:, :, epoch] = _measure(heads, *validation, classes)
            best.update(epoch, history[2, :, epoch])
            seconds[epoch] = time.perf_counter() - started
            if progress is not None:
                progress(1)
    loss, accuracy, val_loss, val_accuracy, val_precision, val_recall = history
    finite = np.isfinite(heads.kernel).all(axis=(0, 2)) & np.isfinite(loss).all(axis=1)
    if validation is not None:
        finite &= np.isfinite(val_loss).all(axis=1)
    last = _unstacked(heads.kernel, heads.bias)
    best_kernel, best_bias = last if validation is None else _unstacked(best.kernel, best.bias)
    return TrainedHeads(
        settings=tuple(settings),
        activation=activation,
        classes=classes,
        order_seed=order_seed,
        batch_size=batch_size,
        scale=scale,
        kernel=last[0],
        bias=last[1],
        best_kernel=best_kernel,
        best_bias=best_bias,
        best_epoch=best.epoch,
        loss=loss,
        accuracy=accuracy,
        val_loss=val_loss,
        val_accuracy=val_accuracy,
        val_precision=val_precision,
        val_recall=val_recall,
        seconds=np.tile(seconds, (len(settings), 1)),
        diverged=~finite,
    )


def initial_weights(
    settings: Sequence[HeadSettings], width: int, outputs: int, scale: float = 1.0
) -> tuple[Floats, Floats]:
    """Glorot-uniform kernels (K, width, outputs) and zero biases (K, outputs), float32.

    Each kernel is `numpy.random.default_rng(seed).uniform(-limit, limit, (width, outputs))` with
    `limit = sqrt(6 / (width + outputs))`, divided by `scale`, the same for all heads of one seed (Glorot and Bengio
    2010, "Understanding the difficulty of training deep feedforward neural networks", equation 16).
    """
    limit = math.sqrt(6 / (width + outputs))
    by_seed = {
        seed: np.random.default_rng(seed).uniform(-limit, limit, (width, outputs)) / scale
        for seed in {s.seed for s in settings}
    }
    kernel = np.stack([by_seed[s.seed] for s in settings]).astype(np.float32)
    return kernel, np.zeros((len(settings), outputs), np.float32)


def head_probabilities(features: Floats, kernel: Floats, bias: Floats) -> Floats:
    """Class probabilities (N, classes), float32, from features (N, D), a kernel (D, outputs) and a bias (outputs,).

    One output is a sigmoid: its two columns are the probabilities of class 0 and class 1.
    """
    logits = np.asarray(features, np.float32) @ kernel + bias
    if logits.shape[1] == 1:
        logits = np.concatenate([np.zeros_like(logits), logits], axis=1)
    logits -= logits.max(axis=1, keepdims=True)
    np.exp(logits, out=logits)
    logits /= logits.sum(axis=1, keepdims=True)
    return logits


def rms_norm(features: Floats) -> float:
    """The root mean square over the images of the length of their feature vectors (N, D); 1 where all are zero.

    As `scale` of `train_heads`, it makes the features' mean squared length 1.
    """
    squares = np.einsum("nd,nd->n", features, features)
    return math.sqrt(float(squares.mean(dtype=np.float64))) or 1.0


class _BestEpoch:
    """The weights of each head at its lowest validation loss so far (or just the last epoch, if `keep` is False)."""

    def __init__(self, heads: StackedHeads, keep: bool) -> None:
        self._heads, self._keep = heads, keep
        self._loss = np.full(heads.kernel.shape[1], np.inf)
        self.epoch = np.zeros(heads.kernel.shape[1], np.int64)
        if keep:
            self.kernel, self.bias = heads.kernel.copy(), heads.bias.copy()

    def update(self, epoch: int, val_loss: History) -> None:
        if not self._keep:
            self.epoch[:] = epoch + 1
            return
        better = val_loss < self._loss
        self._loss[better] = val_loss[better]
        self.epoch[better] = epoch + 1
        np.copyto(self.kernel, self._heads.kernel, where=better[None, :, None])
        np.copyto(self.bias, self._heads.bias, where=better[None, :, None])


def _train_epoch(
    heads: StackedHeads, features: Floats, labels: Labels, order: npt.NDArray[np.int64], batch_size: int
) -> History:
    """One pass in the given order; mean loss and accuracy, (2, K)."""
    sums = np.zeros((2, heads.kernel.shape[1]))
    buffer = np.empty((min(batch_size, len(features)), features.shape[1]), np.float32)
    for batch in _slices(len(features), batch_size):
        chosen = order[batch]
        # "clip" only because NumPy copies once more in its default mode; every index is in range.
        rows = np.take(features, chosen, axis=0, out=buffer[: len(chosen)], mode="clip")
        loss, correct = heads.step(rows, labels[chosen])
        sums[0] += loss
        sums[1] += correct
    return sums / len(features)


def _measure(heads: StackedHeads, features: Floats, labels: Labels, classes: int) -> History:
    """Mean loss, accuracy, macro precision and macro recall of the heads as they are, (4, K)."""
    outputs, count, _ = heads.kernel.shape
    loss = np.zeros(count)
    found = ClassCounts(count, classes)
    for part in _slices(len(features), 1024):
        logits = heads.logits(features[part])
        found.add(answers_of(logits), labels[part])
        loss += losses_and_probabilities(logits, one_hot(labels[part], outputs)).sum(axis=1, dtype=np.float64)
    return np.stack([loss / len(features), found.accuracy(), *found.macro_precision_recall()])


def _slices(count: int, size: int) -> Iterator[slice]:
    return (slice(start, min(start + size, count)) for start in range(0, count, size))


def _unstacked(kernel: Floats, bias: Floats) -> tuple[Floats, Floats]:
    """(outputs, K, D) and (outputs, K, 1) to (K, D, outputs) and (K, outputs)."""
    return np.ascontiguousarray(kernel.transpose(1, 2, 0)), np.ascontiguousarray(bias[:, :, 0].T)


def _outputs(classes: int, activation: Activation) -> int:
    if classes < 2:
        raise InputError("A classifier needs classes.", expected="at least 2", received=str(classes))
    if activation == "softmax":
        return classes
    if activation != "sigmoid":
        raise InputError("The activation is not known.", expected="softmax or sigmoid", received=str(activation))
    if classes != 2:
        raise InputError(
            "A sigmoid head tells two classes apart.", expected="2 classes", received=str(classes), hint="use softmax"
        )
    return 1


def _checked(features: Floats, labels: Labels, classes: int, what: str) -> tuple[Floats, Labels]:
    features = np.ascontiguousarray(features, np.float32)
    labels = np.asarray(labels)
    if features.ndim != 2 or not features.size or labels.shape != (len(features),):
        raise InputError(
            f"The {what} features and labels do not fit together.",
            expected="features (images, width) and one label per image, at least one image",
            received=f"features {features.shape}, labels {labels.shape}",
        )
    if not np.issubdtype(labels.dtype, np.integer) or labels.min() < 0 or labels.max() >= classes:
        raise InputError(
            f"A {what} label is no class index.",
            expected=f"whole numbers from 0 to {classes - 1}",
            received=f"{labels.dtype} from {labels.min()} to {labels.max()}",
        )
    with np.errstate(all="ignore"):
        finite = np.isfinite(features.sum(dtype=np.float64))  # no array of N * D booleans
    if not finite:
        raise InputError(
            f"The {what} features are not all finite numbers.",
            hint="extract them again, with --precision f32 if they were extracted in less",
        )
    return features, labels.astype(np.int64, copy=False)


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
