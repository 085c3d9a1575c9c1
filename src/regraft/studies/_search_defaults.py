"""The space that is searched where none is declared."""

from __future__ import annotations

from typing import Any

from regraft.runs.config import TrainConfig
from regraft.studies._search_values import named_settings

_LINEAR: list[Any] = [[]]
_HIDDEN: list[Any] = [[64], [128], [256]]

HEAD: dict[str, Any] = {
    "optimizer": ["sgd", "adamw"],
    "hidden": [*_LINEAR, *_HIDDEN],
    # About ten times around the rates of `training.settings.default_learning_rates`.
    "learning_rate": [
        {"low": 0.02, "high": 5.0, "log": True, "when": {"optimizer": ["sgd"], "hidden": _LINEAR}},
        {"low": 0.001, "high": 0.3, "log": True, "when": {"hidden": _LINEAR}},
        {"low": 0.005, "high": 0.5, "log": True, "when": {"optimizer": ["sgd"]}},
        {"low": 0.0001, "high": 0.03, "log": True},
    ],
    # A step takes learning rate × decay of the weights away, and the rates of SGD are some hundred times larger.
    "weight_decay": [
        {"low": 1e-6, "high": 1e-2, "log": True, "when": {"optimizer": ["sgd"]}},
        {"low": 1e-4, "high": 1.0, "log": True},
    ],
    "dropout": {"low": 0.0, "high": 0.5},
    "label_smoothing": {"low": 0.0, "high": 0.2},
}
"""Of the head; the learning rates are for features scaled to a mean squared length of 1."""

FINETUNE: dict[str, Any] = {
    "learning_rate": {"low": 1e-5, "high": 1e-3, "log": True},
    "layer_decay": {"low": 1.0, "high": 10.0, "log": True},
    "l2_sp": [0.0, 0.001, 0.01, 0.1],
    # The weights are pulled to where they began, or to zero, not to both.
    "weight_decay": [
        {"low": 1e-4, "high": 0.1, "log": True, "when": {"l2_sp": [0.0]}},
        {"values": [0.0]},
    ],
}
"""Of the fine-tuning, beside its blocks."""


def default_table(config: TrainConfig, blocks: int | None) -> dict[str, Any]:
    """The default space without the settings that a config names, as the table [search] would have it.

    Of the blocks every power of two up to half of them may be trained: each cut has activations of its own on the
    disk, so they should be few.

    Args:
        blocks: how many the network has; None without fine-tuning.
    """
    table: dict[str, Any] = {"head": dict(HEAD)}
    if blocks is not None:
        few = [2**power for power in range(blocks.bit_length()) if 2**power <= max(1, blocks // 2)]
        table["finetune"] = {"blocks": few, **FINETUNE}
    named = named_settings(config)
    return {
        section: {name: entry for name, entry in entries.items() if f"{section}.{name}" not in named}
        for section, entries in table.items()
    }
