"""One run being served: its limits, its queue, and the predictor that may be exchanged while it works."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from regraft.deployment.server.batching import Batcher, Seen
from regraft.deployment.server.limits import check_pixels
from regraft.deployment.server.metrics import Metrics
from regraft.deployment.server.problems import Busy, RequestError, TooLate
from regraft.deployment.server.settings import ServerSettings
from regraft.errors import InputError, RegraftError, UnreadableImageError
from regraft.runs.prediction import Predictor

Source = bytes | npt.NDArray[np.uint8]
"""The bytes of an image file, or pixels uint8 (height, width, 3). Never a path: those come from outside."""

Load = Callable[[Path, bool], Predictor]
"""Gives a predictor of the run in a folder; with True, one made for many images a second."""

_ALONE = 8  # functions accepted by `run_alone` and not yet done
_Result = TypeVar("_Result")


def load_predictor(run: Path, throughput: bool) -> Predictor:
    """The predictor of the run in a folder."""
    return Predictor(run, throughput=throughput)


@dataclass(frozen=True)
class Answers:
    """What a model says of some images.

    Attributes:
        classes: of the columns.
        version: of the model that answered.
        rows: for each image its probabilities, float32 (classes,), or why it cannot be read.
    """

    classes: list[str]
    version: str
    rows: list[npt.NDArray[np.float32] | UnreadableImageError]

    def matrix(self) -> npt.NDArray[np.float32]:
        """Probabilities (n, classes) float32.

        Raises:
            RequestError: 400, one of the images cannot be read.
        """
        for number, row in enumerate(self.rows):
            if isinstance(row, UnreadableImageError):
                which = "The image" if len(self.rows) == 1 else f"Image {number} (counted from 0)"
                raise RequestError(400, f"{which} cannot be read: {row}")
        return np.stack([row for row in self.rows if not isinstance(row, UnreadableImageError)])


class Loaded:
    """A run in memory, tried out on one grey image.

    Two predictors, as one may be used by one thread at a time: `working` belongs to the batches, `predictor` to the
    functions of `run_alone`; the second compiles nothing before it is used.

    Raises:
        RegraftError: the run cannot be loaded, or does not answer.
    """

    def __init__(self, run: Path, version: int, load: Load) -> None:
        self.version, self.users, self.retired = version, 0, False
        self.working, self.predictor = load(run, True), load(run, False)
        height, width = self.working.head.size
        grey = np.full((height, width, 3), 128, np.uint8)
        answer = self.working.probabilities([self.working.seen(grey)])
        if answer.shape != (1, len(self.working.classes)) or not np.isfinite(answer).all():
            raise RegraftError(f"{run} does not answer as a classifier of {len(self.working.classes)} classes.")
        self.batcher: Batcher | None = None

    def start(self, name: str, max_batch: int, metrics: Metrics) -> None:
        """Starts the thread of the batches."""
        batches = metrics.batches.labels(name)
        self.batcher = Batcher(self.working.probabilities, max_batch, f"{name} {self.version}", batches.observe)

    def stop(self) -> None:
        """Tells the thread to end once it has computed what still waits."""
        if self.batcher is not None:
            self.batcher.stop()

    def close(self) -> None:
        """Stops it, and waits for its end."""
        if self.batcher is not None:
            self.batcher.close()


class ServedModel:
    """A run under a name. Its methods belong to the thread of the server's event loop.

    Args:
        name: of the model, as clients write it.
        path: the run folder.
        settings: the limits.
        metrics: where images are counted.
        decoders: the threads that decode pictures.
        load: gives the predictors.

    Raises:
        RegraftError: the run cannot be loaded.
    """

    def __init__(
        self,
        name: str,
        path: Path,
        settings: ServerSettings,
        metrics: Metrics,
        decoders: Executor,
        load: Load = load_predictor,
    ) -> None:
        self.name, self.path = name, path
        self._settings, self._metrics, self._decoders, self._load = settings, metrics, decoders, load
        self._accepted = 0
        self._alone = ThreadPoolExecutor(1, thread_name_prefix=f"{name} alone")
        self._alone_accepted = 0
        self._loaded = self.loaded_again(1)
        self._loaded.start(name, settings.max_batch, metrics)
        metrics.watch_queue(name, lambda: self._accepted)

    @property
    def version(self) -> str:
        """`1` for the run as the server found it, counted up whenever a re-trained one takes its place."""
        return str(self._loaded.version)

    @property
    def predictor(self) -> Predictor:
        """Of the run being served; its methods that compute are for functions within `run_alone` only."""
        return self._loaded.predictor

    @property
    def classes(self) -> list[str]:
        """In the order of the columns."""
        return self._loaded.working.classes

    @property
    def waiting(self) -> int:
        """Images accepted, not yet answered."""
        return self._accepted

    def check_room(self, images: int = 1) -> None:
        """Makes sure that so many more images may wait.

        Raises:
            RequestError: 413, more than one request may have.
            Busy: the queue is full.
        """
        most = min(self._settings.max_images, self._settings.queue)
        if images > most:
            raise RequestError(413, f"A request may have {most} images at most; this one has {images}.")
        if self._accepted + images > self._settings.queue:
            self._metrics.rejected.labels(self.name).inc()
            raise Busy(f"{self._accepted} images wait already; ask again in a moment.")

    async def answers(self, sources: Sequence[Source]) -> Answers:
        """What the model says of images; those that cannot be read do not keep the others from an answer.

        Raises:
            RequestError: 400 for no image, 413 for too many.
            Busy: the queue is full; nothing was decoded.
            TooLate: time was up.
        """
        if not sources:
            raise RequestError(400, "There is no image in the request.")
        self.check_room(len(sources))
        loaded = self._loaded
        self._accepted += len(sources)
        loaded.users += 1
        try:
            async with asyncio.timeout(self._settings.timeout):
                rows = await self._rows(loaded, sources)
        except TimeoutError:
            raise TooLate(self._settings.timeout) from None
        finally:
            self._accepted -= len(sources)
            loaded.users -= 1
            self._close_if_done(loaded)
        unreadable = sum(isinstance(row, UnreadableImageError) for row in rows)
        self._metrics.images.labels(self.name).inc(len(rows) - unreadable)
        self._metrics.unreadable.labels(self.name).inc(unreadable)
        return Answers(loaded.working.classes, str(loaded.version), rows)

    async def probabilities(self, sources: Sequence[Source]) -> npt.NDArray[np.float32]:
        """Class probabilities (n, classes) float32.

        Raises:
            RequestError: what `answers` raises; 400 where an image cannot be read.
        """
        return (await self.answers(sources)).matrix()

    async def _rows(
        self, loaded: Loaded, sources: Sequence[Source]
    ) -> list[npt.NDArray[np.float32] | UnreadableImageError]:
        assert loaded.batcher is not None
        loop = asyncio.get_running_loop()
        seen = await asyncio.gather(
            *(loop.run_in_executor(self._decoders, self._seen, loaded.working, source) for source in sources)
        )
        readable = [image for image in seen if not isinstance(image, UnreadableImageError)]
        found = iter(await loaded.batcher.submit(readable) if readable else ())
        return [image if isinstance(image, UnreadableImageError) else next(found) for image in seen]

    def _seen(self, predictor: Predictor, source: Source) -> Seen | UnreadableImageError:
        """Runs in a thread of the decoders."""
        most = self._settings.max_pixels
        try:
            if isinstance(source, bytes):
                check_pixels(source, most)
            elif source.shape[0] * source.shape[1] > most:
                raise UnreadableImageError(f"more pixels than this server's limit of {most:,}")
            return predictor.seen(source)
        except UnreadableImageError as error:
            return error
        except InputError as error:
            return UnreadableImageError(str(error))
        except MemoryError:
            return UnreadableImageError("too large for this machine's memory")

    async def run_alone(self, function: Callable[..., _Result], *args: object) -> _Result:
        """Gives `function(*args)`, run in a thread beside the batches: one at a time for each model, few waiting.

        The function may use `predictor`, which no other thread does.

        Raises:
            Busy: too many wait.
            TooLate: time was up; the function itself is not stopped once it runs.
        """
        if self._alone_accepted >= _ALONE:
            self._metrics.rejected.labels(self.name).inc()
            raise Busy(f"{self._alone_accepted} such requests wait already; ask again in a moment.")
        self._alone_accepted += 1
        try:
            async with asyncio.timeout(self._settings.timeout):
                return await asyncio.get_running_loop().run_in_executor(self._alone, function, *args)
        except TimeoutError:
            raise TooLate(self._settings.timeout) from None
        finally:
            self._alone_accepted -= 1

    def loaded_again(self, version: int | None = None) -> Loaded:
        """The run as it lies in its folder now, ready to be served; may be called in any thread.

        Raises:
            RegraftError: it cannot be loaded; what is served is not touched.
        """
        return Loaded(self.path, version or self._loaded.version + 1, self._load)

    def replace(self, loaded: Loaded) -> None:
        """Serves another version from the next request on; what the old one has accepted it still answers."""
        loaded.start(self.name, self._settings.max_batch, self._metrics)
        old, self._loaded = self._loaded, loaded
        old.retired = True
        self._close_if_done(old)

    def _close_if_done(self, loaded: Loaded) -> None:
        if loaded.retired and not loaded.users:
            loaded.stop()

    def close(self) -> None:
        """Ends the model's threads."""
        self._alone.shutdown(wait=False, cancel_futures=True)
        self._loaded.close()
