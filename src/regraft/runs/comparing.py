"""Runs side by side: what each measured, and whether one is better, on images that it has not learnt from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple

from regraft.errors import InputError
from regraft.evaluation.comparisons import holm
from regraft.evaluation.paired import difference_interval, fisher, mcnemar, paired_difference_interval
from regraft.runs.comparison import FEWEST_SHARED, ComparedPair, ComparedRun, Comparison, basis, counted, notes, verdict
from regraft.runs.folder import RunFolder

__all__ = ["Comparison", "compare_runs"]

# What has formed the classifier whose answers are compared: validation images are answered by the head that was
# trained on the training images alone, test images by the one that was then trained on both.
_LEARNT_FROM = {"test": ("train", "validation"), "validation": ("train",)}
_PLACES = {"train": "training", "validation": "validation", "test": "test"}
_NAMED = 5  # classes a message names


class _Answer(NamedTuple):
    label: str
    right: bool


@dataclass(frozen=True, eq=False)
class _Measured:
    """A run with its answers and the places of its images, all by content hash."""

    run: ComparedRun
    classes: frozenset[str]
    answers: dict[str, _Answer]
    places: dict[str, str]
    groups: dict[str, str]
    learnt_from: frozenset[str]


def compare_runs(runs: Sequence[RunFolder | Path | str], *, split: str = "test", all_pairs: bool = False) -> Comparison:
    """Compares the accuracies of runs, image by image where they measured the same images.

    Images are the same if content (SHA-256) and label are. Two runs are compared on the images that are in `split` in
    both: all of them, or, where only some are shared, on these if there are `FEWEST_SHARED` or more. They are then
    told apart by McNemar's test. Otherwise each is measured on all images of its own and they are told apart by
    Fisher's test, which takes the images to be different. No answer to an image that the
    run has learnt from is ever counted; how many images that concerns is a warning.

    Args:
        runs: at least two run folders, measured on `split`, with the same classes.
        split: `test`, or `validation`, the only one that the cells of a study measure.
        all_pairs: every run against every other, in place of each against the first.

    Raises:
        InputError: fewer than two runs, one of them twice, unfinished, damaged or not measured on `split`, or runs that
            know different classes.
    """
    if split not in _LEARNT_FROM:
        raise InputError("There is no such split to compare on.", expected="test or validation", received=repr(split))
    folders = [run if isinstance(run, RunFolder) else RunFolder(run) for run in runs]
    if len(folders) < 2:
        raise InputError(
            "A comparison is between runs.",
            expected="at least two run folders",
            received=", ".join(str(folder.path) for folder in folders) or "none",
        )
    places = Counter(folder.path.resolve() for folder in folders)
    if twice := [str(path) for path, count in places.items() if count > 1]:
        raise InputError("A run is no different from itself.", expected="different runs", received=f"{twice[0]} twice")
    measured = [_load(folder, number, split) for number, folder in enumerate(folders, 1)]
    for other in measured[1:]:
        _check_classes(measured[0], other)
    chosen = combinations(measured, 2) if all_pairs else ((measured[0], other) for other in measured[1:])
    pairs = [_compare(first, second, split) for first, second in chosen]
    adjusted = holm([pair.p for pair in pairs])
    return Comparison(
        split,
        tuple(sorted(measured[0].classes)),
        tuple(one.run for one in measured),
        tuple(_judged(pair, float(p), len(pairs)) for pair, p in zip(pairs, adjusted, strict=True)),
        tuple(notes(split, len(pairs))),
    )


def _judged(pair: ComparedPair, p_adjusted: float, pairs: int) -> ComparedPair:
    pair = replace(pair, p_adjusted=p_adjusted)
    return replace(pair, verdict=verdict(pair, pairs))


def _load(folder: RunFolder, number: int, split: str) -> _Measured:
    metrics = folder.metrics()
    if split not in metrics:
        other = "validation" if split == "test" else "test"
        raise InputError(
            f"{folder.path} was not measured on {_PLACES[split]} images.",
            expected=f"runs with {split} in metrics.json",
            received=f"measured on {_PLACES[other]} images only" if other in metrics else "a run that measured nothing",
            hint=f"compare with --split {other}" if other in metrics else None,
        )
    predictions = _columns(folder, "predictions", "sha256", "split", "label", "predicted")
    splits = _columns(folder, "splits", "sha256", "split", "group")
    answers = {
        sha256: _Answer(label, label == predicted)
        for sha256, place, label, predicted in zip(*predictions, strict=True)
        if place == split
    }
    right = sum(answer.right for answer in answers.values())
    try:
        run = _facts(folder, number, metrics, split, right)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise InputError(f"{folder.path / 'metrics.json'} is damaged.", received=str(error)) from error
    if len(answers) != run.images or not answers or abs(right / run.images - run.accuracy) > 1e-9:
        raise InputError(
            f"metrics.json and predictions.parquet in {folder.path} do not belong together.",
            expected=f"{run.images} {_PLACES[split]} images, accuracy {run.accuracy:.4f}, as in metrics.json",
            received=f"{len(answers)} images, {right} of them answered rightly, in predictions.parquet",
        )
    return _Measured(
        run,
        frozenset(folder.classes()),
        answers,
        dict(zip(splits[0], splits[1], strict=True)),
        {sha256: group for sha256, _, group in zip(*splits, strict=True) if group is not None},
        frozenset(sha256 for sha256, place, _ in zip(*splits, strict=True) if place in _LEARNT_FROM[split]),
    )


def _columns(folder: RunFolder, name: str, *columns: str) -> list[list[Any]]:
    table = folder.table(name)
    if missing := set(columns) - set(table.column_names):
        raise InputError(
            f"{folder.path / name}.parquet is damaged.",
            expected=f"the columns {', '.join(columns)}",
            received=f"a table without {', '.join(sorted(missing))}",
        )
    return [table[column].to_pylist() for column in columns]


def _facts(folder: RunFolder, number: int, metrics: dict[str, Any], split: str, right: int) -> ComparedRun:
    numbers, chosen = metrics[split], metrics.get("chosen", {})
    low, high = numbers["accuracy_interval"]
    return ComparedRun(
        number=number,
        path=str(folder.path),
        backbone=metrics.get("backbone", {}).get("name"),
        setting=chosen.get("label"),
        heads=chosen.get("heads"),
        images=numbers["images"],
        right=right,
        accuracy=numbers["accuracy"],
        accuracy_interval=(low, high),
        macro_f1=numbers["macro"]["f1"],
        log_loss=numbers["log_loss"],
        seconds=metrics.get("seconds", {}).get("total"),
    )


def _check_classes(first: _Measured, other: _Measured) -> None:
    if first.classes != other.classes:
        raise InputError(
            f"{first.run.path} and {other.run.path} tell different classes apart; accuracies of different tasks cannot "
            "be compared.",
            expected="runs that know the same classes",
            received=f"only the first knows {_some(first.classes - other.classes)}; "
            f"only the second knows {_some(other.classes - first.classes)}",
            hint="train again with the same --classes A,B,C",
        )


def _some(names: frozenset[str]) -> str:
    named = ", ".join(repr(name) for name in sorted(names)[:_NAMED])  # repr: a name may hold a line break
    return (named or "no other") + (f" and {len(names) - _NAMED} more" if len(names) > _NAMED else "")


def _compare(first: _Measured, second: _Measured, split: str) -> ComparedPair:
    """The pair without its adjusted p-value and verdict."""
    ours, theirs = first.answers, second.answers
    common = ours.keys() & theirs.keys()
    shared = [sha256 for sha256 in common if ours[sha256].label == theirs[sha256].label]
    same = len(shared) == len(ours) == len(theirs)
    paired = same or len(shared) >= FEWEST_SHARED
    warnings = [*_learnt(first, second, split, paired), *_learnt(second, first, split, paired)]
    warnings += [*_grouped(first, second, split), *_grouped(second, first, split)]
    if relabelled := len(common) - len(shared):
        warnings.append(
            f"Run {first.run.number} and run {second.run.number} have different labels for "
            f"{counted(relabelled, f'{split} image')} of both: these are not compared image by image."
        )
    counts: dict[str, int | None] = dict.fromkeys(("both", "first_only", "second_only", "neither"))
    if paired:
        outcomes = Counter((ours[sha256].right, theirs[sha256].right) for sha256 in shared)
        both, neither = outcomes[True, True], outcomes[False, False]
        first_only, second_only = outcomes[True, False], outcomes[False, True]
        counts = {"both": both, "first_only": first_only, "second_only": second_only, "neither": neither}
        difference, low, high = paired_difference_interval(both, second_only, first_only, neither)
        p = mcnemar(first_only, second_only)
        accuracy = (both + first_only) / len(shared), (both + second_only) / len(shared)
    else:
        right1, n1, right2, n2 = first.run.right, len(ours), second.run.right, len(theirs)
        difference, low, high = difference_interval(right2, n2, right1, n1)
        p = fisher(right1, n1, right2, n2)
        accuracy = first.run.accuracy, second.run.accuracy
    return ComparedPair(
        first=first.run.number,
        second=second.run.number,
        overlap="same" if same else "shared" if shared else "different",
        paired=paired,
        shared=len(shared),
        **counts,
        accuracy=accuracy,
        difference=difference,
        interval=(low, high),
        test="McNemar" if paired else "Fisher",
        p=p,
        p_adjusted=p,
        basis=basis(split, len(shared), (len(ours), len(theirs)), same=same, accuracy=accuracy),
        verdict="",
        warnings=tuple(warnings),
    )


def _learnt(measured: _Measured, other: _Measured, split: str, paired: bool) -> list[str]:
    """Whether the other run has learnt from images that the first one was measured on."""
    places = Counter(other.places[sha256] for sha256 in measured.answers if sha256 in other.learnt_from)
    if not places:
        return []
    parts = " and ".join(counted(number, f"{_PLACES[place]} image") for place, number in sorted(places.items()))
    of = f"{places.total():,} of the {counted(len(measured.answers), f'{split} image')} of run {measured.run.number}"
    name = f"run {other.run.number}"
    left_out = (
        f"They are left out: only {split} images of both are compared."
        if paired
        else f"Its answers to them are not counted: each run is taken on its own {split} images."
    )
    return [f"{name.capitalize()} has learnt from {of} ({parts}) and would look better on them than it is. {left_out}"]


def _grouped(measured: _Measured, other: _Measured, split: str) -> list[str]:
    """Whether, by the groups that the other run knows, a run has learnt from relatives of what it was measured on."""
    known = {other.groups[sha256] for sha256 in measured.learnt_from if sha256 in other.groups}
    related = sum(other.groups.get(sha256) in known for sha256 in measured.answers)
    if not related:
        return []
    images = counted(len(measured.answers), f"{split} image")
    return [
        f"By the groups of run {other.run.number}, {related:,} of the {images} of run {measured.run.number} belong to "
        "groups of which it has learnt from other images: its accuracy is probably too high."
    ]
