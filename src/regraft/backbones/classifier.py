"""A whole network of the catalogue, with the head it was trained with: from pixels to ImageNet's 1,000 classes."""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from regraft.backbones.catalogue import CATALOGUE, DEFAULT_BACKBONE
from regraft.backbones.names import BackboneName, parse_backbone
from regraft.backbones.weights import Weights, find_weights, local_weights
from regraft.errors import InputError, MissingPackageError

# Changes when the same network and weights would give other probabilities.
_REVISION = 1


@dataclass(frozen=True)
class Classifier:
    """A network with its own head: uint8 RGB pixels (size × size × 3) → the probabilities of ImageNet's classes.

    Attributes:
        network: of the catalogue.
        weights: the file they come from, the 1000-class layer among them.
    """

    network: BackboneName
    weights: Weights

    def description(self) -> dict[str, Any]:
        """All that decides what it computes, as plain JSON."""
        return {
            "revision": _REVISION,
            "network": vars(self.network),
            "weights": self.weights.sha256,
            "preprocessing": self.network.card.preprocessing.as_dict(),
            "cut": "ImageNet's classes",
        }

    @property
    def identity(self) -> str:
        """SHA-256 of `description`: names the graph in the cache."""
        return hashlib.sha256(json.dumps(self.description(), sort_keys=True).encode()).hexdigest()


def open_classifier(spelling: str = DEFAULT_BACKBONE, *, weights: Path | None = None) -> Classifier:
    """Gives a network of the catalogue with its own head.

    Args:
        spelling: `MobileNetV2-0.35@320`.
        weights: a weight file with the 1000-class layer; searched for where None.

    Raises:
        InputError: there is no such backbone or no such file; it is a saved model or a run, which has no classes of
            ImageNet's; or the weights with the head are not here (the message names those backbones whose are).
    """
    _refuse_saved(spelling)
    name = parse_backbone(spelling)
    try:
        return Classifier(name, find_weights(name, include_top=True, file=weights))
    except MissingPackageError:
        raise
    except InputError as error:
        if weights is not None or local_weights(name, include_top=True):
            raise  # about that file, not about one that is nowhere
        here = ", ".join(map(str, classifiers_here()))
        raise InputError(
            error.problem,
            expected=error.expected,
            received=error.received,
            hint="; ".join(filter(None, (error.hint, f"the weights with ImageNet's classes are here of: {here}"))),
        ) from error


def classifiers_here() -> list[BackboneName]:
    """The networks whose weights with the 1000-class layer are on this machine, in the order of the catalogue."""
    names = (BackboneName(card.name, alpha) for card in CATALOGUE.values() for alpha in card.alphas or (1.0,))
    return [name for name in names if local_weights(name, include_top=True)]


def _refuse_saved(spelling: str) -> None:
    path = Path(spelling)
    saved = path.suffix == ".keras"
    with suppress(OSError):  # a text too long for a path is a (wrong) name
        saved = saved or any((path / name).is_file() for name in ("model.keras", "config.toml"))
    if saved:
        raise InputError(
            "A saved model answers with its own classes, not with ImageNet's.",
            expected=f"a backbone of the catalogue, such as {DEFAULT_BACKBONE}",
            received=spelling,
            hint="`regraft predict RUN IMAGE…` gives the answers of a run",
        )
