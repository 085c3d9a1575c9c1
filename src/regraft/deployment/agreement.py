"""How far an export agrees with its run, and how far it has to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from regraft.deployment.export_format import Precision, Probabilities
from regraft.errors import RegraftError

TOLERANCE: dict[Precision, float] = {"f32": 0.01, "f16": 0.05}
"""By how much a probability may differ from the run's; in int8 accuracy decides."""

TIE: dict[Precision, float] = {"f32": 1e-3, "f16": 0.02, "int8": 0.02}
"""Where the run's two likeliest classes are closer than this, either may come out first: f16 moves the probability of
a photo by 0.01."""

POINTS = 0.01
"""By how much the accuracy of an int8 export may be lower than the run's; by one image where that is more."""

RESIZING_TOLERANCE = 0.2
"""By how much a probability may differ, beyond the precision's own, where the export resizes.

A level of 255 here and there, as rounding explains, moved one of the 8 × 8 digits, enlarged 28 times, by
0.05; photos move by 0.003. A resize that is wrong moves some by more than 0.5.
"""


@dataclass(frozen=True)
class SplitAgreement:
    """How an export compares with the run on one split.

    Attributes:
        images: how many were compared.
        top1_agreement: the share with the same likeliest class.
        differing: the names of the first of those with another one.
        ties: how many of them were ties in the run's own answer.
        largest_difference: of any probability.
        accuracy, run_accuracy: of the export and of the run on these images.
    """

    images: int
    top1_agreement: float
    differing: list[str]
    ties: int
    largest_difference: float
    accuracy: float
    run_accuracy: float


@dataclass(frozen=True)
class Agreement(SplitAgreement):
    """How an export compares with the run: on the whole validation split, and on test.

    Where the run's head was trained on train and validation together in the end, both have seen the validation images:
    accuracy on them serves to compare. That on test says how good the file is. Nothing is chosen by it: the file is
    as it was before it was measured, and is kept or refused whole.

    Attributes:
        recorded_agreement: the share with the likeliest class that `predictions.parquet` has, from before that.
        whole_images: how many were given at their original size as well, resized inside; 0 where it takes one size.
        whole_difference: the largest difference there.
        test: on the run's test images; None where the run was not tested or none of them is there.
        test_gone: how many of the run's test images are no longer there.
    """

    recorded_agreement: float = 0.0
    whole_images: int = 0
    whole_difference: float | None = None
    test: SplitAgreement | None = None
    test_gone: int = 0

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        return asdict(self)


def compared(
    expected: Probabilities,
    answers: Probabilities,
    labels: npt.NDArray[np.int64],
    names: Sequence[str],
    precision: Precision,
) -> SplitAgreement:
    """Compares answers (n, classes) with those expected; labels are (n,), names are the images'.

    Raises:
        RegraftError: the shapes differ, or an answer is no number.
    """
    if answers.shape != expected.shape or not np.isfinite(answers).all():
        raise RegraftError(f"The export gives {answers.shape} and not {expected.shape} finite probabilities.")
    ranked = np.sort(expected, axis=1)
    tie = ranked[:, -1] - ranked[:, -2] < TIE[precision]
    best, wanted = answers.argmax(axis=1), expected.argmax(axis=1)
    other = best != wanted
    return SplitAgreement(
        images=len(answers),
        top1_agreement=float(1 - other.mean()),
        differing=[names[row] for row in np.flatnonzero(other)[:10]],
        ties=int((other & tie).sum()),
        largest_difference=float(np.abs(answers - expected).max(initial=0)),
        accuracy=float((best == labels).mean()),
        run_accuracy=float((wanted == labels).mean()),
    )


def refuse(found: Agreement, precision: Precision, what: str) -> None:
    """Raises a RegraftError where an export is past what its precision explains, on validation or on test."""
    wrong = list(_faults("validation", found, precision))
    if found.test is not None:
        wrong += _faults("test", found.test, precision)
    if precision != "int8" and (found.whole_difference or 0.0) > TOLERANCE[precision] + RESIZING_TOLERANCE:
        wrong.append(f"probabilities of images that it resizes differ by up to {found.whole_difference:.3f}")
    if wrong:
        hint = " Export it in f32 or f16." if precision == "int8" else ""
        raise RegraftError(f"The {what} does not agree with the run, and was not kept: {'; '.join(wrong)}.{hint}")


def _faults(split: str, found: SplitAgreement, precision: Precision) -> Iterator[str]:
    on = f"{found.images} {split} images"
    if precision == "int8":
        allowed = max(POINTS, 1 / found.images)
        if found.accuracy < found.run_accuracy - allowed - 1e-9:
            yield (
                f"its accuracy on {on} is {100 * found.accuracy:.1f} %, more than "
                f"{'a point' if allowed == POINTS else 'one image'} below the run's {100 * found.run_accuracy:.1f} %"
            )
        return
    if different := round((1 - found.top1_agreement) * found.images) - found.ties:
        yield f"{different} of {on} get another class ({found.differing[0]} …)"
    if found.largest_difference > TOLERANCE[precision]:
        yield (
            f"probabilities of {split} images differ by up to {found.largest_difference:.3f} "
            f"(at most {TOLERANCE[precision]})"
        )
