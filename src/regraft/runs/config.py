"""What a run was asked to do, whole: read from TOML, filled in, and written beside its results."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, StrictInt, ValidationError, field_validator

from regraft.backbones.catalogue import DEFAULT_BACKBONE
from regraft.backbones.joint import SIGN, member_spellings
from regraft.errors import InputError
from regraft.runs._section import Section
from regraft.runs.control_config import ControlConfig
from regraft.runs.finetune_config import AugmentationConfig, FinetuneConfig
from regraft.training.settings import (
    DEFAULT_EPOCHS,
    HeadSettings,
    HiddenActivation,
    Optimizer,
    default_learning_rates,
    default_momentum,
    default_weight_decay,
    grid,
)

AUTO = "auto"
"""The name of a backbone that stands for a choice, see `runs.backbone_choice`."""


class ImagesConfig(Section):
    """Which images, how many of each class (`take_per_class`), and how they are split (`assign_splits`).

    The last three serve studies.
    """

    source: str
    path: Path | None = None
    classes: tuple[str, ...] | None = None
    per_class: int | None = Field(default=None, ge=1)
    validation: float = Field(default=0.2, gt=0, lt=1)
    test: float = Field(default=0.2, gt=0, lt=1)
    exact: bool = False
    test_seed: int | None = Field(default=None, ge=0)
    folds: int | None = Field(default=None, ge=2)
    fold: int = Field(default=0, ge=0)


class BackboneConfig(Section):
    """Which base, and what computes it. `scaling` other than `own` feeds the network inputs it was not trained on.

    Several backbones at once are written with a plus between them, or as a list; `auto` lets cross-validation choose
    (`runs.backbone_choice`).
    """

    name: str = DEFAULT_BACKBONE
    weights: Path | None = None
    engine: Literal["openvino", "keras"] = "openvino"
    precision: Literal["auto", "f32", "bf16"] = "auto"
    scaling: Literal["own", "0 to 1", "-1 to 1"] = "own"
    pooling: Literal["average", "max", "both", "flatten"] = "average"

    @field_validator("name", mode="before")
    @classmethod
    def _one_name(cls, value: Any) -> Any:
        """A list of backbones as one text."""
        if isinstance(value, list | tuple) and value and all(isinstance(part, str) for part in value):
            return SIGN.join(value)
        return value


class HeadConfig(Section):
    """Which heads are tried: every combination of the lists. A list left out takes the default of `settings`.

    Learning rates are for features scaled to a mean squared length of 1, so that they mean the same for every
    backbone; with `scale_features = false` they are for the features as they are, as in a plain Keras script.

    `hidden` lists heads by the units of their hidden layers: `[[], [128], [128, 64]]` tries three; `[128, 64]` is one
    head of two hidden layers, `[]` the linear one. With `class_weight = "balanced"` an image counts the more the
    rarer its class is; with `sampling = "balanced"` every epoch sees all classes equally often.
    """

    activation: Literal["softmax", "sigmoid"] = "softmax"
    hidden: tuple[tuple[StrictInt, ...], ...] | None = None
    hidden_activation: tuple[HiddenActivation, ...] | None = None
    dropout: tuple[float, ...] | None = None
    optimizer: tuple[Optimizer, ...] | None = None
    learning_rate: tuple[float, ...] | None = None
    momentum: tuple[float, ...] | None = None
    nesterov: tuple[bool, ...] | None = None
    weight_decay: tuple[float, ...] | None = None
    label_smoothing: tuple[float, ...] | None = None
    class_weight: Literal["none", "balanced"] = "none"
    sampling: Literal["plain", "balanced"] = "plain"
    scale_features: bool = True
    repeats: int = Field(default=1, ge=1)
    epochs: int = Field(default=DEFAULT_EPOCHS, ge=1)
    batch_size: int = Field(default=32, ge=1)
    standard: bool = False

    @field_validator("hidden", mode="before")
    @classmethod
    def _one_head(cls, value: Any) -> Any:
        """The layers of a single head as a list of one."""
        alone = isinstance(value, list | tuple) and not any(isinstance(part, list | tuple) for part in value)
        return [value] if alone else value

    def settings(self, seeds: Iterable[int]) -> list[HeadSettings]:
        """Every combination, with every seed."""
        seeds = list(seeds)
        optimizers: tuple[Optimizer, ...] = self.optimizer or ("sgd",)
        found: dict[HeadSettings, None] = {}
        for shape in self.hidden or ((),):
            for optimizer in optimizers:
                # Of several optimizers a momentum is for SGD; with Adam alone `grid` refuses it.
                own = optimizer == "sgd" or "sgd" not in optimizers
                momenta = (self.momentum if own else None) or (default_momentum(optimizer),)
                forms = (self.nesterov if own else None) or (any(momenta),)
                some = grid(
                    self.learning_rate or default_learning_rates(optimizer, shape),
                    momenta,
                    forms,
                    self.weight_decay or (default_weight_decay(optimizer),),
                    seeds,
                    hidden=(shape,),
                    hidden_activations=self.hidden_activation or ("relu",),
                    dropouts=self.dropout or (0.0,),
                    optimizers=(optimizer,),
                    label_smoothings=self.label_smoothing or (0.0,),
                )
                found |= dict.fromkeys(some)
        return list(found)


class TrainConfig(Section):
    """Everything `regraft train` can be told; the same config and seed give the same numbers on the same machine."""

    images: ImagesConfig
    backbone: BackboneConfig = BackboneConfig()
    head: HeadConfig = HeadConfig()
    augmentation: AugmentationConfig = AugmentationConfig()
    finetune: FinetuneConfig | None = None
    control: ControlConfig | None = None
    seed: int = Field(default=0, ge=0)

    def head_settings(self) -> list[HeadSettings]:
        """The grid of heads: the default one, or the product of the axes that were named.

        Raises:
            InputError: a setting is out of its range, or views are wanted where none can be used.
        """
        if self.head.standard and self.augmentation.views:
            raise InputError(
                "Heads that are trained through Keras see the plain images only.",
                expected="no views, or standard = false in [head]",
                received=f"{self.augmentation.views} views",
            )
        return self.head.settings(range(self.seed, self.seed + self.head.repeats))

    def with_absolute_paths(self) -> TrainConfig:
        """The same, so that it means the same in every folder: what is a path here becomes an absolute one."""
        source = Path(self.images.source).expanduser()
        images = {"source": str(source.absolute()) if source.exists() else self.images.source}
        base = {"name": SIGN.join(map(_absolute, member_spellings(self.backbone.name)))}
        paths: dict[str, Any] = {"path": self.images.path, "weights": self.backbone.weights}
        absolute = {name: path and path.expanduser().absolute() for name, path in paths.items()}
        return self.model_copy(
            update={
                "images": self.images.model_copy(update={**images, "path": absolute["path"]}),
                "backbone": self.backbone.model_copy(update={**base, "weights": absolute["weights"]}),
            }
        )


def _absolute(backbone: str) -> str:
    """A backbone's name as it is; the path of a saved model from the root on."""
    path = Path(backbone).expanduser()
    return str(path.absolute()) if backbone != AUTO and path.exists() else backbone


def make_config(values: dict[str, Any]) -> TrainConfig:
    """Checks and fills in a nested dictionary as it comes from TOML or the command line.

    Raises:
        InputError: names each value that cannot be used, and why.
    """
    try:
        return TrainConfig.model_validate(values)
    except ValidationError as error:
        raise InputError(
            "The settings cannot be used.", received=problems_of(error), hint="regraft train --help"
        ) from None


def problems_of(error: ValidationError) -> str:
    """Each value that cannot be used, why, and what was received, in one line."""
    return "; ".join(
        f"{'.'.join(map(str, problem['loc']))}: {problem['msg']} (received {problem.get('input')!r})"
        for problem in error.errors()
    )


def read_config(path: Path) -> dict[str, Any]:
    """The nested dictionary in a config file, still to be checked by `make_config`.

    Raises:
        InputError: there is no such file, or it is no TOML.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"There is no config file {path}.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise InputError(f"{path} cannot be read as TOML.", received=str(error)) from None


def config_text(config: TrainConfig) -> str:
    """The config as TOML, with every default written out."""
    import tomli_w

    return tomli_w.dumps(config.model_dump(mode="json", exclude_none=True))
