"""The graph of a network: which of its outputs everything later goes through, so that it can be cut there."""

from __future__ import annotations

import difflib
from collections import Counter
from dataclasses import dataclass
from typing import Any

from regraft.errors import InputError

INPUT = "input"
"""The cut before everything: all of the network is top."""

PREPROCESSING = "preprocessing"
"""How regraft calls the layer it puts between the pixels and a network of the catalogue."""

_RESERVED = "last"  # what `Base.cut` says where a saved model ends before its last layer with weights
_LONGEST = 80  # characters of a wrong name that are compared and shown


@dataclass(frozen=True)
class Step:
    """One call of a layer, or of a bare operation such as `x + y`.

    Attributes:
        operation: the Keras layer or operation.
        inputs: positions of the steps whose outputs it takes.
        outputs: its symbolic tensors.
    """

    operation: Any
    inputs: tuple[int, ...]
    outputs: tuple[Any, ...]

    @property
    def name(self) -> str:
        """What Keras calls the layer."""
        return str(self.operation.name)

    @property
    def kind(self) -> str:
        """The class of the layer."""
        return type(self.operation).__name__


@dataclass(frozen=True)
class Graph:
    """The steps from a network's input to its output, in topological order.

    Attributes:
        steps: each after those it takes something from; the first is the input.
        cuts: positions whose output is the only tensor that anything later needs, ascending, the input included. No
            weights are used both before and after one.
        start: how many steps at the beginning are the input and regraft's preprocessing; a cut there is `input`.
    """

    steps: tuple[Step, ...]
    cuts: tuple[int, ...]
    start: int

    def cut_name(self, position: int) -> str:
        """How the cut after a step is called: as its layer, or `input`."""
        return INPUT if position < self.start else self.steps[position].name

    def position(self, name: str) -> int:
        """Where the step of that name is (the last call of a layer with several).

        Raises:
            InputError: there is none; names those spelt almost so.
        """
        if name == INPUT:
            return 0
        for position in reversed(range(len(self.steps))):
            if self.steps[position].name == name:
                return position
        names = [step.name for step in self.steps]
        close = difflib.get_close_matches(name[:_LONGEST], names, n=3, cutoff=0.5)
        raise InputError(
            "The network has no layer of that name.",
            expected=f"perhaps {' or '.join(close)}" if close else f"a name such as {names[len(names) // 2]}",
            received=repr(name if len(name) <= _LONGEST else f"{name[:_LONGEST]}…"),
            hint="`regraft backbones NAME --layers` lists them all",
        )

    def cut_after(self, name: str) -> int:
        """The position of the cut whose base ends with that layer.

        Raises:
            InputError: no such layer, or no cut after it: says why, and names the nearest cuts.
        """
        position = self.position(name)
        if position < self.start or position in self.cuts:
            return position
        raise _refusal(
            f"The network cannot be cut after {name}.",
            self._why_not(position),
            "a cut after",
            [(at, self.cut_name(at)) for at in self.cuts],
            position,
        )

    def cut_before(self, name: str) -> int:
        """The position of the cut whose top begins with that layer.

        Raises:
            InputError: no such layer, or no cut before it: says why, and names the nearest layers that have one.
        """
        position = self.position(name)
        if position < self.start:
            return 0
        sources = sorted(set(self.steps[position].inputs))
        if len(sources) == 1 and (sources[0] < self.start or sources[0] in self.cuts):
            return sources[0]
        if len(sources) > 1:
            why = f"{self._called(position)} needs {' and '.join(self.cut_name(at) for at in sources)}"
        else:
            why = self._why_not(sources[0])
        firsts = [(min(self._users(at)), at) for at in self.cuts if at >= self.start - 1]
        raise _refusal(
            f"The network cannot be cut before {name}.",
            why,
            "a top that begins with",
            [(first, self.steps[first].name) for first, _ in firsts],
            position,
        )

    def _users(self, position: int) -> list[int]:
        return [at for at, step in enumerate(self.steps) if position in step.inputs]

    def _called(self, position: int) -> str:
        return f"{self.steps[position].kind} {self.steps[position].name}"

    def _why_not(self, position: int) -> str:
        """Why there is no cut after a step: in most cases the layer that would miss something."""
        if position == len(self.steps) - 1:
            return "nothing comes after it"
        after = {position}
        for at in range(position + 1, len(self.steps)):
            inputs = self.steps[at].inputs
            if not after.isdisjoint(inputs):
                if missing := [source for source in inputs if source not in after]:
                    return f"{self._called(at)} needs {self.cut_name(missing[0])} too"
                after.add(at)
        name = self.steps[position].name
        if sum(step.name == name for step in self.steps) > 1:
            return f"{name} is used more than once"
        if len(self.steps[position].outputs) > 1:
            return f"{name} has several outputs"
        if name == _RESERVED:
            return f"{name!r} stands for the cut before the last layer"
        return "layers before and after it share their weights"


