"""The settings of one head, and grids of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any, Literal, get_args

from regraft.errors import InputError
from regraft.training import _setting_checks as checks

DEFAULT_EPOCHS = 100
"""Epochs for which `regraft train` trains its grid; the best of them is chosen on validation."""

HiddenActivation = Literal["relu", "tanh", "sigmoid", "swish"]
Optimizer = Literal["sgd", "adam", "adamw"]

_OPTIMIZER_NAMES = {"adam": "Adam", "adamw": "AdamW"}


@dataclass(frozen=True)
class HeadSettings:
    """How one head is built and trained, in the words of `keras.layers` and `keras.optimizers`.

    Attributes:
        learning_rate: finite, above 0.
        momentum: at least 0, below 1; of `sgd` only.
        nesterov: Nesterov's form of momentum; needs momentum above 0.
        weight_decay: finite, at least 0; every step takes `learning_rate * weight_decay` of the weights away, with
            every optimizer: Keras' Adam and AdamW differ in their default value only.
        seed: of the initial weights and of dropout, a whole number of at least 0.
        hidden: the units of each hidden layer, from the features on; empty for a linear head. A list will do.
        hidden_activation: of every hidden layer; `swish` is x·sigmoid(x), also called SiLU.
        dropout: the share of the values set to 0 in training, at least 0 and below 1: after every hidden layer, or of
            the features where there is none.
        feature_dropout: likewise of the features, before the first hidden layer.
        optimizer: `adam` and `adamw` with Keras' defaults (betas 0.9 and 0.999, epsilon 1e-7).
        label_smoothing: at least 0, below 1: the part of each target that is spread over all classes evenly.

    Raises:
        InputError: one of them is out of its range, or they do not go together.
    """

    learning_rate: float
    momentum: float = 0.0
    nesterov: bool = False
    weight_decay: float = 0.0
    seed: int = 0
    hidden: tuple[int, ...] = ()
    hidden_activation: HiddenActivation = "relu"
    dropout: float = 0.0
    optimizer: Optimizer = "sgd"
    label_smoothing: float = 0.0
    feature_dropout: float = 0.0

    def __post_init__(self) -> None:
        checks.learning_rate(self.learning_rate)
        checks.known("optimizer", self.optimizer, get_args(Optimizer))
        checks.momentum(self.momentum, self.nesterov, self.optimizer)
        checks.weight_decay(self.weight_decay)
        checks.seed(self.seed)
        object.__setattr__(self, "hidden", checks.hidden_layers(self.hidden))
        checks.known("activation of the hidden layers", self.hidden_activation, get_args(HiddenActivation))
        if not self.hidden and self.hidden_activation != "relu":
            raise InputError(
                "The activation of hidden layers needs hidden layers.",
                expected="units of at least one hidden layer",
                received=f"hidden_activation {self.hidden_activation!r} without hidden layers",
            )
        checks.share("dropout", self.dropout)
        checks.share("dropout of the features", self.feature_dropout)
        if self.feature_dropout and not self.hidden:
            raise InputError(
                "A head without hidden layers drops features by its dropout.",
                expected=f"dropout {self.feature_dropout:g}",
                received=f"feature_dropout {self.feature_dropout:g}",
            )
        checks.share("label smoothing", self.label_smoothing)

    @property
    def linear(self) -> bool:
        """Whether there is no hidden layer."""
        return not self.hidden

    @property
    def label(self) -> str:
        """All but the seed, for people: `lr 0.1, momentum 0.9, Nesterov` or `lr 0.001, Adam, hidden 128-64`."""
        parts = [f"lr {self.learning_rate:g}"]
        if self.optimizer != "sgd":
            parts.append(_OPTIMIZER_NAMES[self.optimizer])
        if self.momentum:
            parts.append(f"momentum {self.momentum:g}")
        if self.nesterov:
            parts.append("Nesterov")
        if self.weight_decay:
            parts.append(f"weight decay {self.weight_decay:g}")
        if self.hidden:
            kind = "" if self.hidden_activation == "relu" else f" {self.hidden_activation}"
            parts.append(f"hidden {'-'.join(map(str, self.hidden))}{kind}")
        if self.dropout:
            parts.append(f"dropout {self.dropout:g}")
        if self.feature_dropout:
            parts.append(f"dropout {self.feature_dropout:g} of the features")
        if self.label_smoothing:
            parts.append(f"label smoothing {self.label_smoothing:g}")
        return ", ".join(parts)

    @property
    def facts(self) -> dict[str, Any]:
        """The settings as plain values, ready for JSON; of the later ones only those that are not the default."""
        facts: dict[str, Any] = {
            "learning_rate": self.learning_rate,
            "momentum": self.momentum,
            "nesterov": self.nesterov,
            "weight_decay": self.weight_decay,
            "seed": self.seed,
        }
        if self.hidden:
            facts |= {"hidden": list(self.hidden), "hidden_activation": self.hidden_activation}
        if self.dropout:
            facts["dropout"] = self.dropout
        if self.feature_dropout:
            facts["feature_dropout"] = self.feature_dropout
        if self.optimizer != "sgd":
            facts["optimizer"] = self.optimizer
        if self.label_smoothing:
            facts["label_smoothing"] = self.label_smoothing
        return facts

    def without_seed(self) -> HeadSettings:
        """The same settings with seed 0: equal for heads that only repeat each other."""
        return replace(self, seed=0)


def grid(
    learning_rates: Iterable[float],
    momenta: Iterable[float] = (0.0,),
    nesterov: Iterable[bool] = (False,),
    weight_decays: Iterable[float] = (0.0,),
    seeds: Iterable[int] = (0,),
    *,
    hidden: Iterable[Sequence[int]] = ((),),
    hidden_activations: Iterable[HiddenActivation] = ("relu",),
    dropouts: Iterable[float] = (0.0,),
    optimizers: Iterable[Optimizer] = ("sgd",),
    label_smoothings: Iterable[float] = (0.0,),
) -> list[HeadSettings]:
    """Every combination, each once, seeds innermost and what the head is built of outermost.

    What means nothing in a combination is left out of it: without a momentum there is one plain form, no Nesterov;
    only `sgd` has a momentum; only hidden layers have an activation.

    Raises:
        InputError: a value is out of its range, an axis is empty, Nesterov is asked for and no momentum given, or a
            momentum and no `sgd`.
    """
    momenta, nesterov, optimizers = list(momenta), list(nesterov), list(optimizers)
    if optimizers and "sgd" not in optimizers and (any(momenta) or any(nesterov)):
        checks.momentum(max(momenta, default=0.0), any(nesterov), optimizers[0])
    if any(nesterov) and momenta and not any(momenta):
        raise InputError(
            "Nesterov's momentum needs a momentum.", expected="a momentum above 0", hint="such as a momentum of 0.9"
        )
    settings: dict[HeadSettings, None] = {}
    for shape, kind, dropout, optimizer, smoothing, rate, momentum, form, decay, seed in product(
        [tuple(shape) for shape in hidden], hidden_activations, dropouts, optimizers, label_smoothings,
        learning_rates, momenta, nesterov, weight_decays, seeds,
    ):  # fmt: skip
        kept = momentum if optimizer == "sgd" else 0.0
        setting = HeadSettings(
            rate,
            kept,
            form and bool(kept),
            decay,
            seed,
            hidden=shape,
            hidden_activation=kind if shape else "relu",
            dropout=dropout,
            optimizer=optimizer,
            label_smoothing=smoothing,
        )
        settings[setting] = None
    if not settings:
        raise InputError(
            "The grid holds no setting.",
            expected="at least one learning rate, momentum, form, weight decay and seed",
            hint="give each axis at least one value, or leave it out",
        )
    return list(settings)


def default_grid(seeds: Iterable[int] = (0,)) -> list[HeadSettings]:
    """The six settings `regraft train` tries, for features scaled to a mean squared length of 1 (`heads.rms_norm`).

    Nesterov momentum 0.9 with learning rates from 0.05 (many images) to 2 (few images). Measured over 20 random
    60/20/20 splits with `DEFAULT_EPOCHS`, batches of 32, choice and refit as in `choice`, against a logistic
    regression (scikit-learn, C = 1) fitted on train and validation; test accuracy in percent, here and there:

        small flowers, 1,000 images     MobileNetV2 86.6 and 86.9     MobileNet-0.75 86.5 and 86.7
        cats and dogs, 1,000 images     MobileNetV2 99.3 and 99.4     MobileNet-0.75 98.6 and 98.5

    Larger learning rates now and then win on validation by luck and lose on test; weight decay never helped beside
    the choice of the epoch, which limits the weights already; plain SGD gets to the same place in ten times the epochs.
    """
    return grid(default_learning_rates("sgd"), (default_momentum("sgd"),), nesterov=(True,), seeds=seeds)


def default_learning_rates(optimizer: Optimizer, hidden: Sequence[int] = ()) -> tuple[float, ...]:
    """The learning rates tried where none are given, for features scaled to a mean squared length of 1.

    Measured on small flowers (1,000 images, EfficientNetLite0, three 60/20/20 splits, 40 epochs, batches of 32): the
    lowest validation loss in nats, mean of the splits, and the test accuracy at that epoch, for the best three rates.

        SGD, one hidden layer of 128     0.05: 0.245, 87.9 %      0.1: 0.242, 88.3 %      0.2: 0.248, 87.7 %
        Adam, one hidden layer of 128    0.001: 0.253, 86.6 %     0.003: 0.251, 86.9 %    0.01: 0.264, 86.9 %
        Adam, linear                     0.01: 0.271, 87.1 %      0.03: 0.259, 86.8 %     0.1: 0.265, 86.9 %
        SGD, linear (`default_grid`)     0.5: 0.273, 87.9 %       1: 0.258, 87.5 %        2: 0.250, 87.7 %

    A hidden layer wants about a tenth of the rate; with some 200 test images a split, none of the four is clearly the
    best. On cats and dogs, measured alike, every rate of the lists gives 98.7 to 99.2 %. One smaller rate is tried
    beside the good ones, for more images than these.
    """
    if optimizer == "sgd":
        return (0.02, 0.05, 0.1, 0.2) if hidden else (0.05, 0.1, 0.2, 0.5, 1.0, 2.0)
    return (0.0003, 0.001, 0.003, 0.01) if hidden else (0.003, 0.01, 0.03, 0.1)


def default_momentum(optimizer: Optimizer) -> float:
    """The momentum where none is given: 0.9 for SGD, in Nesterov's form; Adam has its own."""
    return 0.9 if optimizer == "sgd" else 0.0


def default_weight_decay(optimizer: Optimizer) -> float:
    """The weight decay where none is given: Keras' own.

    More features, of several backbones at once, want no more of it. Small flowers, five folds, test loss in nats
    and accuracy without, with 0.0003 and with 0.001, the learning rates as ever:

        EfficientNetLite1@320                     0.256, 90.8 %     0.252, 90.9 %     0.277, 90.7 %
        EfficientNetLite1@320+MobileNet-0.75      0.245, 91.6 %     0.244, 91.4 %     0.276, 90.7 %
    """
    return 0.004 if optimizer == "adamw" else 0.0
