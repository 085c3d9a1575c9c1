from __future__ import annotations

import os
import sys

import numpy as np
import pytest
import sklearn

from regraft.errors import MissingPackageError
from regraft.transfer.adaptation._skada import fit_adapter, skada
from regraft.transfer.adaptation.problem import Domains


def test_it_leaves_no_trace_in_scikit_learn_and_asks_for_no_other_backend() -> None:
    assert skada().__name__ == "skada"
    assert sklearn.get_config()["enable_metadata_routing"] is False
    assert os.environ["POT_BACKEND_DISABLE_TENSORFLOW"] == "1"
    from ot import backend

    assert backend.tf is False


def test_its_absence_is_answered_with_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "skada", None)
    with pytest.raises(MissingPackageError) as caught:
        skada()
    assert 'pip install "regraft[adapt]"' in str(caught.value)


def test_an_adapter_is_told_which_images_are_the_targets_and_never_their_labels() -> None:
    seen = {}

    class Adapter:
        def fit(self, features: np.ndarray, labels: np.ndarray, sample_domain: np.ndarray) -> None:
            seen.update(features=features, labels=labels, domain=sample_domain)

        def transform(self, features: np.ndarray, sample_domain: np.ndarray, allow_source: bool) -> np.ndarray:
            assert allow_source
            assert (sample_domain > 0).all()
            return 2 * features

    labelled = np.zeros((1, 1)), np.array([1])
    domains = Domains(np.ones((2, 1)), np.array([0, 1]), np.zeros((3, 1)), 2, labelled)
    assert fit_adapter(Adapter(), domains).tolist() == [[2.0], [2.0]]
    assert seen["labels"].tolist() == [0, 1, -1, -1, -1]
    assert (seen["domain"] > 0).tolist() == [True, True, False, False, False]
