"""The cut of a run's network, and what its top is trained and measured on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from regraft._keras_backend import choose_keras_backend
from regraft.backbones.base import Base
from regraft.backbones.cards import Card
from regraft.backbones.cuts import Cut, cut, cut_model, find_cut
from regraft.backbones.layer_rows import layer_rows
from regraft.errors import InputError
from regraft.features.augmented import extract_views
from regraft.features.extraction import open_store
from regraft.features.precision import chosen_precision
from regraft.features.space import bytes_needed, check_disk, check_memory, size_text
from regraft.features.view import View
from regraft.images.augmentation import Augmentation
from regraft.runs.config import TrainConfig
from regraft.runs.data import RunData
from regraft.runs.finetune_config import FinetuneConfig
from regraft.training.top_inputs import CachedActivations, ImagePixels, TopInputs

Rows = npt.NDArray[np.int64]

INPUT = "input"
"""The cut before which there is nothing: the whole network is the top."""

_PART = 0.3  # of the blocks is trained where nothing is said


@dataclass(frozen=True, eq=False)
class TopData:
    """What the top of a run is trained and measured on.

    Attributes:
        parts: the cut network.
        learned: what is trained on: the inputs of the training and validation images, in the order of `rows`.
        measured: the same images as answers are averaged over them.
        rows: their rows in the run's data.
        tested: the inputs of the test images, in the order of the run's data.
        views: augmented ones of each training image; None where every epoch draws its own.
        size: bytes of the activations on the disk, 0 where none are kept.
    """

    parts: Cut
    learned: TopInputs
    measured: TopInputs
    rows: Rows
    tested: TopInputs
    views: int | None
    size: int


def prepare_cut(base: Base, config: TrainConfig) -> Cut:
    """Chooses Keras' backend for training and cuts the network, so that what cannot be is refused at once.

    Raises:
        InputError: the settings of fine-tuning or the cut cannot be used.
        MissingPackageError: nothing that trains is installed.
    """
    assert config.finetune is not None
    config.finetune.settings(config.seed)
    choose_keras_backend(training=True)
    return cut_for(base, config.finetune)


def cut_for(base: Base, wanted: FinetuneConfig) -> Cut:
    """The network of a base, cut as the config says.

    Raises:
        InputError: it cannot be cut so; the message names the nearest cuts.
    """
    wish: dict[str, Any] = wanted.wish()
    if wish:
        parts = cut(base, **wish)
    else:
        whole, card = cut(base, last=1).whole, card_of(base)
        blocks = dict.fromkeys(row.block for row in layer_rows(whole, card) if row.block)
        parts = cut_model(whole, find_cut(whole, blocks=max(1, round(_PART * len(blocks))), card=card))
    _check_learns(parts, wanted)
    return parts


def _check_learns(parts: Cut, wanted: FinetuneConfig) -> None:
    import keras

    layers = [layer for layer in parts.whole.layers if layer.name in set(parts.trainable)]
    if wanted.batchnorm == "inference":
        layers = [layer for layer in layers if not isinstance(layer, keras.layers.BatchNormalization)]
    if not any(layer.trainable_weights for layer in layers):
        raise InputError(
            "Nothing of the backbone would be trained.",
            expected="a layer with weights after the cut",
            received=", ".join(parts.trainable[:5]) or f"no layers after {parts.at}",
            hint="train more of it, such as --blocks 1, or leave fine-tuning out",
        )


def top_data(data: RunData, config: TrainConfig, parts: Cut, tell: Callable[[str], object] | None = None) -> TopData:
    """Computes or reads the activations at the cut: training and validation images in their views, and test images.

    Args:
        data, config: of the run.
        parts: what `cut_for` gave.
        tell: told how much room they take, before they are computed.

    Raises:
        InputError: the disk or the memory has no room for them; or an error of `extract_views`.
    """
    assert config.finetune is not None
    rows, test = data.rows("train", "validation"), data.rows("test")
    wanted = config.augmentation
    views = wanted.finetune_views(data.augmentation)
    if parts.at == INPUT:
        size = (data.base.height, data.base.width)
        seen, tested = (ImagePixels(data.chosen(some), size, data.augmentation) for some in (rows, test))
        plain = ImagePixels(data.chosen(rows), size, Augmentation())
        return TopData(parts, seen if views else plain, seen, rows, tested, None if views else 0, 0)
    dtype = "float16" if config.finetune.cache == "f16" else "float32"
    shape = parts.top.input_shape[1:]
    # Validation answers are averaged over the test views as well.
    of_rows, of_test = max(views, wanted.test_views) + 1, wanted.test_views + 1
    needed = bytes_needed(len(rows), of_rows, shape, dtype) + bytes_needed(len(test), of_test, shape, dtype)
    if tell is not None:
        tell(
            f"Activations at {parts.at}, {' × '.join(map(str, shape))}: {size_text(needed)} in the cache "
            f"({len(rows)} images, each plain and in {of_rows - 1} views; {len(test)} for the test)"
        )
    check_memory(needed)
    base, backbone = replace(data.base, cut=parts.at), config.backbone
    precision = chosen_precision(backbone.engine, backbone.precision, base)

    def missing(some: Rows, count: int) -> int:
        hashes = [image.sha256 for image in data.chosen(some)]
        all_views = (View(data.augmentation, number) for number in range(count))
        stores = (open_store(base, backbone.engine, precision, view, dtype) for view in all_views)
        return sum(len(store.missing(hashes)) for store in stores)

    # All of it at once and before any of it, though each extraction asks again.
    check_disk(bytes_needed(missing(rows, of_rows) + missing(test, of_test), 1, shape, dtype))

    def activations(some: Rows, count: int) -> npt.NDArray[Any]:
        found = extract_views(
            data.chosen(some),
            base,
            data.augmentation,
            count - 1,
            engine=backbone.engine,
            precision=precision,
            dtype=dtype,
        )
        return found.features()

    learned = CachedActivations(activations(rows, of_rows), drawn=views + 1)
    return TopData(parts, learned, learned, rows, CachedActivations(activations(test, of_test)), views, needed)


def card_of(base: Base) -> Card | None:
    """The card of a base's network; None for a saved model."""
    return base.network.card if base.network else None
