"""A program that puts a server under load and says how it took it: one JSON object on stdout.

python benchmarks/_http_load.py PORT FOLDER CLIENTS REQUESTS

Each file in FOLDER is one whole HTTP request; the clients send them in turn, each on a connection
of its own that it keeps. The bodies of the answers are not looked at: the cores are shared with the server.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections import Counter
from itertools import count
from pathlib import Path


async def client(port: int, requests: list[bytes], numbers: count[int], end: int, found: Counter[str]) -> list[float]:
    """One connection, one request after the other; the seconds of each."""
    seconds: list[float] = []
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 22)
    while (number := next(numbers)) < end:
        start = time.perf_counter()
        writer.write(requests[number % len(requests)])
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length:")[2].partition(b"\r")[0])
            await reader.readexactly(length)
        except (asyncio.IncompleteReadError, ConnectionError):
            found["broken"] += 1
            reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 22)
            continue
        status = head[9:12].decode()
        found[status] += 1
        if status == "200":
            seconds.append(time.perf_counter() - start)
    writer.close()
    return seconds


async def load(port: int, requests: list[bytes], clients: int, end: int) -> dict[str, object]:
    """All clients at once."""
    numbers, found = count(), Counter[str]()
    start = time.perf_counter()
    each = await asyncio.gather(*(client(port, requests, numbers, end, found) for _ in range(clients)))
    total = time.perf_counter() - start
    seconds = sorted(value for values in each for value in values)
    return {
        "rate": len(seconds) / total,
        "p50": seconds[len(seconds) // 2] if seconds else None,
        "p99": seconds[int(len(seconds) * 0.99)] if seconds else None,
        "statuses": dict(found),
    }


def main() -> None:
    port, folder, clients, end = int(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
    requests = [path.read_bytes() for path in sorted(folder.iterdir())]
    try:
        import uvloop

        run = uvloop.run
    except ImportError:
        run = asyncio.run
    print(json.dumps(run(load(port, requests, clients, end))))


if __name__ == "__main__":
    main()
