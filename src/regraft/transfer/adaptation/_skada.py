"""skada, imported quickly and without leaving a trace in scikit-learn."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from regraft.errors import MissingPackageError
from regraft.transfer.adaptation.linear import Floats, Labels
from regraft.transfer.adaptation.problem import Domains

_SOURCE, _TARGET = 1, -2  # how skada marks the domain of an image: above 0 and below


def skada() -> Any:
    """The package.

    POT, which it stands on, would import TensorFlow, PyTorch, JAX and CuPy wherever they are installed (seconds, and
    hundreds of MB), unless told not to. skada itself switches scikit-learn's metadata routing on for the whole
    process; it is put back, and none of what is used here needs it.

    Raises:
        MissingPackageError: it is not installed.
    """
    for name in ("TENSORFLOW", "PYTORCH", "JAX", "CUPY"):
        os.environ.setdefault(f"POT_BACKEND_DISABLE_{name}", "1")
    import sklearn

    routing = sklearn.get_config()["enable_metadata_routing"]
    try:
        import skada as package
    except ModuleNotFoundError as error:
        raise MissingPackageError("Domain adaptation", "adapt") from error
    finally:
        sklearn.set_config(enable_metadata_routing=routing)
    return package


def fit_adapter(adapter: Any, domains: Domains) -> Floats:
    """Fits one of skada's adapters to the domains; gives the source images as it moves them, (n, d')."""
    both = np.concatenate([domains.source, domains.target])
    # The target's labels are hidden as skada wants it: -1.
    labels = np.concatenate([domains.source_labels, np.full(len(domains.target), -1)])
    adapter.fit(both, labels, sample_domain=_domain(len(domains.source), len(domains.target)))
    moved = adapter.transform(domains.source, sample_domain=_domain(len(domains.source), 0), allow_source=True)
    return np.asarray(moved, np.float64)


def _domain(source: int, target: int) -> Labels:
    return np.repeat(np.array([_SOURCE, _TARGET], np.int64), [source, target])
