from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from served_models import Served, picture, served

from regraft.deployment.server.model import Loaded, ServedModel
from regraft.deployment.server.problems import Busy, RequestError, TooLate
from regraft.errors import RegraftError, UnreadableImageError


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Served]:
    """A queue of four images."""
    made = served(tmp_path, queue=4, timeout=5, max_pixels=1000)
    yield made
    made.stand_in.gate.set()
    made.models.close()


def run(made: Served, work: Callable[[ServedModel], Awaitable[Any]]) -> Any:
    async def started() -> Any:
        return await work(made.models.default)

    return asyncio.run(started())


def test_files_and_pixels_are_answered_in_their_order(small: Served) -> None:
    sources = [picture((0, 0, 255)), np.full((3, 5, 3), (255, 0, 0), np.uint8), b"text"]
    answers = run(small, lambda model: model.answers(sources))
    blue, red, broken = answers.rows
    assert (answers.classes[blue.argmax()], answers.classes[red.argmax()]) == ("blue", "red")
    assert str(broken) == "not an image (text?)"
    matrix = run(small, lambda model: model.probabilities(sources[:2]))
    assert (matrix.dtype, matrix.tolist()) == (np.float32, [blue.tolist(), red.tolist()])
    with pytest.raises(RequestError, match="Image 2"):
        run(small, lambda model: model.probabilities(sources))


def test_pictures_beyond_the_limit_are_not_decoded(small: Served) -> None:
    large = [picture(size=(40, 26)), np.zeros((40, 26, 3), np.uint8), np.zeros((0, 4, 3), np.uint8)]
    answers = run(small, lambda model: model.answers(large))
    assert all(isinstance(row, UnreadableImageError) for row in answers.rows)
    assert ["limit of 1,000" in str(row) for row in answers.rows] == [True, True, False]
    assert small.stand_in.batches == []


@pytest.mark.parametrize(("count", "status"), [(0, 400), (5, 413)])
def test_a_request_has_some_images_and_no_more_than_the_queue(small: Served, count: int, status: int) -> None:
    with pytest.raises(RequestError) as caught:
        run(small, lambda model: model.answers([b""] * count))
    assert caught.value.status == status


def test_beyond_the_queue_requests_are_refused_and_others_are_answered(small: Served) -> None:
    small.stand_in.gate.clear()

    async def crowd(model: ServedModel) -> None:
        accepted = [asyncio.create_task(model.probabilities([picture()] * 2)) for _ in range(2)]
        await asyncio.sleep(0.01)
        assert model.waiting == 4
        with pytest.raises(Busy, match="4 images wait already"):
            await model.answers([picture()])
        small.stand_in.gate.set()
        for answer in await asyncio.gather(*accepted):
            assert answer.shape == (2, 3)
        assert model.waiting == 0
        assert (await model.probabilities([picture()])).shape == (1, 3)

    run(small, crowd)


def test_what_takes_too_long_is_dropped(tmp_path: Path) -> None:
    made = served(tmp_path, timeout=0.05, max_batch=1)
    made.stand_in.gate.clear()

    async def wait(model: ServedModel) -> None:
        late = await asyncio.gather(*(model.answers([picture()]) for _ in range(3)), return_exceptions=True)
        assert [type(error) for error in late] == [TooLate] * 3
        assert model.waiting == 0

    run(made, wait)
    made.stand_in.gate.set()
    made.models.close()
    assert sum(made.stand_in.batches) <= 1  # what had begun; the others were never computed


def test_functions_run_alone_one_at_a_time_in_their_own_thread(small: Served) -> None:
    running, most = 0, 0

    def work(number: int) -> tuple[int, str]:
        nonlocal running, most
        running += 1
        most = max(most, running)
        running -= 1
        return number, threading.current_thread().name

    async def several(model: ServedModel) -> Any:
        await model.probabilities([picture()])
        return await asyncio.gather(*(model.run_alone(work, number) for number in range(6)))

    found = run(small, several)
    assert [number for number, _ in found] == list(range(6))
    assert most == 1
    assert small.stand_in.threads.isdisjoint(name for _, name in found)


def test_few_functions_wait_to_run_alone(small: Served) -> None:
    gate = threading.Event()

    async def crowd(model: ServedModel) -> None:
        waiting = [asyncio.create_task(model.run_alone(gate.wait, 10)) for _ in range(8)]
        await asyncio.sleep(0.01)
        with pytest.raises(Busy):
            await model.run_alone(gate.wait, 10)
        gate.set()
        assert all(await asyncio.gather(*waiting))

    run(small, crowd)


def test_another_version_takes_over_and_the_old_one_answers_what_it_has(small: Served) -> None:
    small.stand_in.gate.clear()

    async def exchange(model: ServedModel) -> None:
        old = asyncio.create_task(model.answers([picture()]))
        await asyncio.sleep(0.01)
        small.stand_in.gate.set()
        model.replace(model.loaded_again())
        new = await model.answers([picture()])
        assert (model.version, (await old).version, new.version) == ("2", "1", "2")

    def workers() -> list[threading.Thread]:
        return [thread for thread in threading.enumerate() if thread.name in ("colours 1", "colours 2")]

    run(small, exchange)
    small.models.close()
    for thread in workers():
        thread.join(5)
    assert not workers()


def test_a_run_that_does_not_answer_is_not_loaded(tmp_path: Path) -> None:
    made = served(tmp_path)
    made.models.close()
    made.stand_in.classes.append("one too many")
    with pytest.raises(RegraftError, match="classifier of 4 classes"):
        Loaded(tmp_path, 2, lambda run, throughput: made.stand_in)  # type: ignore[arg-type,return-value]
