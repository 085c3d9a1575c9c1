"""What the page needs of each model beside its answers: the heat maps, the nearest images, the corrections."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from regraft.deployment.page.facts import model_facts
from regraft.deployment.server.limits import check_pixels
from regraft.deployment.server.model import ServedModel
from regraft.deployment.server.problems import RequestError
from regraft.errors import InputError, UnreadableImageError
from regraft.runs.corrections import Correction, Corrections
from regraft.runs.explaining import Explainer, Heat
from regraft.runs.neighbours import Nearest, Neighbours
from regraft.runs.prediction import Predictor


@dataclass(eq=False)
class Tools:
    """For one version of one model. What computes is called by `ServedModel.run_alone` only.

    Attributes:
        predictor: of that version.
        max_pixels: of a picture.
    """

    predictor: Predictor
    max_pixels: int

    def __post_init__(self) -> None:
        self._explainer = Explainer(self.predictor)
        self.neighbours = Neighbours(self.predictor, self._explainer.features)

    @cached_property
    def facts(self) -> dict[str, Any]:
        """See `model_facts`."""
        return model_facts(self.predictor)

    def explain(self, content: bytes, index: int) -> Heat:
        """The heat map of a class over an image, from its bytes.

        Raises:
            RequestError: 400, the image cannot be read, or there is no such class.
        """
        if not 0 <= index < len(self.predictor.classes):
            raise RequestError(400, f"There is no class {index}: this model has {len(self.predictor.classes)}.")
        return self._explainer.explain(self._pixels(content), index)

    def nearest(self, content: bytes, count: int) -> Nearest:
        """So many of the nearest training images of an image, from its bytes.

        Raises:
            RequestError: 400, it cannot be read.
        """
        return self.neighbours.nearest(self._pixels(content), count)

    def _pixels(self, content: bytes) -> npt.NDArray[np.uint8]:
        try:
            check_pixels(content, self.max_pixels)
            return self.predictor.seen(content)[0]
        except UnreadableImageError as error:
            raise RequestError(400, f"The image cannot be read: {error}") from error


class Toolbox:
    """The tools of all models: made when they are first needed, and anew for a re-trained run.

    Safe to use from many threads.

    Args:
        corrections: the folder of the corrections, in which each model has one of its name; None takes none.
        max_pixels: of a picture.
    """

    def __init__(self, corrections: Path | None, max_pixels: int) -> None:
        self._folder, self._max_pixels = corrections, max_pixels
        self._tools: dict[str, Tools] = {}
        self._corrections: dict[str, Corrections] = {}
        self._lock = threading.Lock()  # two `Corrections` of one folder would not know of each other's images

    def of(self, served: ServedModel) -> Tools:
        """The tools of a model as it is served now."""
        with self._lock:
            found, predictor = self._tools.get(served.name), served.predictor
            if found is None or found.predictor is not predictor:
                if found is not None:
                    found.neighbours.close()
                found = self._tools[served.name] = Tools(predictor, self._max_pixels)
            return found

    def corrections(self, served: ServedModel) -> Corrections | None:
        """The corrections of a model; None where the server takes none."""
        if self._folder is None:
            return None
        with self._lock:
            if served.name not in self._corrections:
                self._corrections[served.name] = Corrections(self._folder / served.name)
            return self._corrections[served.name]

    def correct(self, served: ServedModel, content: bytes, label: str) -> Correction:
        """Keeps an image under another label.

        Raises:
            RequestError: 404 the server takes no corrections, 400 the image cannot be read, 507 it cannot be kept.
        """
        corrections = self.corrections(served)
        if corrections is None:
            raise no_corrections()
        try:
            check_pixels(content, self._max_pixels)
            return corrections.add(content, label)
        except UnreadableImageError as error:
            raise RequestError(400, f"The image cannot be read: {error}") from error
        except InputError as error:
            raise RequestError(507, f"The correction could not be kept. {error.problem}") from error


def no_corrections() -> RequestError:
    """The error of a server that takes no corrections."""
    return RequestError(404, "This server keeps no corrections: it was started without --corrections.")
