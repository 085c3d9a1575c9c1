"""The axes a study varies: settings of the config by their dotted names, and how people call them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

# In the config these hold a list to choose from; a single value of an axis becomes a list of one.
_LISTS = frozenset(
    f"head.{name}"
    for name in (
        *("learning_rate", "momentum", "nesterov", "weight_decay"),
        *("hidden_activation", "dropout", "optimizer", "label_smoothing"),
    )
)

_TITLES = {
    "backbone.name": "backbone",
    "images.source": "images",
    "head.repeats": "initial weights tried",
    "head.hidden": "hidden layers",
    "images.validation": "validation share",
    "images.test": "test share",
    "backbone.scaling": "input scaling",
}

_SHORT = {
    "learning rate": "lr",
    "weight decay": "decay",
    "batch size": "batch",
    "hidden layers": "hidden",
    "hidden activation": "activation",
    "label smoothing": "smoothing",
}


def flattened(nested: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    """`{"head": {"momentum": [0, 0.9]}}` as the pairs `("head.momentum", [0, 0.9])`."""
    for name, value in nested.items():
        if isinstance(value, Mapping):
            yield from flattened(value, f"{before}{name}.")
        else:
            yield f"{before}{name}", value


def with_values(config: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """A nested config with the values of some axes put in; the config given is left as it is."""
    result = {name: dict(part) if isinstance(part, Mapping) else part for name, part in config.items()}
    for axis, value in values.items():
        section, _, name = axis.rpartition(".")
        listed = [value] if axis in _LISTS and not isinstance(value, list | tuple) else value
        if section:
            result.setdefault(section, {})[name] = listed
        else:
            result[name] = listed
    return result


def axis_title(axis: str) -> str:
    """What people call an axis: `learning rate` for `head.learning_rate`."""
    return _TITLES.get(axis) or axis.rpartition(".")[2].replace("_", " ")


def value_text(value: Any) -> str:
    """A value as people write it: `0.01`, `yes`, `A, B`; the units of hidden layers as `128-64`, or `none`."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, list | tuple):
        if all(type(part) is int for part in value):  # of hidden layers: no other setting holds whole numbers
            return "-".join(map(str, value)) or "none"
        return ", ".join(map(value_text, value))
    return str(value)


def values_label(values: Mapping[str, Any]) -> str:
    """`learning rate 0.01, momentum 0.9`; what is switched on or off is named, or `no` put before it.

    With three axes or more, the titles are short ones, `lr 0.01, momentum 0.9, batch 32`: figures have little room.
    """
    parts = []
    for axis, value in values.items():
        title = axis_title(axis)
        if len(values) > 2:
            title = _SHORT.get(title, title)
        if isinstance(value, bool):
            parts.append(title if value else f"no {title}")
        elif isinstance(value, str) and axis in ("backbone.name", "images.source"):
            parts.append(value)
        else:
            parts.append(f"{title} {value_text(value)}")
    return ", ".join(parts) or "as configured"
