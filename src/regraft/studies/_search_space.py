"""What a search may choose from: choices and ranges, some of which depend on other settings."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from regraft.errors import InputError
from regraft.studies._search_values import SETTINGS, check_value, kind_of


@dataclass(frozen=True)
class Range:
    """All numbers from `low` to `high`; with `log` every factor is as likely, with `whole` only whole numbers."""

    low: float
    high: float
    log: bool = False
    whole: bool = False

    def at(self, place: float) -> float:
        """The number at a place from 0, `low`, to 1, `high`."""
        even = self.low + (self.high - self.low) * place
        value: float = self.low * (self.high / self.low) ** place if self.log else even
        value = min(max(value, self.low), self.high)
        return round(value) if self.whole else value


PLACE = Range(0.0, 1.0)
"""Where in its range a value is, whatever the range."""


@dataclass(frozen=True)
class Choices:
    """One of some values."""

    values: tuple[Any, ...]

    @property
    def labels(self) -> tuple[str | float | bool, ...]:
        """The values as plain ones, layers as text: `128-64`, `none`."""
        return tuple(label_of_value(value) for value in self.values)


Domain = Range | Choices
Draw = Callable[[str, Domain], Any]


@dataclass(frozen=True)
class Case:
    """What a setting may be when other settings of its section have certain values (none: always)."""

    domain: Domain
    when: Mapping[str, tuple[Any, ...]]

    def holds(self, known: Mapping[str, Any], section: str) -> bool:
        """Whether it is the case with what is known of the other settings."""
        return all(known.get(f"{section}.{name}") in values for name, values in self.when.items())


@dataclass(frozen=True)
class Parameter:
    """A setting that is searched.

    Where its range depends on another setting, what is searched is the place in the range: what is learnt of one
    optimizer's learning rate then serves the other.
    """

    section: str
    name: str
    cases: tuple[Case, ...]

    @property
    def key(self) -> str:
        """`head.learning_rate`."""
        return f"{self.section}.{self.name}"

    @property
    def needs(self) -> set[str]:
        """The keys of the settings that its cases look at."""
        return {f"{self.section}.{name}" for case in self.cases for name in case.when}

    def drawn(self, case: Case, draw: Draw) -> Any:
        """A value for one of its cases."""
        domain = case.domain
        if isinstance(domain, Choices):
            if len(domain.values) == 1:
                return domain.values[0]
            return domain.values[domain.labels.index(draw(self.key, domain))]
        return domain.at(draw(self.key, PLACE)) if len(self.cases) > 1 else draw(self.key, domain)


@dataclass(frozen=True)
class Space:
    """Everything that is searched.

    Attributes:
        parameters: those that others depend on come before these.
        fixed: by key what is known of settings that are not searched.
    """

    parameters: tuple[Parameter, ...]
    fixed: Mapping[str, Any]

    def values(self, draw: Draw) -> dict[str, Any]:
        """A value for every setting that applies, by key.

        Args:
            draw: gives, for a key and a domain, a number of the range or a label of the choices. It is asked for the
                settings that matter with the values before them, and for no others.
        """
        found: dict[str, Any] = {}
        for parameter in self.parameters:
            known = {**self.fixed, **found}
            case = next((case for case in parameter.cases if case.holds(known, parameter.section)), None)
            if case is not None:
                found[parameter.key] = parameter.drawn(case, draw)
        return found

    def table(self) -> dict[str, Any]:
        """The space as it stands in the table [search] of a config."""
        table: dict[str, Any] = {}
        for parameter in self.parameters:
            cases = [_case_table(case) for case in parameter.cases]
            table.setdefault(parameter.section, {})[parameter.name] = cases if len(cases) > 1 else cases[0]
        return table

    def numbers(self, key: str) -> list[int]:
        """Every whole number a setting may be, in order; none where it is not searched."""
        found: set[int] = set()
        domains = [case.domain for parameter in self.parameters if parameter.key == key for case in parameter.cases]
        for domain in domains:
            whole = domain.values if isinstance(domain, Choices) else range(int(domain.low), int(domain.high) + 1)
            found.update(whole)
        return sorted(found)


def label_of_value(value: Any) -> Any:
    """A value as it is shown and kept: layers as text (`128-64`, `none`), all others as they are."""
    if isinstance(value, list | tuple):
        return "-".join(map(str, value)) or "none"
    return value


def read_space(table: Mapping[str, Any], fixed: Mapping[str, Any]) -> Space:
    """Reads the sections [search.head] and [search.finetune].

    Each setting is a list of choices, or a table: `{low = 1e-5, high = 1e-3, log = true}`, or `{values = [...]}`,
    either of them with `when = {optimizer = ["sgd"]}`: it is searched with these values of other settings of its
    section, and is the config's own with others. Several such tables are as many cases, of which the first that holds
    counts; each is then a range or a single value.

    Args:
        table: by section and name.
        fixed: by key what is known of settings that are not searched.

    Raises:
        InputError: a setting there is not, a value it cannot have, no value at all, a range from high to low, cases
            that depend on each other in a circle; or nothing to search.
    """
    parameters = []
    for section, entries in table.items():
        if section not in SETTINGS or not isinstance(entries, Mapping):
            raise InputError(
                "The search cannot be read.",
                expected="tables [search.head] and [search.finetune]",
                received=f"{section} = {entries!r}",
            )
        parameters += [_parameter(section, name, entry) for name, entry in entries.items()]
    if not parameters:
        raise InputError(
            "There is nothing to search.",
            expected="at least one setting in [search.head] or [search.finetune]",
            hint="leave both out for the default space",
        )
    return Space(_ordered(parameters), dict(fixed))


def _parameter(section: str, name: str, entry: Any) -> Parameter:
    key = f"{section}.{name}"
    if name not in SETTINGS[section]:
        raise InputError(
            f"There is no setting {key} to search.", expected=", ".join(SETTINGS[section]), received=repr(name)
        )
    several = isinstance(entry, list) and bool(entry) and all(isinstance(case, Mapping) for case in entry)
    tables = entry if several else [entry if isinstance(entry, Mapping) else {"values": entry}]
    cases = tuple(_case(section, name, table) for table in tables)
    for case in cases if len(cases) > 1 else ():
        if isinstance(case.domain, Choices) and len(case.domain.values) > 1:
            raise InputError(
                f"Of the several cases of {key}, each is a range or a single value.",
                expected="a table with low and high, or with one of values",
                received=str(list(case.domain.labels)),
            )
    return Parameter(section, name, cases)


def _case(section: str, name: str, table: Mapping[str, Any]) -> Case:
    key = f"{section}.{name}"
    keys = set(table) - {"when"}
    if keys != {"values"} and not {"low", "high"} <= keys <= {"low", "high", "log"}:
        raise InputError(
            f"What {key} may be cannot be read.",
            expected="a list of choices, or a table with low and high (and log)",
            received=str(dict(table)),
        )
    when = table.get("when", {})
    if not isinstance(when, Mapping) or not set(when) <= set(SETTINGS[section]) - {name}:
        raise InputError(
            f"When {key} is searched cannot be read.",
            expected=f"a table of settings of {section} and their values, such as {{optimizer = ['sgd']}}",
            received=repr(when),
        )
    conditions = {}
    for other, value in when.items():
        values = value if isinstance(value, list) else [value]
        for one in values:
            check_value(section, other, one)
        conditions[other] = _values(values)
    domain = _choices(section, name, table["values"]) if keys == {"values"} else _range(section, name, table)
    return Case(domain, conditions)


def _choices(section: str, name: str, values: Any) -> Choices:
    if not isinstance(values, list | tuple) or not values:
        raise InputError(
            f"What {section}.{name} may be cannot be read.",
            expected="a list of choices, or a table with low and high (and log)",
            received=repr(values),
            hint=f"a single value belongs in the section [{section}]",
        )
    for value in values:
        check_value(section, name, value)
    return Choices(tuple(dict.fromkeys(_values(list(values)))))


def _values(values: list[Any]) -> tuple[Any, ...]:
    return tuple(tuple(value) if isinstance(value, list) else value for value in values)


def _range(section: str, name: str, table: Mapping[str, Any]) -> Range:
    kind = kind_of(section, name)
    low, high, log = table["low"], table["high"], table.get("log", False)
    numbers = all(isinstance(end, int | float) and not isinstance(end, bool) for end in (low, high))
    sound = kind != "choice" and numbers and isinstance(log, bool) and math.isfinite(low) and math.isfinite(high)
    whole = kind == "whole"
    if not sound or not low < high or (log and low <= 0) or (whole and not (low == int(low) and high == int(high))):
        numeric = "whole numbers" if whole else "finite numbers"
        raise InputError(
            f"The range of {section}.{name} cannot be used.",
            expected="a list of choices"
            if kind == "choice"
            else f"{numeric}, low below high{', low above 0 for log' if log else ''}",
            received=f"from {low!r} to {high!r}",
        )
    for end in (low, high):
        check_value(section, name, int(end) if whole else float(end))
    return Range(int(low), int(high), log, True) if whole else Range(float(low), float(high), log)


def _ordered(parameters: list[Parameter]) -> tuple[Parameter, ...]:
    """What others depend on first, else as declared."""
    ordered: list[Parameter] = []
    waiting = list(parameters)
    while waiting:
        keys = {parameter.key for parameter in waiting}
        ready = next((parameter for parameter in waiting if not parameter.needs & keys), None)
        if ready is None:
            raise InputError(
                "Settings of the search depend on each other in a circle.",
                received=", ".join(sorted(keys)),
                hint="leave out one `when`",
            )
        ordered.append(ready)
        waiting.remove(ready)
    return tuple(ordered)


def _case_table(case: Case) -> dict[str, Any]:
    if isinstance(case.domain, Choices):
        table: dict[str, Any] = {"values": _lists(case.domain.values)}
    else:
        table = {"low": case.domain.low, "high": case.domain.high, "log": case.domain.log}
    return {**table, "when": {name: _lists(values) for name, values in case.when.items()}} if case.when else table


def _lists(values: tuple[Any, ...]) -> list[Any]:
    return [list(value) if isinstance(value, tuple) else value for value in values]
