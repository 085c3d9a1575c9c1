"""Images of many requests computed together: whatever waits when the worker becomes free is its next batch."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np
import numpy.typing as npt

Seen = Sequence[npt.NDArray[np.uint8]]
"""What a run looks at of one image: uint8 (height, width, 3), one or several views."""

Compute = Callable[[Iterable[Seen]], npt.NDArray[np.float32]]


class _Job:
    """The images of one request: their rows as they come, and the future that waits for all of them."""

    def __init__(self, count: int) -> None:
        self.loop = asyncio.get_running_loop()
        self.future: asyncio.Future[npt.NDArray[np.float32]] = self.loop.create_future()
        self.rows: list[npt.NDArray[np.float32] | None] = [None] * count
        self.missing = count
        self.dropped = False  # nobody waits any more

    def finish(self, error: Exception | None) -> None:
        """Runs in the loop's thread."""
        if self.future.done():
            return
        if error is None:
            self.future.set_result(np.stack([row for row in self.rows if row is not None]))
        else:
            self.future.set_exception(error)

    def tell(self, error: Exception | None = None) -> None:
        """Runs in the worker's thread."""
        if not self.dropped and not self.loop.is_closed():
            self.loop.call_soon_threadsafe(self.finish, error)


class Batcher:
    """One thread that owns a computation and hands it what waits.

    An idle worker takes the first image at once, so a lone request waits for nobody; under load, batches grow by
    themselves, as more has come while the last one was computed.

    Args:
        compute: gives the probabilities (n, classes) of the images in an iterable; called in one thread only.
        max_batch: images in one batch.
        name: of the thread.
        observe: told the size of each batch.
    """

    def __init__(
        self, compute: Compute, max_batch: int, name: str, observe: Callable[[int], object] = lambda images: None
    ) -> None:
        self._compute, self._max_batch, self._observe = compute, max_batch, observe
        self._waiting: deque[tuple[_Job, int, Seen]] = deque()
        self._changed = threading.Condition()
        self._closing = False
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    async def submit(self, images: Sequence[Seen]) -> npt.NDArray[np.float32]:
        """Gives the probabilities (n, classes) float32; where the caller is cancelled, what still waits is dropped."""
        job = _Job(len(images))
        with self._changed:
            if self._closing:
                raise RuntimeError("the worker has been closed")
            self._waiting.extend((job, position, image) for position, image in enumerate(images))
            self._changed.notify()
        try:
            return await job.future
        finally:
            job.dropped = True

    def stop(self) -> None:
        """Tells the thread to end once it has computed what still waits."""
        with self._changed:
            self._closing = True
            self._changed.notify()

    def close(self) -> None:
        """Stops it, and waits for its end."""
        self.stop()
        self._thread.join()

    def _work(self) -> None:
        while True:
            with self._changed:
                while not self._waiting and not self._closing:
                    self._changed.wait()
                if not self._waiting:
                    return
            self._batch()

    def _batch(self) -> None:
        taken: list[tuple[_Job, int]] = []
        try:
            rows = self._compute(self._next(taken))
            if len(rows) != len(taken):
                raise RuntimeError(f"{len(rows)} answers for {len(taken)} images")
        except Exception as error:  # whoever waits must hear of it, and the thread must live on
            for job in {id(job): job for job, _ in taken}.values():
                job.tell(error)
            return
        if taken:
            self._observe(len(taken))
        for (job, position), row in zip(taken, rows, strict=True):
            job.rows[position] = row
            job.missing -= 1
            if not job.missing:
                job.tell()

    def _next(self, taken: list[tuple[_Job, int]]) -> Iterator[Seen]:
        """What waits, also what comes while the first are being computed, up to a whole batch."""
        while len(taken) < self._max_batch:
            try:
                job, position, image = self._waiting.popleft()
            except IndexError:
                return
            if not job.dropped:
                taken.append((job, position))
                yield image
