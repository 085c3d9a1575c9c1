"""Which settings a search may change, what each of them may be, and the config that a trial's values make."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal

from pydantic import ValidationError

from regraft.errors import InputError
from regraft.runs.config import HeadConfig, TrainConfig, problems_of
from regraft.runs.finetune_config import FinetuneConfig
from regraft.training.settings import HeadSettings

Kind = Literal["choice", "number", "whole"]

SETTINGS: dict[str, dict[str, Kind]] = {
    "head": {
        "optimizer": "choice",
        "hidden": "choice",
        "hidden_activation": "choice",
        "learning_rate": "number",
        "momentum": "number",
        "nesterov": "choice",
        "weight_decay": "number",
        "dropout": "number",
        "label_smoothing": "number",
    },
    "finetune": {
        "blocks": "whole",
        "optimizer": "choice",
        "learning_rate": "number",
        "layer_decay": "number",
        "l2_sp": "number",
        "weight_decay": "number",
        "schedule": "choice",
        "warmup": "number",
        "batch_size": "whole",
        "batchnorm": "choice",
        "staged": "choice",
        "label_smoothing": "number",
    },
}
"""By section and name the settings that can be searched; a `choice` cannot be a range, a `whole` is a whole number."""


def kind_of(section: str, name: str) -> Kind:
    """What kind of values a setting has."""
    return SETTINGS[section][name]


def check_value(section: str, name: str, value: Any) -> None:
    """Refuses a value that a setting can never have.

    Raises:
        InputError: says what it may be.
    """
    try:
        if section == "head":
            # Of a head that can have any setting but the momentum of Adam.
            momentum = 0.0 if name == "optimizer" else 0.9
            sound: Any = HeadSettings(0.1, momentum=momentum, hidden=(1,))
            replace(sound, **{name: value})
        else:
            FinetuneConfig.model_validate({name: value}, strict=True).settings(0)
            if name == "blocks" and (value is None or value < 1):
                raise InputError("The number of blocks cannot be used.", expected="1 or more", received=repr(value))
    except ValidationError as error:
        raise InputError(f"{section}.{name} cannot be searched so.", received=problems_of(error)) from None
    except InputError as error:
        raise InputError(
            f"{section}.{name} cannot be searched so.",
            expected=error.expected,
            received=error.received or str(error),
        ) from None


def fixed_values(config: TrainConfig) -> dict[str, Any]:
    """By key the value of each setting that a config leaves no choice of; what it says nothing of has its default."""
    head = {name: values[0] if values and len(values) == 1 else None for name, values in _head_lists(config).items()}
    defaults = HeadSettings(0.1)
    found = {f"head.{name}": getattr(defaults, name, None) if value is None else value for name, value in head.items()}
    if config.finetune is not None:
        found |= {f"finetune.{name}": getattr(config.finetune, name) for name in SETTINGS["finetune"]}
    return found


def listed_choices(config: TrainConfig) -> dict[str, list[Any]]:
    """The settings of the head for which a config names several values, by name."""
    return {name: list(values) for name, values in _head_lists(config).items() if values and len(values) > 1}


def named_settings(config: TrainConfig) -> set[str]:
    """The keys of the settings that a config names, so that no default space is made of them."""
    found = {f"head.{name}" for name, values in _head_lists(config).items() if values}
    if config.finetune is not None:
        found |= {f"finetune.{name}" for name in config.finetune.model_fields_set}
        if config.finetune.wish():
            found.add("finetune.blocks")
    return found


def config_of(config: TrainConfig, values: Mapping[str, Any]) -> TrainConfig:
    """The config of one trial, with one head (of each seed): the values by key, and for the rest the config's own.

    A momentum of the config is for SGD, an activation of hidden layers for heads that have some.
    """
    head: dict[str, Any] = {
        f"{name}": None for name, listed in _head_lists(config).items() if listed and len(listed) > 1
    }
    for key, value in values.items():
        if key.startswith("head."):
            head[key.partition(".")[2]] = (tuple(value) if isinstance(value, list) else value,)
    optimizer = (head.get("optimizer") or config.head.optimizer or ("sgd",))[0]
    if optimizer != "sgd":
        head |= {"momentum": None, "nesterov": None}
    if not (head.get("hidden") or config.head.hidden or ((),))[0]:
        head["hidden_activation"] = None
    changes: dict[str, Any] = {"head": config.head.model_copy(update=head)}
    if config.finetune is not None:
        tuned = {key.partition(".")[2]: value for key, value in values.items() if key.startswith("finetune.")}
        changes["finetune"] = config.finetune.model_copy(update=tuned)
    return config.model_copy(update=changes)


def _head_lists(config: TrainConfig) -> dict[str, tuple[Any, ...] | None]:
    head: HeadConfig = config.head
    return {name: getattr(head, name) for name in SETTINGS["head"]}
