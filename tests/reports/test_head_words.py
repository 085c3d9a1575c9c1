from __future__ import annotations

from typing import Any

import pytest

from regraft.reports._head_words import head_sentences, one_hidden_shape
from regraft.reports._study_parts import SHARED_REFERENCES
from regraft.runs.config import HeadConfig

START = " from Glorot-uniform initial weights [[cite:glorot2010]]."
SGD = "stochastic gradient descent with momentum [[cite:sutskever2013]]"


def said(*heads: dict[str, Any]) -> str:
    configs = [HeadConfig(**head) for head in heads]
    text = head_sentences(configs, [s for config in configs for s in config.settings([0])])
    known = {f"[[cite:{reference.key}]]" for reference in SHARED_REFERENCES}
    assert {part for part in text.replace("]]", "]] ").split() if part.startswith("[[")} <= known
    return text


@pytest.mark.parametrize(
    ("heads", "text"),
    [
        ([{}], f"N is a Dense layer, trained by {SGD}{START}"),
        (
            [{"hidden": [128], "optimizer": ["adam"]}],
            "N is a Dense layer after a hidden layer of 128 units with ReLU, trained by Adam [[cite:kingma2015]]"
            + START,
        ),
        (
            [{"hidden": [1280, 64], "hidden_activation": ["tanh"]}],
            f"N is a Dense layer after hidden layers of 1,280 and 64 units with tanh, trained by {SGD}{START}",
        ),
        (
            [{"hidden": [[], [8]]}, {"optimizer": ["adamw"]}],
            "N is a Dense layer, after hidden layers with ReLU in the settings that have them, trained by "
            f"{SGD} or Adam [[cite:kingma2015]] with decoupled weight decay [[cite:loshchilov2019]]{START}",
        ),
    ],
)
def test_layers_and_optimizers(heads: list[dict[str, Any]], text: str) -> None:
    assert said(*heads) == text


def test_what_else_was_done_is_said_of_all_or_of_some() -> None:
    everything = {
        "dropout": [0.1, 0.5],
        "class_weight": "balanced",
        "sampling": "balanced",
        "label_smoothing": [0.1],
    }
    assert said(everything).removeprefix(f"N is a Dense layer, trained by {SGD}{START} ") == (
        "In training, dropout of 0.1 and 0.5 was applied [[cite:srivastava2014]]. The loss of an image counted the "
        "more the rarer its class is. Every epoch saw all classes equally often. The labels trained on were smoothed; "
        "the validation loss is that of the labels as they are."
    )
    assert said({}, everything).removeprefix(f"N is a Dense layer, trained by {SGD}{START} ") == (
        "In training, dropout of 0.1 and 0.5 was applied in some of the settings [[cite:srivastava2014]]. The loss of "
        "an image counted the more the rarer its class is, in the settings that are balanced. Every epoch saw all "
        "classes equally often, in the settings that are balanced. The labels trained on were, in some of the "
        "settings, smoothed; the validation loss is that of the labels as they are."
    )


@pytest.mark.parametrize(
    ("head", "shape"),
    [
        ({}, ()),
        ({"hidden": [128]}, (128,)),
        ({"hidden": [[], [128]]}, None),
        ({"hidden": [128, 64]}, None),
        ({"hidden": [128], "hidden_activation": ["tanh"]}, None),
    ],
)
def test_a_diagram_shows_no_hidden_layer_or_the_one_of_all_heads(head: dict[str, Any], shape: Any) -> None:
    assert one_hidden_shape(HeadConfig(**head).settings([0])) == shape
