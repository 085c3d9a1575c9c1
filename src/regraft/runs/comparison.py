"""What comes out when runs are compared, in numbers and in words."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

from regraft.evaluation.paired import mcnemar

FEWEST_SHARED = 20
"""Where two runs share only some of their images, they are compared image by image on at least so many."""

_ALPHA = 0.05
_FEWEST_DISAGREEMENTS = next(count for count in range(100) if mcnemar(count, 0) < _ALPHA)


@dataclass(frozen=True)
class ComparedRun:
    """One of the runs.

    Attributes:
        number: how pairs and sentences call it, from 1, in the order given.
        path: its folder, as given.
        backbone, setting: what it trained, such as `MobileNetV2` and `lr 0.1, momentum 0.9`.
        heads: how many heads its choice was among.
        images, right: how many images were measured, and how many of them were answered rightly.
        accuracy, accuracy_interval, macro_f1, log_loss: as in the run's metrics.
        seconds: what the whole run took.
    """

    number: int
    path: str
    backbone: str | None
    setting: str | None
    heads: int | None
    images: int
    right: int
    accuracy: float
    accuracy_interval: tuple[float, float]
    macro_f1: float
    log_loss: float
    seconds: float | None


@dataclass(frozen=True)
class ComparedPair:
    """The second of two runs against the first.

    Attributes:
        first, second: their numbers.
        overlap: of their images: `same`, `shared` (some of them are) or `different`.
        paired: whether they were compared image by image, on what they share; else each on all of its own images.
        shared: how many images both have, with the same label.
        both, first_only, second_only, neither: how many of these were answered rightly by whom; None if not `paired`.
        accuracy: of the first and of the second, on the images compared.
        difference, interval: of these accuracies, second minus first, and its 95 % interval (low, high).
        test: `McNemar` if `paired`, else `Fisher`; both exact and two-sided.
        p, p_adjusted: its p-value, and that after Holm's adjustment for the number of pairs.
        basis: a sentence that says which images were compared.
        verdict: what was found, in words.
        warnings: what a reader must know before believing it.
    """

    first: int
    second: int
    overlap: Literal["same", "shared", "different"]
    paired: bool
    shared: int
    both: int | None
    first_only: int | None
    second_only: int | None
    neither: int | None
    accuracy: tuple[float, float]
    difference: float
    interval: tuple[float, float]
    test: Literal["McNemar", "Fisher"]
    p: float
    p_adjusted: float
    basis: str
    verdict: str
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class Comparison:
    """Runs, what came out pair by pair, and notes on how to read it; `split` is `test` or `validation`."""

    split: str
    classes: tuple[str, ...]
    runs: tuple[ComparedRun, ...]
    pairs: tuple[ComparedPair, ...]
    notes: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """All of it, ready for JSON."""
        return asdict(self)


def p_words(p: float) -> str:
    """A p-value for people, `0.047` or `<0.001`; what is below 0.05 never looks as if it were not."""
    if p < 0.001:
        return "<0.001"
    return f"<{_ALPHA:.3f}" if p < _ALPHA and round(p, 3) >= _ALPHA else f"{p:.3f}"


def basis(split: str, shared: int, images: tuple[int, int], *, same: bool, accuracy: tuple[float, float]) -> str:
    """The sentence that says which images were compared.

    Args:
        split: `test` or `validation`.
        shared: how many images both runs have, with the same label.
        images: how many the first has, and the second.
        same: whether these are the same.
        accuracy: of the first and of the second, on the images compared.
    """
    common, own = counted(shared, f"{split} image"), f"{images[0]:,} and {images[1]:,}"
    if same:
        return f"Both measured the same {common}."
    if not shared:
        return f"They share no {split} image: each is taken on all of its own ({own})."
    if shared < FEWEST_SHARED:
        return (
            f"They share {common} of {own}, fewer than {FEWEST_SHARED}: each is taken on all of its own, as if none "
            "were shared."
        )
    first, second = (f"{100 * value:.1f} %" for value in accuracy)
    return (
        f"They share {common} of {own} and are compared on these alone: there, their accuracies are {first} and "
        f"{second}."
    )


def verdict(pair: ComparedPair, pairs: int) -> str:
    """What was found for a pair, one of so many that were compared, in words.

    The adjusted p-value decides, at 0.05. The interval says how large the difference may be, found or not.
    """
    p = p_words(pair.p_adjusted)
    found = f"p {'' if p.startswith('<') else '= '}{p.replace('<', '< ')}"
    if pairs > 1:
        found += f", adjusted for {pairs} comparisons"
    low, high = (100 * bound for bound in pair.interval)
    if pair.p_adjusted < _ALPHA:
        better, worse, size = pair.second, pair.first, 100 * pair.difference
        if size < 0:
            better, worse, size, low, high = worse, better, -size, -high, -low
        return (
            f"Run {better} is better than run {worse}, by {size:.1f} percentage points (95 % interval {low:.1f} to "
            f"{high:.1f}; {found})."
        )
    text = f"No difference found ({found}): run {pair.second} may be {_reach(low, high)} than run {pair.first}."
    if low > 0 or high < 0:
        text += " The interval, that of this comparison alone, leaves out 0, but the p-value decides."
    if pair.first_only is not None and pair.second_only is not None:
        disagreements = pair.first_only + pair.second_only
        if not disagreements:
            text += " Both are right on the very same images."
        elif disagreements < _FEWEST_DISAGREEMENTS:
            text += (
                f" Just {counted(disagreements, 'image')} tell{'s' if disagreements == 1 else ''} them apart; with "
                f"fewer than {_FEWEST_DISAGREEMENTS}, no difference can be found."
            )
    return text


def notes(split: str, pairs: int) -> list[str]:
    """How to read a comparison of so many pairs."""
    found = [
        "Intervals and p-values are about these classifiers on images like these. Trained again with another seed, "
        "each would be another classifier; a study repeats over seeds."
    ]
    if split == "test":
        found.append(
            "Who keeps one of the runs because of these numbers has chosen on test, and its test accuracy is then too "
            "good: choose on validation, and measure what was chosen on test."
        )
    else:
        found.append(
            "Validation took part in the choice of each run's setting and epoch: these accuracies are too good, the "
            "more so the more heads a run has tried."
        )
    if pairs > 1:
        found.append(
            f"P-values are adjusted for {pairs} comparisons (Holm); each interval is for one comparison alone."
        )
    return found


def counted(number: int, noun: str, plural: str | None = None) -> str:
    """`1 image`, `1,200 images`."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def _reach(low: float, high: float) -> str:
    if low < 0 < high:
        return f"anything from {-low:.1f} percentage points worse to {high:.1f} better"
    if high > 0:
        return f"{abs(low):.1f} to {high:.1f} percentage points better"
    return f"{abs(high):.1f} to {-low:.1f} percentage points worse"
