"""Building networks to look at: their weights have shapes, but no values."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

_WAITING = "uninitialized_variables"


@contextmanager
def without_values() -> Iterator[None]:
    """What Keras builds inside gets no values, neither now nor later; for the largest networks that saves a gigabyte.

    Keras notes every weight that is made in a `StatelessScope` and gives all of them their values at the end of the
    next ordinary one, which every model that is built later opens: they are taken off that list here.
    """
    import keras
    from keras.src.backend.common import global_state

    before = list(global_state.get_global_attribute(_WAITING) or [])
    try:
        with keras.StatelessScope(initialize_variables=False):
            yield
    finally:
        global_state.set_global_attribute(_WAITING, before)
