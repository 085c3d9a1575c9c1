"""A process of its own that knows Keras: counts what networks cost, and builds graphs while others are at work.

Ranking itself needs no Keras. Importing it takes seconds, so this one process does it once for all candidates, beside
whatever the main process does.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import suppress
from typing import Any, NamedTuple

from regraft.backbones.base import Base, open_base
from regraft.backbones.graph import base_graph
from regraft.errors import RegraftError

_MARK = "\x1e"  # before each answer: libraries may print lines of their own


class Costs(NamedTuple):
    """What the frozen part of a network costs for one image.

    Attributes:
        macs: multiply-accumulates; None where they cannot be counted.
        parameters: of the part that is used; None where not known.
    """

    macs: int | None
    parameters: int | None


class Preparation:
    """The process, which does one thing after the other; a context manager that ends it."""

    def __init__(self) -> None:
        self._costs: dict[str, Costs] = {}
        self._asked: set[str] = set()
        self._unanswered = 0
        environment = {**os.environ, "KERAS_BACKEND": "openvino", "TF_CPP_MIN_LOG_LEVEL": "3"}
        self._process = subprocess.Popen(
            # -P: a file in the user's folder that is named like a module must not be taken for it
            [sys.executable, "-P", "-m", "regraft.transfer.preparation"],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def __enter__(self) -> Preparation:
        return self

    def __exit__(self, *error: object) -> None:
        self._process.kill()
        with suppress(OSError):
            self._process.communicate()

    def begin_count(self, spelling: str) -> None:
        """Has the costs of a candidate counted, beside what goes on here."""
        if spelling not in self._asked:
            self._asked.add(spelling)
            self._ask("count", spelling)

    def begin_graph(self, spelling: str) -> None:
        """Has the graph of a candidate built, beside what goes on here."""
        self._ask("graph", spelling)

    def costs(self, spelling: str) -> Costs:
        """What a candidate costs; waits until it is counted. Unknown where the process could not tell."""
        self.begin_count(spelling)
        while spelling not in self._costs and self._read():
            pass
        return self._costs.get(spelling, Costs(None, None))

    def rest(self) -> None:
        """Waits until all that was begun is done, or cannot be done."""
        while self._unanswered and self._read():
            pass
        self._unanswered = 0

    def _ask(self, work: str, spelling: str) -> None:
        with suppress(OSError, ValueError):  # it has ended: what it would have built is built where it is needed
            if self._process.stdin is not None:
                self._process.stdin.write(json.dumps([work, spelling]) + "\n")
                self._process.stdin.flush()
                self._unanswered += 1

    def _read(self) -> bool:
        """Takes one answer; False where there will be no more."""
        line = self._process.stdout.readline() if self._process.stdout is not None else ""
        if line.startswith(_MARK):
            answer: dict[str, Any] = json.loads(line.removeprefix(_MARK))
            self._unanswered -= 1
            if "macs" in answer:
                self._costs[answer["backbone"]] = Costs(answer["macs"], answer["parameters"])
        return bool(line)


def _count(base: Base) -> Costs:
    from regraft.backbones.costs import layer_costs, totals
    from regraft.backbones.layer_rows import network_outline
    from regraft.backbones.networks import cut_saved_model, load_saved_model

    if base.network is not None:
        model = network_outline(base.network)
    else:
        model = cut_saved_model(load_saved_model(base.weights.path), base.spelling, base.pooling)
    total = totals(layer_costs(model))
    return Costs(None if total.uncounted else total.macs, total.parameters)


def _serve() -> None:
    """Runs in the process of its own: one piece of work a line, and a line of answer to each."""
    for line in sys.stdin:
        work, spelling = json.loads(line)
        answer: dict[str, Any] = {"backbone": spelling}
        try:
            base = open_base(spelling)
            if work == "graph":
                base_graph(base, in_process=True)
            else:
                answer |= _count(base)._asdict()
        except RegraftError:  # whoever needs the graph is told why there is none
            answer |= {} if work == "graph" else Costs(None, None)._asdict()
        print(_MARK + json.dumps(answer), flush=True)  # noqa: T201


if __name__ == "__main__":
    with suppress(KeyboardInterrupt, BrokenPipeError):
        _serve()
