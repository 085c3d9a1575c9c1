"""What a network says of images with its own head: the likeliest of ImageNet's classes."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from regraft._progress import progress
from regraft.backbones.classifier import Classifier
from regraft.backbones.graph import classifier_graph
from regraft.backbones.imagenet import ImageNetClass, imagenet_classes
from regraft.errors import UnreadableImageError
from regraft.features._filling import decoding_threads, in_order
from regraft.features.engines import Pixels
from regraft.features.openvino_engine import OpenVINOEngine
from regraft.images.reading import read_image

_AHEAD = 32  # decoded pictures waiting for the network, at most
_AT_ONCE = 512  # images whose 1,000 probabilities are held in memory
_FEW = 4  # up to so many images, each as soon as can be


@dataclass(frozen=True)
class Answer:
    """A class and its probability, from 0 to 1."""

    imagenet: ImageNetClass
    probability: float


def classify_images(
    classifier: Classifier, sources: Sequence[Path | Pixels], *, top: int = 5
) -> list[tuple[Answer, ...] | UnreadableImageError]:
    """Gives the likeliest classes of every image, through the graph of the network (f32, on the processor).

    Args:
        classifier: the network with its own head.
        sources: files, or pixels: uint8 (height, width) or (height, width, 3).
        top: how many classes.

    Returns:
        For each image, in their order: the answers, likeliest first (of equals, the earlier class first), or why the
        image cannot be read.

    Raises:
        InputError: the weights do not fit the network.
    """
    engine = OpenVINOEngine(classifier_graph(classifier), "f32", latency=len(sources) <= _FEW)
    size = classifier.network.size
    classes = imagenet_classes()
    found: list[tuple[Answer, ...] | UnreadableImageError] = []
    with progress("Classifying", len(sources)) as advance, closing(_decoded(sources, size)) as decoded:
        for _ in range(0, len(sources), _AT_ONCE):
            places: list[int] = []

            def readable(places: list[int] = places) -> Iterator[Pixels]:
                for image in islice(decoded, _AT_ONCE):
                    advance(1)
                    if isinstance(image, UnreadableImageError):
                        found.append(image)
                        continue
                    places.append(len(found))
                    found.append(())
                    yield image

            for place, row in zip(places, engine.run(readable()), strict=True):
                likeliest = np.argsort(-row, kind="stable")[:top]
                found[place] = tuple(Answer(classes[index], float(row[index])) for index in likeliest)
    return found


def _decoded(sources: Sequence[Path | Pixels], size: int) -> Generator[Pixels | UnreadableImageError]:
    """The images in their order, decoded by several threads, never more than `_AHEAD` waiting."""

    def read(source: Path | Pixels) -> Pixels | UnreadableImageError:
        try:
            return read_image(source, size)
        except UnreadableImageError as error:
            return error

    with ThreadPoolExecutor(decoding_threads(), thread_name_prefix="decode") as pool:
        yield from in_order(pool, read, sources, _AHEAD)
