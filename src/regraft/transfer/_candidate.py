"""One candidate of a ranking: its features for all images, and how long its forward pass takes here."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from regraft.backbones.base import Base
from regraft.features.engines import Engine, Pixels, open_engine
from regraft.features.extraction import extract, open_store
from regraft.features.precision import chosen_precision
from regraft.features.store import Features
from regraft.images.labelled import LabelledImage, SkippedFile
from regraft.transfer._pictures import Pictures

_BURSTS = 2  # of which the fastest counts: what else the machine does can only make one slower
_BURST = 0.1  # seconds


@dataclass(frozen=True, eq=False)
class Measured:
    """What one candidate gives.

    Attributes:
        features: (images that could be read, d), in the images' order.
        skipped: the other images, with the reason.
        computed: how many were not in the cache.
        precision: what it was computed in.
        milliseconds: of the forward pass of one image, many in flight.
        seconds: to get the features, all in all.
        forward: of these, what grows with the images.
        timing: seconds that measuring the forward pass took.
    """

    features: Features
    skipped: tuple[SkippedFile, ...]
    computed: int
    precision: str
    milliseconds: float
    seconds: float
    forward: float
    timing: float


def measure(base: Base, images: Sequence[LabelledImage], pictures: Pictures) -> Measured:
    """Gets the features through the cache, and times the forward pass with nothing else going on.

    Raises:
        InputError: as `extract`.
    """
    begun = time.perf_counter()
    precision = chosen_precision("openvino", "auto", base)
    missing = open_store(base, "openvino", precision).missing(image.sha256 for image in images)
    engine = open_engine("openvino", base, precision)
    ready = time.perf_counter()
    extracted = extract(pictures.at((base.height, base.width), images, missing), base, engine=engine)
    extracted_at = time.perf_counter()
    features = extracted.features()
    read = time.perf_counter()
    milliseconds = milliseconds_an_image(engine, (base.height, base.width))
    done = time.perf_counter()
    forward = extracted_at - ready if extracted.computed else 0.0
    return Measured(
        features.reshape(len(features), -1),
        extracted.skipped,
        extracted.computed,
        precision,
        milliseconds,
        read - begun,
        forward,
        done - read,
    )


def milliseconds_an_image(engine: Engine, size: tuple[int, int]) -> float:
    """Wall-clock milliseconds of the forward pass of an image of noise, many in flight: the fastest of two bursts."""
    pixels: Pixels = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    begun = time.perf_counter()
    engine.run([pixels] * 8)  # also the first, slower ones
    count = max(4, min(1000, round(8 * _BURST / (time.perf_counter() - begun))))
    times = []
    for _ in range(_BURSTS):
        start = time.perf_counter()
        engine.run([pixels] * count)
        times.append((time.perf_counter() - start) / count)
    return 1000 * min(times)


def forward_units(base: Base, images: Sequence[LabelledImage], macs: int | None) -> float | None:
    """Multiply-accumulates still to be done for a candidate; 0 where all is cached, None where nobody knows."""
    from regraft.backbones.graph import cached_graph

    if cached_graph(base.identity) is not None:  # without its graph nothing of it can be in the cache
        precision = chosen_precision("openvino", "auto", base)
        left = len(open_store(base, "openvino", precision).missing(image.sha256 for image in images))
    else:
        left = len(images)
    if not left:
        return 0.0
    return None if macs is None else float(macs) * left
