"""What the trainings of the cats-and-dogs study gave, read back from its folder."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from regraft.runs.comparing import compare_runs
from regraft.runs.comparison import ComparedPair
from regraft.runs.folder import RunFolder
from regraft.studies.folder import StudyFolder
from regraft.studies.results import Results, Setting

FROZEN = "all layers frozen"
TRAINED = "trained"
"""The axis of how many layers at the end of a network were trained: 0 where all are frozen."""

OUTPUT_WORDS = {"sigmoid": "one sigmoid unit", "softmax": "softmax"}

_NETWORK, _OUTPUT = "backbone.name", "head.activation"


@dataclass(frozen=True, eq=False)
class FromScratch:
    """A network with a frozen, pretrained base and the same one trained from random weights, on the same images.

    Attributes:
        backbone: as the study calls it.
        network: the one trained: the same, or that of a smaller input size.
        frozen, scratch: the metrics of both runs; how they were trained is under `trained`.
        pair: both compared on the validation images: the training from scratch minus the frozen base.
        history: the rows of the training from scratch, epoch 0 being its random start.
    """

    backbone: str
    network: str
    frozen: dict[str, Any]
    scratch: dict[str, Any]
    pair: ComparedPair
    history: tuple[dict[str, Any], ...]


def tuned_run(folder: StudyFolder, backbone: str, last: int, seed: int) -> RunFolder:
    """Where a training of the last layers in one repetition is recorded; `last` of 0: one frozen head, alone."""
    return RunFolder(folder.path / "runs" / "tuned" / f"{_slug(backbone)}-last-{last}" / f"seed-{seed}")


def scratch_runs(folder: StudyFolder, backbone: str) -> tuple[RunFolder, RunFolder]:
    """Where the frozen head and the training from scratch on the same images are recorded."""
    place = folder.path / "runs" / "scratch" / _slug(backbone)
    return RunFolder(place / "frozen"), RunFolder(place / "scratch")


def by_output(frozen: Results, backbone: str) -> Results:
    """The frozen heads of one network, named by their output: `one sigmoid unit`, `softmax`."""
    rows = [row for row, setting in enumerate(frozen.settings) if setting.values[_NETWORK] == backbone]
    kept = frozen.select(rows)
    return replace(
        kept,
        settings=tuple(
            Setting(output_words(str(s.values[_OUTPUT]), len(rows)), {_OUTPUT: s.values[_OUTPUT]})
            for s in kept.settings
        ),
        axes={_OUTPUT: kept.axes[_OUTPUT]},
    )


def by_network_and_output(frozen: Results) -> Results:
    """All frozen heads, named by network and output; by the network alone where there is one output."""
    outputs = len(frozen.axes[_OUTPUT])
    settings = tuple(
        replace(
            s,
            label=str(s.values[_NETWORK])
            if outputs == 1
            else f"{s.values[_NETWORK]}, {output_words(str(s.values[_OUTPUT]), outputs)}",
        )
        for s in frozen.settings
    )
    return replace(frozen, settings=settings)


def output_words(activation: str, outputs: int = 2) -> str:
    """`one sigmoid unit`, and beside it `two softmax units`."""
    return "two softmax units" if activation == "softmax" and outputs > 1 else OUTPUT_WORDS[activation]


def tuned_results(folder: StudyFolder, frozen: Results, backbones: Sequence[str], last: Sequence[int]) -> Results:
    """Every network that was fine-tuned, with all its layers frozen and with its last ones trained.

    Args:
        folder: of the study.
        frozen: its frozen heads, in the repetitions in which layers were trained.
        backbones: the networks.
        last: how many layers at the end were trained.

    Returns:
        Without curves: those of heads and of networks have different epochs (`tuned_histories`).
    """
    first = frozen.axes[_OUTPUT][0]
    heads = _rows(frozen, {_OUTPUT: first})
    settings, columns, runs = [], [], []
    for name in backbones:
        (row,) = [row for row in heads if frozen.settings[row].values[_NETWORK] == name]
        settings.append(Setting(f"{name}, {FROZEN}", {_NETWORK: name, TRAINED: 0}))
        columns.append([(frozen.accuracy[row, r], frozen.loss[row, r], frozen.best_epoch[row, r]) for r in _of(frozen)])
        runs.append(frozen.runs[row])
        for count in last:
            settings.append(Setting(f"{name}, last {count} layers trained", {_NETWORK: name, TRAINED: count}))
            cells = [tuned_run(folder, name, count, repetition.seed) for repetition in frozen.repetitions]
            metrics = [cell.metrics() for cell in cells]
            columns.append(
                [(m["validation"]["accuracy"], m["validation"]["log_loss"], m["chosen"]["epoch"]) for m in metrics]
            )
            runs.append(tuple(cell.path for cell in cells))
    accuracy, loss, epoch = np.moveaxis(np.array(columns, float), -1, 0)
    return replace(
        frozen,
        settings=tuple(settings),
        axes={_NETWORK: tuple(backbones), TRAINED: (0, *last)},
        runs=tuple(runs),
        accuracy=accuracy,
        loss=loss,
        best_epoch=epoch.astype(np.int64),
        diverged=~np.isfinite(accuracy),
        chosen=tuple((setting.label,) * len(frozen.repetitions) for setting in settings),
        curves={},
    )


def all_settings(frozen: Results, tuned: Results | None) -> Results:
    """Every setting of the study in the same repetitions, each once: what the recommended one is chosen from.

    Args:
        frozen: the frozen heads (`by_network_and_output`), in the repetitions of the others.
        tuned: `tuned_results`; None where no layers of a network were trained.
    """
    named = replace(frozen, curves={})
    if tuned is None:
        return named
    rows = [row for row, setting in enumerate(tuned.settings) if setting.values[TRAINED]]
    more = tuned.select(rows)
    outputs = frozen.axes[_OUTPUT]
    settings = tuple(replace(s, values={**s.values, _OUTPUT: outputs[0]}) for s in more.settings)
    return replace(
        named,
        settings=(*named.settings, *settings),
        axes={**named.axes, TRAINED: tuned.axes[TRAINED]},
        runs=(*named.runs, *more.runs),
        accuracy=np.concatenate([named.accuracy, more.accuracy]),
        loss=np.concatenate([named.loss, more.loss]),
        best_epoch=np.concatenate([named.best_epoch, more.best_epoch]),
        diverged=np.concatenate([named.diverged, more.diverged]),
        chosen=(*named.chosen, *more.chosen),
    )


def first_repetitions(results: Results, count: int) -> Results:
    """The same in the first repetitions alone."""
    return replace(
        results,
        repetitions=results.repetitions[:count],
        runs=tuple(row[:count] for row in results.runs),
        accuracy=results.accuracy[:, :count],
        loss=results.loss[:, :count],
        best_epoch=results.best_epoch[:, :count],
        diverged=results.diverged[:, :count],
        chosen=tuple(row[:count] for row in results.chosen),
        train_images=results.train_images[:count],
        images=results.images[:count],
        baseline=results.baseline[:count],
        curves={name: values[:, :count] for name, values in results.curves.items()},
    )


def from_scratch(folder: StudyFolder, backbone: str) -> FromScratch:
    """The training from scratch of a network beside its frozen base."""
    frozen, scratch = scratch_runs(folder, backbone)
    metrics = frozen.metrics(), scratch.metrics()
    (pair,) = compare_runs([frozen, scratch], split="validation").pairs
    return FromScratch(backbone, str(metrics[1]["backbone"]["name"]), *metrics, pair, tuple(scratch.history()))


def _rows(results: Results, values: dict[str, Any]) -> list[int]:
    return [row for row, setting in enumerate(results.settings) if setting.values.items() >= values.items()]


def _of(results: Results) -> range:
    return range(len(results.repetitions))


def _slug(backbone: str) -> str:
    return re.sub(r"[^\w.@-]+", "-", backbone).strip("-.") or "network"
