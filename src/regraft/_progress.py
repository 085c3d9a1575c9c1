"""One progress bar on stderr: what is done, how fast, how long it will still take."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def progress(description: str, total: int, unit: str = "images") -> Iterator[Callable[[float], None]]:
    """Shows a bar while the block runs; the block calls the given function with how many more are done.

    Nothing is shown where stderr is no terminal, so that logs and pipes stay clean. `unit="bytes"` counts in MB.
    """
    if sys.stderr is None or not sys.stderr.isatty():
        yield lambda count: None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        MofNCompleteColumn,
        Progress,
        ProgressColumn,
        Task,
        TextColumn,
        TimeRemainingColumn,
    )
    from rich.text import Text

    class Speed(ProgressColumn):
        def render(self, task: Task) -> Text:
            speed = task.finished_speed or task.speed
            if not speed:
                return Text("")
            return Text(f"{speed / 1e6:.1f} MB/s" if unit == "bytes" else f"{speed:.0f} {unit}/s")

    counted = DownloadColumn() if unit == "bytes" else MofNCompleteColumn()
    text, left = TextColumn("{task.description}"), TextColumn("left")
    columns = (text, BarColumn(), counted, Speed(), left, TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(description, total=total)
        yield lambda count: bar.advance(task, count)
