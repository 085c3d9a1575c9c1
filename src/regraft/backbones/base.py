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
from regraft.backbones.pooling import check_pooling
from regraft.backbones.preprocessing import INSIDE, SCALINGS, Preprocessing
from regraft.backbones.weights import Weights, find_weights
from regraft.errors import InputError

# Changes when the same backbone and weights would give other features: the cut, the way pixels are read or resized.
_REVISION = 1

LARGEST_SHRINKING = 2
"""By how much at most a base resizes what it reads, on either side."""


@dataclass(frozen=True)
class Base:
    """F, from uint8 RGB pixels (height × width × 3) to a vector of features, or to the activations at a layer.

    Attributes:
        spelling: as the user writes it: `EfficientNetLite0@320`, or the path of a saved Keras model.
        network: the catalogue's network; None for a saved Keras model, whose weights are in the same file.
        weights: the file they come from.
        height, width: of the input in pixels. Where they are not the network's own, what is read is resized to that
            inside, see `read_at`.
        preprocessing: from pixels to the network's input, from the card.
        cut: where the base ends: `pooling` (a network of the catalogue), `last` (a saved model: before its last layer
            with weights), or the layer whose output it gives, as `CutPlan.at` names it (`input`: the pixels).
        pooling: how maps become a vector, one of `pooling.POOLINGS`; at a layer nothing is pooled.
    """

    spelling: str
    network: BackboneName | None
    weights: Weights
    height: int
    width: int
    preprocessing: Preprocessing
    cut: str
    pooling: str = "average"

    @property
    def ends_at_layer(self) -> bool:
        """Whether it gives the activations at a layer instead of a vector of features."""
        return self.cut != _end(self.network)

    @property
    def resized_to(self) -> int | None:
        """The side to which it resizes what it reads, before the preprocessing; None where it takes that as it is."""
        if self.network is None or (self.height, self.width) == (self.network.size, self.network.size):
            return None
        return self.network.size

    def read_at(self, height: int, width: int) -> Base:
        """The same network on images read at another size, which it resizes to its own by bilinear interpolation.

        Raises:
            InputError: it is a saved model, which takes one size only, or either side is not from one to two times
                that of the network: beyond it, bilinear interpolation leaves pixels out.
        """
        if (self.height, self.width) == (height, width):
            return self
        size = self.network.size if self.network else 0
        if not all(size <= side <= LARGEST_SHRINKING * size for side in (height, width)):
            own = f"{self.height} × {self.width}"
            raise InputError(
                f"{self.spelling} cannot work on images of {height} × {width} pixels.",
                expected=f"from {own} to {LARGEST_SHRINKING} times that" if self.network else f"{own} pixels",
                received=f"{height} × {width}",
                hint=f"give the backbones sizes that go together, such as {self.network.card_name}@{max(height, width)}"
                if self.network
                else f"give the other backbones its size, as in NAME@{max(self.height, self.width)}",
            )
        return replace(self, height=height, width=width)

    def refuse_several(self, why: str) -> None:
        """Does nothing: this is one backbone. Several at once raise an InputError with the reason (`JointBase`)."""

    def until_features(self) -> Base:
        """The base of the same network that ends in a vector of features."""
        return replace(self, cut=_end(self.network))

    def description(self) -> dict[str, Any]:
        """All that decides what F computes, as plain JSON."""
        described: dict[str, Any] = {
            "revision": _REVISION,
            "network": None
            if self.network is None
            else {"name": self.network.card_name, "alpha": self.network.alpha, "size": self.network.size},
            "weights": self.weights.sha256,
            "input": [self.height, self.width],
            "preprocessing": self.preprocessing.as_dict(),
            "cut": self.cut,
        }
        # Only where it differs: what was computed before there was a choice keeps its name in the cache.
        if self.pooling != "average" and not self.ends_at_layer:
            described["pooling"] = self.pooling
        return described

    @property
    def identity(self) -> str:
        """SHA-256 of `description`: names the graph and the features in the cache."""
        return hashlib.sha256(json.dumps(self.description(), sort_keys=True).encode()).hexdigest()


def _end(network: BackboneName | None) -> str:
    """The cut of a base that ends in features."""
    return "last" if network is None else "pooling"


def open_base(
    spelling: str,
    *,
    weights: Path | None = None,
    scaling: str = "own",
    pooling: str = "average",
    cut: str | None = None,
    fetch: bool = True,
) -> Base:
    """Gives the base of a backbone by name, or of a saved Keras model by path.

    Args:
        spelling: a name of the catalogue (`MobileNetV2-0.35@320`), a `.keras` file, or a run folder with a
            `model.keras`. A saved model must take RGB pixels of 0 to 255, as every model saved by regraft does.
            Several with a plus between them give a `JointBase`.
        weights: a weight file for a network of the catalogue; searched for where None.
        scaling: `own`, the card's preprocessing; or one of `preprocessing.SCALINGS` in its place, to measure what
            feeding a network wrongly scaled inputs costs. Only a network of the catalogue can be scaled otherwise.
        pooling: one of `pooling.POOLINGS`.
        cut: the layer whose output the base gives, as `CutPlan.at` names it; None for features. Whether there is such
            a cut shows when the base is built.
        fetch: whether weights that are not on this machine may be downloaded.

    Raises:
        InputError: no such backbone, no such file, no weights, no such scaling, or no such pooling; or several that
            do not go together.
    """
    from regraft.backbones.joint import join_bases, member_spellings  # which knows this file

    check_pooling(pooling)
    if len(members := member_spellings(spelling)) > 1:
        if weights is not None or cut is not None:
            raise InputError(
                "Several backbones at once bring their own weights, and end in features.",
                expected="one backbone",
                received=spelling,
            )
        return join_bases([open_base(member, scaling=scaling, pooling=pooling, fetch=fetch) for member in members])
    base = _open(spelling, weights, fetch)
    base = replace(base, pooling=pooling, cut=cut or base.cut)
    if scaling == "own":
        return base
    if base.network is None or scaling not in SCALINGS:
        raise InputError(
            "The inputs cannot be scaled so.",
            expected=f"own, or for a network of the catalogue {' or '.join(SCALINGS)}",
            received=f"{scaling} for {spelling}",
        )
    return replace(base, preprocessing=SCALINGS[scaling])


def _open(spelling: str, weights: Path | None, fetch: bool) -> Base:
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
    found = find_weights(name, file=weights, fetch=fetch)
    return Base(str(name), name, found, name.size, name.size, card.preprocessing, _end(name))


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
    return Base(str(path), None, found, height, width, INSIDE, _end(None))


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
