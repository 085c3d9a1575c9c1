"""What the heads of a study are and how they were trained, in words."""

from __future__ import annotations

from collections.abc import Sequence

from regraft.reports._words import listing
from regraft.runs.config import HeadConfig
from regraft.training.settings import HeadSettings


def head_sentences(configs: Sequence[HeadConfig], settings: Sequence[HeadSettings]) -> str:
    """Layers, optimizer and start of N, and what was done about dropout and classes of different sizes.

    Args:
        configs: of every setting of the study.
        settings: of all heads of all of them.
    """
    sentences = [f"N is {_layers(settings)}, trained by {_optimizers(settings)} from Glorot-uniform initial weights "]
    sentences[0] += "[[cite:glorot2010]]."
    some = [s for s in settings if s.dropout]
    if some:
        shares = listing(sorted({f"{s.dropout:g}" for s in some}))
        which = "" if len(some) == len(settings) else " in some of the settings"
        sentences.append(f"In training, dropout of {shares} was applied{which} [[cite:srivastava2014]].")
    if any(c.class_weight == "balanced" for c in configs):
        sentences.append(f"The loss of an image counted the more the rarer its class is{_where(configs, 'weight')}.")
    if any(c.sampling == "balanced" for c in configs):
        sentences.append(f"Every epoch saw all classes equally often{_where(configs, 'sampling')}.")
    if any(s.label_smoothing for s in settings):
        which = "" if all(s.label_smoothing for s in settings) else ", in some of the settings,"
        sentences.append(
            f"The labels trained on were{which} smoothed; the validation loss is that of the labels as they are."
        )
    return " ".join(sentences)


def one_hidden_shape(settings: Sequence[HeadSettings]) -> tuple[int, ...] | None:
    """The hidden layers that all heads share, where a diagram can show them: none, or one with ReLU."""
    shapes = {s.hidden for s in settings}
    plain = all(s.hidden_activation == "relu" for s in settings)
    shape = next(iter(shapes))
    return shape if len(shapes) == 1 and plain and len(shape) <= 1 else None


def _layers(settings: Sequence[HeadSettings]) -> str:
    hidden = {s.hidden for s in settings}
    if hidden == {()}:
        return "a Dense layer"
    kinds = listing(sorted({_KINDS[s.hidden_activation] for s in settings if s.hidden}))
    if len(hidden) == 1:
        units = listing([f"{units:,}" for units in next(iter(hidden))])
        layers = "a hidden layer" if len(next(iter(hidden))) == 1 else "hidden layers"
        return f"a Dense layer after {layers} of {units} units with {kinds}"
    return f"a Dense layer, after hidden layers with {kinds} in the settings that have them"


_KINDS = {"relu": "ReLU", "tanh": "tanh", "sigmoid": "a sigmoid", "swish": "swish"}


def _optimizers(settings: Sequence[HeadSettings]) -> str:
    names = {
        "sgd": "stochastic gradient descent with momentum [[cite:sutskever2013]]",
        "adam": "Adam [[cite:kingma2015]]",
        "adamw": "Adam [[cite:kingma2015]] with decoupled weight decay [[cite:loshchilov2019]]",
    }
    used = [name for name in names if any(s.optimizer == name for s in settings)]
    return " or ".join(names[name] for name in used)


def _where(configs: Sequence[HeadConfig], what: str) -> str:
    name = "class_weight" if what == "weight" else what
    return "" if all(getattr(c, name) == "balanced" for c in configs) else ", in the settings that are balanced"
