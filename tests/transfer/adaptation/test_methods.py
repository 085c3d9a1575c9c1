from __future__ import annotations

import numpy as np
import pytest

from regraft.errors import InputError
from regraft.transfer.adaptation.methods import METHODS, wanted_methods
from regraft.transfer.adaptation.problem import Domains, no_labels


@pytest.mark.parametrize("name", METHODS)
def test_every_method_gives_a_head_for_plain_target_features(name: str) -> None:
    rng = np.random.default_rng(0)
    labels = np.arange(30) % 3
    source = rng.normal(size=(30, 5)) + np.eye(5)[labels]
    domains = Domains(source, labels, source[:20] + 0.1, 3)
    method = METHODS[name]
    for labelled in (no_labels(5), (domains.target[:6], labels[:6])):
        if len(labelled[1]) or not method.needs_labels:
            kernel, bias = method.prepare(domains)(*labelled)
            assert (kernel.shape, bias.shape) == ((5, 3), (3,))
            assert np.isfinite(kernel).all()
    assert method.title
    assert (method.source == "") == (name in ("source-only", "target-only"))


def test_what_is_asked_for_comes_with_the_baselines() -> None:
    assert [method.name for method in wanted_methods(["coral"], labelled=True)] == [
        "source-only",
        "target-only",
        "both",
        "coral",
    ]
    assert [method.name for method in wanted_methods(["coral"], labelled=False)] == ["source-only", "coral"]
    assert len(wanted_methods(None, labelled=True)) == len(METHODS)


def test_what_cannot_be_had_is_refused() -> None:
    with pytest.raises(InputError, match="importance-weighting"):
        wanted_methods(["magic"], labelled=True)
    with pytest.raises(InputError, match="--labels"):
        wanted_methods(["l2-sp"], labelled=False)
