"""The methods by name: adding one is a file with a class, a line here, and a test."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Protocol

from regraft.errors import InputError
from regraft.transfer.adaptation.baselines import Both, SourceOnly, TargetOnly
from regraft.transfer.adaptation.coral import Coral
from regraft.transfer.adaptation.problem import Domains, Trainer, What
from regraft.transfer.adaptation.stay_near import StayNear
from regraft.transfer.adaptation.subspace import SubspaceAlignment
from regraft.transfer.adaptation.transport import OptimalTransport
from regraft.transfer.adaptation.weighting import ImportanceWeighting


class Method(Protocol):
    """One way from source to target.

    Attributes:
        name: how it is asked for.
        title: how tables call it.
        what: is transferred.
        needs_labels: whether it needs labelled target images.
        source: the paper.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    what: ClassVar[What]
    needs_labels: ClassVar[bool]
    source: ClassVar[str]

    def prepare(self, domains: Domains) -> Trainer:
        """Does what needs no target labels, once; the trainer then gives the head for some labelled target images."""
        ...


METHODS: dict[str, Method] = {
    method.name: method
    for method in (
        SourceOnly(),
        TargetOnly(),
        Both(),
        ImportanceWeighting(),
        Coral(),
        SubspaceAlignment(),
        OptimalTransport(),
        StayNear(),
    )
}
"""All methods, the baselines first."""


def wanted_methods(names: Sequence[str] | None, *, labelled: bool) -> list[Method]:
    """The baselines that can be had, and the methods that are asked for.

    Args:
        names: None for all that can be had.
        labelled: whether there are labelled target images.

    Raises:
        InputError: there is no method of such a name, or it needs labels and there are none.
    """
    for name in names or ():
        if name not in METHODS:
            raise InputError("There is no such method.", expected=", ".join(METHODS), received=name)
        if METHODS[name].needs_labels and not labelled:
            raise InputError(
                f"{METHODS[name].title} needs labelled target images.",
                expected="a target of class folders, and --labels N: so many images of each class to train on",
                received="no target labels to train on",
            )
    return [
        method
        for name, method in METHODS.items()
        if (labelled or not method.needs_labels) and (names is None or name in names or method.what == "baseline")
    ]
