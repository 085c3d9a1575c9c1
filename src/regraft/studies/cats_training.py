"""The trainings of the cats-and-dogs study that no grid knows: the last layers, one head alone, and from scratch."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from regraft.backbones.base import Base
from regraft.backbones.cuts import Cut, cut
from regraft.features.engines import open_engine
from regraft.features.extraction import extract
from regraft.images.augmentation import Augmentation
from regraft.images.labelled import LabelledImage
from regraft.images.reading import read_image
from regraft.images.subsets import take_per_class
from regraft.runs.config import TrainConfig
from regraft.runs.data import RunData
from regraft.runs.finetune_config import AugmentationConfig, FinetuneConfig
from regraft.runs.fitting import fit_heads, head_answers
from regraft.runs.folder import RunFolder
from regraft.runs.recording import backbone_facts, collection_facts, image_counts, write_inputs, write_measured
from regraft.runs.top_data import TopData, card_of, prepare_cut, top_data
from regraft.training.finetune_settings import FinetuneSettings
from regraft.training.finetuning import Finetuned, Top, build_top, finetune, top_probabilities
from regraft.training.heads import initial_heads
from regraft.training.settings import HeadSettings
from regraft.training.top_inputs import ImagePixels
from regraft.training.weights import HeadWeights
from regraft.transfer.scratch import random_network, shorten_averages

Advance = Callable[[float], None]

TUNING_RATE = 1e-4
"""Of the last layers: low, so that what they learnt before is changed a little at a time."""

_SPEED_IMAGES = 64


def tuned_config(config: TrainConfig, last: int, epochs: int) -> TrainConfig:
    """The config of a frozen head with the last layers of its network trained as well, on the plain images."""
    tuning = FinetuneConfig(last=last, epochs=epochs, learning_rate=TUNING_RATE)
    return config.model_copy(update={"finetune": tuning, "augmentation": AugmentationConfig(views=0)})


def images_per_second(base: Base, images: Sequence[LabelledImage]) -> float:
    """How fast a base turns images into features, reading and decoding them included; nothing is kept."""
    some = images[:_SPEED_IMAGES]
    engine = open_engine("openvino", base, "f32")
    engine.run([read_image(image.source, (base.height, base.width)) for image in some[:4]])
    start = time.perf_counter()
    engine.run(read_image(image.source, (base.height, base.width)) for image in some)
    return len(some) / (time.perf_counter() - start)


class TunedNetwork:
    """A network with its last layers to be trained: cut once, its activations computed once, trained by repetition.

    Args:
        config: of one repetition, with `finetune`.
        data: of that repetition; all repetitions share their test images.
    """

    def __init__(self, config: TrainConfig, data: RunData) -> None:
        self._parts = prepare_cut(data.base, config)
        self._pretrained = [np.array(weights) for weights in self._parts.whole.get_weights()]
        self._inputs: TopData = top_data(data, config, self._parts)
        base = replace(data.base, cut=self._parts.at)
        self._speed = images_per_second(base, data.chosen(data.rows("train")))

    def train(
        self,
        run: RunFolder,
        config: TrainConfig,
        data: RunData,
        head: HeadWeights,
        setting: HeadSettings,
        environment: dict[str, Any],
        advance: Advance,
    ) -> None:
        """Trains in one repetition, from the pretrained layers and a trained head, and records it as a run."""
        assert config.finetune is not None
        settings = config.finetune.settings(config.seed)
        self._parts.whole.set_weights(self._pretrained)
        top = _top(self._parts, head, setting, config, data)
        labels, splits = data.labels[self._inputs.rows], data.splits[self._inputs.rows]
        train, validation = np.flatnonzero(splits == "train"), np.flatnonzero(splits == "validation")
        done = finetune(
            top, self._inputs.learned, labels, settings,
            rows=train, validation=validation, progress=lambda images: advance(images / len(train)),
        )  # fmt: skip
        advance(settings.epochs - done.history[-1]["epoch"])
        answers = top_probabilities(top, self._inputs.learned, validation)
        facts = {
            "cut": self._parts.at,
            "activations": list(self._parts.top.input_shape[1:]),
            "layers": list(self._parts.trainable),
            "settings": settings.label,
            "computing_seconds": round(len(data.rows("train")) / self._speed, 3),
        }
        _record(run, config, environment, data, answers, f"last {config.finetune.last} layers", top, done, facts)


def train_from_scratch(
    run: RunFolder,
    config: TrainConfig,
    data: RunData,
    setting: HeadSettings,
    epochs: int,
    environment: dict[str, Any],
    advance: Advance,
) -> None:
    """Trains all layers of a network of random weights with a new head, and records it as a run.

    Only the architecture and the preprocessing are those of the base; the BatchNorm layers, where there are any, are
    in training mode and average their statistics over some ten batches in place of some hundred or thousand: with few
    epochs they would else still be those of the start when the network is measured.
    """
    network = random_network(data.base, config.seed)
    batchnorm = shorten_averages(network)
    settings = FinetuneSettings(
        epochs=epochs,
        # Without BatchNorm a network as deep as VGG19 does not learn at the usual rate.
        learning_rate=0.001 if batchnorm else 0.0001,
        weight_decay=0.0,
        batchnorm="train",
        optimizer="adam",
        patience=None,
        seed=config.seed,
    )
    parts = cut(network, at="input")
    outputs = 1 if config.head.activation == "sigmoid" else len(data.classes)
    head = initial_heads([setting], int(network.output_shape[-1]), outputs)[0]
    top = _top(parts, head, setting, config, data)
    rows = np.concatenate([data.rows("train"), data.rows("validation")])
    count = len(data.rows("train"))
    pixels = ImagePixels(data.chosen(rows), (data.base.height, data.base.width), Augmentation())
    done = finetune(
        top, pixels, data.labels[rows], settings,
        rows=np.arange(count), validation=np.arange(count, len(rows)),
        progress=lambda images: advance(images / count),
    )  # fmt: skip
    answers = top_probabilities(top, pixels, np.arange(count, len(rows)))
    facts = {"layers": list(parts.trainable), "settings": settings.label, "computing_seconds": 0.0}
    _record(run, config, environment, data, answers, "all layers, from random weights", top, done, facts)


def train_head_alone(run: RunFolder, config: TrainConfig, data: RunData, environment: dict[str, Any]) -> None:
    """Trains the one head of a config on the frozen features, by itself so that its time is known; records a run."""
    (setting,) = config.head_settings()
    trained = fit_heads(
        data, config, data.rows("train"), data.rows("validation"), settings=[setting], epochs=config.head.epochs
    )
    answers = head_answers(trained.best_weights[0], data, data.rows("validation"), config)
    speed = images_per_second(data.base, data.chosen(data.rows("train")))
    facts = {
        "layers": [],
        "settings": setting.label,
        "parameters": int(trained.best_weights[0].flat().size),
        "epochs": config.head.epochs,
        "best_epoch": int(trained.best_epoch[0]),
        "computing_seconds": round(len(data.rows("train")) / speed, 3),
        "epoch_seconds": float(trained.seconds[0, -1]) / config.head.epochs,
        "seconds": float(trained.seconds[0, -1]),
    }
    _write(run, config, environment, data, answers, "all layers frozen", facts, trained.history_rows())


def with_fewer_images(data: RunData, per_class: int, seed: int) -> RunData:
    """The same data with so many training images of each class at most; all others stay where they are."""
    train = data.rows("train")
    fewest = int(np.bincount(data.labels[train], minlength=len(data.classes)).min())
    some = replace(data.collection, images=tuple(data.chosen(train)))
    kept = {image.sha256 for image in take_per_class(some, min(per_class, fewest), seed=seed).images}
    rows = np.array(
        [row for row, image in enumerate(data.images) if data.splits[row] != "train" or image.sha256 in kept]
    )
    return _rows_of(data, rows)


def with_base(data: RunData, base: Base) -> RunData:
    """The same images and splits with the features of another base."""
    if base == data.base:
        return data
    return replace(data, base=base, features=extract(data.images, base, precision=data.precision).features())


def _rows_of(data: RunData, rows: npt.NDArray[np.int64]) -> RunData:
    return replace(
        data,
        images=tuple(data.chosen(rows)),
        labels=data.labels[rows],
        features=data.features[rows],
        splits=data.splits[rows],
    )


def _top(parts: Cut, head: HeadWeights, setting: HeadSettings, config: TrainConfig, data: RunData) -> Top:
    return build_top(
        parts, head, config.head.activation, card=card_of(data.base), dropout=setting.dropout, seed=config.seed
    )


def _record(
    run: RunFolder,
    config: TrainConfig,
    environment: dict[str, Any],
    data: RunData,
    answers: npt.NDArray[np.float32],
    label: str,
    top: Top,
    done: Finetuned,
    facts: dict[str, Any],
) -> None:
    """Records a training through Keras."""
    epochs = [row["seconds"] for row in done.history if row["epoch"]]
    facts |= {
        "parameters": sum(int(np.prod(weights.shape)) for weights in top.whole.trainable_weights),
        "epochs": len(epochs),
        "best_epoch": done.best_epoch,
        # The first epoch builds TensorFlow's graph, too.
        "epoch_seconds": float(np.median(epochs[1:] or epochs)),
        "first_epoch": len(epochs) == 1,
        "seconds": round(sum(epochs), 3),
    }
    rows = [{"head": 0, **row} for row in done.history]
    _write(run, config, environment, data, answers, label, facts, rows)


def _write(
    run: RunFolder,
    config: TrainConfig,
    environment: dict[str, Any],
    data: RunData,
    answers: npt.NDArray[np.float32],
    label: str,
    facts: dict[str, Any],
    history: Sequence[dict[str, Any]],
) -> None:
    """Records a cell that was measured on validation."""
    run.path.mkdir(parents=True, exist_ok=True)
    write_inputs(run, config, environment, data)
    run.write_history({"phase": "trained", **row} for row in history)
    measured = write_measured(run, data, {"validation": answers})
    run.write_json(
        "metrics",
        {
            "diverged": False,
            **measured,
            "chosen": {"label": label, "epoch": facts["best_epoch"], "head": 0},
            "images": image_counts(data),
            "collection": collection_facts(data),
            "backbone": backbone_facts(data),
            "trained": facts,
            "seconds": {"training": facts["seconds"]},
            "warnings": [],
        },
    )
