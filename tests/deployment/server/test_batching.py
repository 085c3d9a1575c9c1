from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regraft.deployment.server.batching import Batcher


def image(number: int) -> list[Any]:
    return [np.full((1, 1, 3), number, np.uint8)]


def numbers(images: Iterable[Sequence[Any]]) -> Any:
    """Two columns: the number of each image, and 1."""
    return np.array([[views[0][0, 0, 0], 1] for views in images], np.float32).reshape(-1, 2)


@settings(max_examples=25)
@given(st.lists(st.lists(st.integers(0, 255), min_size=1, max_size=5), min_size=1, max_size=12), st.integers(1, 6))
def test_each_request_gets_the_answers_for_its_own_images_in_their_order(
    requests: list[list[int]], max_batch: int
) -> None:
    sizes: list[int] = []
    batcher = Batcher(numbers, max_batch, "test", sizes.append)

    async def all_at_once() -> list[Any]:
        return await asyncio.gather(*(batcher.submit([image(n) for n in request]) for request in requests))

    answers = asyncio.run(all_at_once())
    batcher.close()
    for request, answer in zip(requests, answers, strict=True):
        assert answer.dtype == np.float32
        assert answer.tolist() == [[n, 1] for n in request]
    assert sum(sizes) == sum(map(len, requests))
    assert max(sizes) <= max_batch


def test_batches_grow_while_the_worker_is_busy_and_a_lone_image_waits_for_nobody() -> None:
    sizes: list[int] = []
    entered, gate = threading.Event(), threading.Event()

    def slow(images: Iterable[Sequence[Any]]) -> Any:
        answer = numbers(images)
        entered.set()
        assert gate.wait(10)
        return answer

    batcher = Batcher(slow, 8, "test", sizes.append)

    async def first_one_then_many() -> None:
        first = asyncio.create_task(batcher.submit([image(1)]))
        await asyncio.to_thread(entered.wait, 10)
        others = [asyncio.create_task(batcher.submit([image(n)])) for n in range(5)]
        await asyncio.sleep(0)
        gate.set()
        await asyncio.gather(first, *others)

    asyncio.run(first_one_then_many())
    batcher.close()
    assert sizes == [1, 5]


def test_what_nobody_waits_for_any_more_is_not_computed() -> None:
    computed: list[float] = []
    gate = threading.Event()

    def noting(images: Iterable[Sequence[Any]]) -> Any:
        assert gate.wait(10)
        answer = numbers(images)
        computed.extend(answer[:, 0])
        return answer

    batcher = Batcher(noting, 1, "test")

    async def leave() -> None:
        stays = asyncio.create_task(batcher.submit([image(1)]))
        leaves = asyncio.create_task(batcher.submit([image(2), image(3)]))
        await asyncio.sleep(0)
        leaves.cancel()
        await asyncio.gather(leaves, return_exceptions=True)
        gate.set()
        await stays

    asyncio.run(leave())
    batcher.close()
    assert computed == [1]


def test_a_fault_reaches_those_who_wait_and_the_worker_goes_on() -> None:
    def faulty(images: Iterable[Sequence[Any]]) -> Any:
        answer = numbers(images)
        if 13 in answer:
            raise ValueError("unlucky")
        return answer[: 0 if 14 in answer else None]

    batcher = Batcher(faulty, 4, "test")
    with pytest.raises(ValueError, match="unlucky"):
        asyncio.run(batcher.submit([image(13)]))
    with pytest.raises(RuntimeError, match="0 answers for 1 images"):
        asyncio.run(batcher.submit([image(14)]))
    assert asyncio.run(batcher.submit([image(7)])).tolist() == [[7, 1]]
    batcher.close()
    with pytest.raises(RuntimeError, match="closed"):
        asyncio.run(batcher.submit([image(7)]))
