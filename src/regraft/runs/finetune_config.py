"""The parts of a config about augmentation and fine-tuning."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from typing import Any, Literal

from pydantic import Field

from regraft.errors import InputError
from regraft.images.augmentation import Augmentation, default_augmentation
from regraft.runs._section import Section
from regraft.training.finetune_settings import FinetuneSettings

DEFAULT_VIEWS = 8
"""Augmented views of each training image that fine-tuning caches, where no number is given."""

_DEFAULTS = FinetuneSettings()
_WISHES = ("at", "from_layer", "last", "blocks")  # where to cut


class AugmentationConfig(Section):
    """How many augmented views, and what may be done to an image; what is left out is the data set's default.

    `views` of each training image serve the heads as well as fine-tuning; left out, the heads see the plain images and
    fine-tuning `DEFAULT_VIEWS` views. `test_views` are averaged over, beside the plain image, wherever the run answers.
    """

    views: int | None = Field(default=None, ge=0, le=1000)
    test_views: int = Field(default=0, ge=0, le=1000)
    horizontal_flip: bool | None = None
    vertical_flip: bool | None = None
    rotation: float | None = None
    zoom: tuple[float, float] | None = None
    crop: tuple[float, float] | None = None
    brightness: float | None = None
    contrast: float | None = None
    colour: float | None = None
    seed: int = Field(default=0, ge=0)

    def policy(self, name: str, classes: Sequence[str]) -> Augmentation:
        """The whole policy for a collection of that name with those classes.

        Raises:
            InputError: a value that cannot be, or views are wanted and the policy changes nothing.
        """
        own: dict[str, Any] = {field.name: getattr(self, field.name) for field in fields(Augmentation)}
        given = {key: value for key, value in own.items() if value is not None}
        policy = replace(default_augmentation(name, classes), **given)
        if policy.changes_nothing and (self.views or self.test_views):
            raise InputError(
                "Views are wanted of an augmentation that changes nothing.",
                expected="at least one of flips, rotation, zoom, crop, brightness, contrast and colour",
                received=f"{self.views or self.test_views} views",
            )
        return policy

    def finetune_views(self, policy: Augmentation) -> int:
        """Augmented views of each training image for fine-tuning; none of a policy that changes nothing."""
        if self.views is not None:
            return self.views
        return 0 if policy.changes_nothing else DEFAULT_VIEWS


class FinetuneConfig(Section):
    """How the top is fine-tuned: where the network is cut, and `FinetuneSettings`.

    At most one of `at`, `from_layer`, `last` and `blocks` says where; without any, the last third of the blocks is
    trained. `cache` is the precision of the activations kept at the cut. With `refit` the top is trained again on
    train and validation together for as many epochs as were best, as the heads are.
    A `patience` of 0 never stops early.
    """

    at: str | None = None
    from_layer: str | None = None
    last: int | None = None
    blocks: int | None = None
    cache: Literal["f16", "f32"] = "f16"
    refit: bool = True
    epochs: int = _DEFAULTS.epochs
    learning_rate: float = _DEFAULTS.learning_rate
    optimizer: Literal["adamw", "adam", "sgd"] = _DEFAULTS.optimizer
    weight_decay: float = _DEFAULTS.weight_decay
    l2_sp: float = _DEFAULTS.l2_sp
    layer_decay: float = _DEFAULTS.layer_decay
    schedule: Literal["cosine", "constant"] = _DEFAULTS.schedule
    warmup: float = _DEFAULTS.warmup
    batch_size: int = _DEFAULTS.batch_size
    batchnorm: Literal["inference", "train"] = _DEFAULTS.batchnorm
    staged: bool = _DEFAULTS.staged
    patience: int = Field(default=_DEFAULTS.patience or 0, ge=0)
    label_smoothing: float = _DEFAULTS.label_smoothing

    def settings(self, seed: int) -> FinetuneSettings:
        """The settings of the training.

        Raises:
            InputError: one of them is out of its range.
        """
        own: dict[str, Any] = {field.name: getattr(self, field.name, None) for field in fields(FinetuneSettings)}
        return FinetuneSettings(**{**own, "patience": self.patience or None, "seed": seed})

    def wish(self) -> dict[str, str | int]:
        """Where to cut, as arguments of `cut`; nothing where it is left to regraft.

        Raises:
            InputError: it is said in more than one way.
        """
        given = {name: value for name in _WISHES if (value := getattr(self, name)) is not None}
        if len(given) > 1:
            raise InputError(
                "Where to cut is said in more than one way.",
                expected="one of " + ", ".join(_WISHES),
                received=" and ".join(given),
            )
        return given


def with_finetune(own: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """The section `finetune` of a config with what is given in place of its own; of two places to cut, the given."""
    moved = any(given.get(name) is not None for name in _WISHES)
    return {**{name: value for name, value in own.items() if not (moved and name in _WISHES)}, **given}
