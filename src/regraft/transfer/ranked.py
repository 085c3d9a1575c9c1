"""What a ranking of backbones found: each one's measurements, and what they say together."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from regraft.images.labelled import SkippedFile
from regraft.transfer.ranking_findings import Agreement, Difference

SCORES = ("log_me", "h_score", "neighbour_accuracy", "top1", "parameters", "macs")
"""What the order of the probe is compared with; `top1` is the baseline to beat."""


@dataclass(frozen=True, eq=False)
class RankedBackbone:
    """One backbone, measured on the images.

    Attributes:
        name: as it is written.
        size: height and width of its input in pixels.
        accuracy: of the linear probe on images left out, 0 to 1.
        accuracy_interval: 95 %, Wilson's: for other images of the same kind; that another training set would give
            another probe is not in it.
        neighbour_accuracy: of the nearest neighbours, 0 to 1.
        log_me: see `scores.log_me`.
        h_score: with the regularised covariance, which can be compared between widths of features.
        plain_h_score: with the plain one, as first published; the number of classes less 1 where there are not more
            images than features.
        top1: ImageNet accuracy in percent, from the card; None where it names none.
        features: numbers an image.
        parameters: of the part that is used; None where not known.
        size_mb: of these parameters in float32, in units of 1,048,576 bytes.
        macs: multiply-accumulates an image; None where they cannot be counted.
        ms_per_image: of the forward pass here, without decoding, many images in flight.
        precision: what it was computed in.
        computed: how many images were not in the cache.
        on_front: whether no other is as accurate and as fast, and better in one of the two.
        seconds: by stage: `features` (graph included), `timing`, `scores`.
        right: bool (n,), which images the probe answered rightly.
    """

    name: str
    size: tuple[int, int]
    accuracy: float
    accuracy_interval: tuple[float, float]
    neighbour_accuracy: float
    log_me: float
    h_score: float
    plain_h_score: float
    top1: float | None
    features: int
    parameters: int | None
    size_mb: float | None
    macs: int | None
    ms_per_image: float
    precision: str
    computed: int
    on_front: bool
    seconds: dict[str, float]
    right: npt.NDArray[np.bool_] = field(repr=False)


@dataclass(frozen=True, eq=False)
class Ranking:
    """What `rank_backbones` found.

    Attributes:
        images: how many all backbones were measured on.
        classes: sorted names.
        folds: of the probe.
        backbones: the most accurate first; of equals, the faster.
        differences: every pair on the same images.
        agreement: Kendall's tau of each score with the probe's accuracy, by the score's name; `top1` is the baseline.
        not_tried: candidates that did not fit into the time, the cheapest first.
        failed: candidates that could not be measured, with the reason.
        skipped: files that were left out, the same for all.
        within: seconds that were given; None for no limit.
        seconds: in total.
    """

    images: int
    classes: tuple[str, ...]
    folds: int
    backbones: tuple[RankedBackbone, ...]
    differences: tuple[Difference, ...]
    agreement: dict[str, Agreement]
    not_tried: tuple[str, ...]
    failed: tuple[SkippedFile, ...]
    skipped: tuple[SkippedFile, ...]
    within: float | None
    seconds: float

    def as_dict(self) -> dict[str, Any]:
        """Everything but the answers for single images, as plain JSON."""
        rows = [{name: value for name, value in vars(one).items() if name != "right"} for one in self.backbones]
        return {
            "images": self.images,
            "classes": list(self.classes),
            "folds": self.folds,
            "backbones": [row | {"size": list(row["size"]), "on_front": bool(row["on_front"])} for row in rows],
            "differences": [asdict(pair) | {"shown": pair.shown} for pair in self.differences],
            "agreement": {name: asdict(value) for name, value in self.agreement.items()},
            "not_tried": list(self.not_tried),
            "failed": [{"backbone": one.name, "reason": one.reason} for one in self.failed],
            "skipped": [asdict(one) for one in self.skipped],
            "within": self.within,
            "seconds": self.seconds,
        }