def _refusal(problem: str, why: str, what: str, choices: list[tuple[int, str]], position: int) -> InputError:
    """The error for a cut that cannot be, with the nearest ones on either side."""
    before = [name for at, name in choices if at < position][-1:]
    after = [name for at, name in choices if at > position][:1]
    return InputError(
        problem,
        expected=f"{what} {' or '.join(before + after)}, the nearest" if before or after else None,
        received=why,
        hint="`regraft backbones NAME --layers` marks the allowed cuts",
    )


def read_graph(model: Any) -> Graph:
    """Reads the graph of a functional or Sequential Keras model.

    Raises:
        InputError: it is another kind of model, or has not one input and one output.
    """
    inputs, outputs = getattr(model, "inputs", None) or [], getattr(model, "outputs", None) or []
    if len(inputs) != 1 or len(outputs) != 1:
        raise InputError(
            "This model cannot be cut.",
            expected="a functional or Sequential Keras model with one input and one output",
            received=f"a {type(model).__name__} with {len(inputs)} inputs and {len(outputs)} outputs",
        )
    steps = _steps(outputs[0])
    start = 1
    while start < len(steps) - 1 and _is_preprocessing(steps[start]):
        start += 1
    return Graph(steps, _cuts(steps), start)


def _steps(output: Any) -> tuple[Step, ...]:
    """Depth first from the output, with a stack of its own: a network may be deeper than Python's."""
    positions: dict[int, int] = {}
    steps: list[Step] = []
    stack = [(_call(output), False)]
    while stack:
        call, sources_done = stack.pop()
        if id(call) in positions:
            continue
        sources = [_call(tensor) for tensor in call.input_tensors]
        if not sources_done:
            stack.append((call, True))
            stack.extend((source, False) for source in reversed(sources))
            continue
        positions[id(call)] = len(steps)
        taken = tuple(positions[id(source)] for source in sources)
        steps.append(Step(call.operation, taken, tuple(call.output_tensors)))
    return tuple(steps)


def _call(tensor: Any) -> Any:
    """The call that gave a symbolic tensor. (`layer.output` is no way there: a layer may be part of several models.)"""
    operation, index, _ = tensor._keras_history
    return operation._inbound_nodes[index]


def _is_preprocessing(step: Step) -> bool:
    return step.kind == "Flip" or (step.kind == "Rescaling" and step.name == PREPROCESSING)


def _cuts(steps: tuple[Step, ...]) -> tuple[int, ...]:
    """The positions that nothing passes by.

    The order does not matter: all steps lie between the input and the output, so those that are not before such a
    position are after it, in any order.
    """
    needed_until, tied_until = list(range(len(steps))), list(range(len(steps)))
    first_use: dict[int, int] = {}
    for at, step in enumerate(steps):
        for source in step.inputs:
            needed_until[source] = max(needed_until[source], at)
        for variable in getattr(step.operation, "weights", ()):
            first = first_use.setdefault(id(variable), at)
            tied_until[first] = max(tied_until[first], at)
    calls = Counter(step.name for step in steps)
    cuts, passing = [], 0
    for at, step in enumerate(steps[:-1]):
        passing = max(passing, tied_until[at])
        if passing <= at and len(step.outputs) == 1 and calls[step.name] == 1 and step.name != _RESERVED:
            cuts.append(at)
        passing = max(passing, needed_until[at])
    return tuple(cuts)


def activations_at(model: Any, cut: str) -> Any:
    """The symbolic tensor at a cut of a functional or Sequential model.

    Raises:
        InputError: there is no such layer, or no cut after it.
    """
    graph = read_graph(model)
    position = graph.cut_after(cut)
    return graph.steps[0 if position < graph.start else position].outputs[0]
