"""The frozen base F: a backbone cut where its features are, and the hash that names exactly this function."""

from __future__ import annotations

import hashlib
import json
import zipfile
import zlib
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from regraft._files import sha256_of_file
from regraft.backbones.catalogue import get_card
from regraft.backbones.names import BackboneName, parse_backbone
from regraft.backbones.preprocessing import INSIDE, SCALINGS, Preprocessing
from regraft.backbones.weights import Weights, find_weights
from regraft.errors import InputError

# Changes when the same backbone and weights would give other features: the cut, the way pixels are read or resized.
_REVISION = 1


@dataclass(frozen=True)
class Base:
    """F, from uint8 RGB pixels (size × size × 3) to a vector of features.

    Attributes:
        spelling: as the user writes it: `EfficientNetLite0@320`, or the path of a saved Keras model.
        network: the catalogue's network; None for a saved Keras model, whose weights are in the same file.
        weights: the file they come from.
        height, width: of the input in pixels.
        preprocessing: from pixels to the network's input, from the card.
        cut: where the base ends: `pooling` (a network of the catalogue) or `last` (before the last layer with weights).
    """

    spelling: str
    network: BackboneName | None
    weights: Weights
    height: int
    width: int
    preprocessing: Preprocessing
    cut: str

    def description(self) -> dict[str, Any]:
        """All that decides what F computes, as plain JSON."""
        return {
            "revision": _REVISION,
            "network": None
            if self.network is None
            else {"name": self.network.card_name, "alpha": self.network.alpha, "size": self.network.size},
            "weights": self.weights.sha256,
            "input": [self.height, self.width],
            "preprocessing": self.preprocessing.as_dict(),
            "cut": self.cut,
        }

    @property
    def identity(self) -> str:
        """SHA-256 of `description`: names the graph and the features in the cache."""
        return hashlib.sha256(json.dumps(self.description(), sort_keys=True).encode()).hexdigest()


def open_base(spelling: str, *, weights: Path | None = None, scaling: str = "own") -> Base:
    """Gives the base of a backbone by name, or of a saved Keras model by path.

    Args:
        spelling: a name of the catalogue (`MobileNetV2-0.35@320`), a `.keras` file, or a run folder with a
            `model.keras`. A saved model must take RGB pixels of 0 to 255, as every model saved by regraft does.
        weights: a weight file for a network of the catalogue; searched for where None.
        scaling: `own`, the card's preprocessing; or one of `preprocessing.SCALINGS` in its place, to measure what
            feeding a network wrongly scaled inputs costs. Only a network of the catalogue can be scaled otherwise.

    Raises:
        InputError: no such backbone, no such file, no weights, or no such scaling.
    """
    base = _open(spelling, weights)
    if scaling == "own":
        return base
    if base.network is None or scaling not in SCALINGS:
        raise InputError(
            "The inputs cannot be scaled so.",
            expected=f"own, or for a network of the catalogue {' or '.join(SCALINGS)}",
            received=f"{scaling} for {spelling}",
        )
    return replace(base, preprocessing=SCALINGS[scaling])


def _open(spelling: str, weights: Path | None) -> Base:
    path = Path(spelling)
    with suppress(OSError):  # a text too long for a path is a (wrong) name
        if (path / "model.keras").is_file():
            path = path / "model.keras"
    if path.suffix == ".keras":
        if weights is not None:
            raise InputError("--weights goes with a backbone's name; a saved Keras model brings its own.")
        return _saved_model(path)
    name = parse_backbone(spelling)
    card = get_card(name.card_name)
    found = find_weights(name, file=weights)
    return Base(str(name), name, found, name.size, name.size, card.preprocessing, "pooling")


def _saved_model(path: Path) -> Base:
    try:
        height, width = _input_size(path)
    except FileNotFoundError:
        raise InputError(f"There is no Keras model {path}.", hint="check the path given with --backbone") from None
    except (OSError, zipfile.BadZipFile, zlib.error, KeyError, ValueError, TypeError, AttributeError) as error:
        raise InputError(
            f"{path} cannot be used as a backbone.",
            expected="a model saved by Keras 3 (.keras) with one image input of fixed size and three channels",
            received=str(error) or type(error).__name__,
        ) from error
    found = Weights(path, sha256_of_file(path), "saved Keras model")
    return Base(str(path), None, found, height, width, INSIDE, "last")


def _input_size(path: Path) -> tuple[int, int]:
    """Height and width of the one input of a saved model, read from its description without loading it."""
    with zipfile.ZipFile(path) as archive:
        config = json.loads(archive.read("config.json"))
    shapes = [
        layer["config"]["batch_shape"]
        for layer in config["config"].get("layers", [])
        if layer["class_name"] == "InputLayer"
    ]
    if len(shapes) != 1:
        raise ValueError(f"a model of type {config['class_name']} with {len(shapes)} inputs")
    _, *size, channels = shapes[0]
    if len(size) != 2 or not all(isinstance(side, int) for side in size) or channels != 3:
        raise ValueError(f"an input of shape {tuple(shapes[0][1:])}")
    return size[0], size[1]
