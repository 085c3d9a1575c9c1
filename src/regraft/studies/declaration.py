"""A study as it is declared: one config, the axes that vary, and how often everything is repeated."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from regraft.errors import InputError
from regraft.runs.config import TrainConfig, make_config, problems_of, read_config
from regraft.studies.axes import flattened, values_label, with_values
from regraft.studies.results import Repetition, Setting

_OURS = ("seed", "images.test_seed", "images.folds", "images.fold", "head.repeats")
# Varied, they would make test images of one setting the training or validation images of another.
_TEST_AXES = ("images.test", "images.exact")
# What may be a path, and stands for the same file or folder from wherever the study is gone on with.
_PATHS = ("images.source", "images.path", "backbone.name", "backbone.weights")
_MOST_CELLS = 20_000


class Study(BaseModel):
    """A grid of settings × seeds × folds.

    All runs of a study share their test images, drawn with `seed`; the recommended setting alone is measured on them.
    The others are compared on validation: in every repetition (a seed, and a fold where there are folds) all
    settings get the same training and validation images, the same batches and the same initial weights.

    Attributes:
        name: the title of the report.
        question: what the study is to answer; the report begins with it.
        seed: of the test images; the repetitions take it and the numbers after it.
        seeds: how many.
        folds: cross-validation within each seed; None for one division by `images.validation`.
        vary: the values of each axis, nested as in a config: `{"head": {"momentum": [0.0, 0.9]}}`.
        images, backbone, head: all else, as in a run's config.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = "A study"
    question: str = ""
    seed: int = Field(default=0, ge=0)
    seeds: int = Field(default=3, ge=1)
    folds: int | None = Field(default=None, ge=2)
    vary: dict[str, dict[str, list[Any]]] = Field(default_factory=dict)
    images: dict[str, Any] = Field(default_factory=dict)
    backbone: dict[str, Any] = Field(default_factory=dict)
    head: dict[str, Any] = Field(default_factory=dict)

    @property
    def axes(self) -> dict[str, tuple[Any, ...]]:
        """The values of each axis by its dotted name."""
        return {axis: tuple(values) for axis, values in flattened(self.vary)}

    @property
    def settings(self) -> tuple[Setting, ...]:
        """Every combination of the axes' values, the last axis innermost."""
        axes = self.axes
        combinations = (dict(zip(axes, values, strict=True)) for values in product(*axes.values()))
        return tuple(Setting(values_label(values), values) for values in combinations)

    @property
    def repetitions(self) -> tuple[Repetition, ...]:
        """Every seed with every fold."""
        folds = range(self.folds) if self.folds else (None,)
        return tuple(Repetition(seed, fold) for seed in range(self.seed, self.seed + self.seeds) for fold in folds)

    def config(self, values: dict[str, Any], repetition: Repetition | None = None) -> TrainConfig:
        """The config of one cell; without a repetition that of a whole run with the study's own seed.

        Raises:
            InputError: a value cannot be used.
        """
        config = with_values({"images": self.images, "backbone": self.backbone, "head": self.head}, values)
        config["images"] = {**config["images"], "test_seed": self.seed}
        config["seed"] = self.seed
        if repetition is not None:
            config["seed"] = repetition.seed
            if repetition.fold is not None:
                config["images"] |= {"folds": self.folds, "fold": repetition.fold}
        return make_config(config)

    def checked(self) -> Study:
        """The study itself, once every setting of it has been found usable; paths in it are absolute then.

        Raises:
            InputError: an axis is not known, empty, the study's own or one that would move test images, a value cannot
                be used or is there twice, or the grid is too big.
        """
        given = [f"{section}.{name}" for section in ("images", "backbone", "head") for name in getattr(self, section)]
        for axis in [*self.axes, *given]:
            if axis in _OURS:
                raise InputError(
                    f"{axis} is set by the study itself.",
                    expected="seed, seeds and folds at the top of the study",
                    received=axis,
                )
        for axis, values in self.axes.items():
            if axis in _TEST_AXES or (axis == "images.per_class" and self.images.get("exact")):
                raise InputError(
                    f"{axis} cannot be varied: the runs of a study share their test images.",
                    expected="one value of it in [images]" if axis in _TEST_AXES else "exact = false in [images]",
                    received=str(list(values)),
                )
            if len({repr(value) for value in values}) != len(values) or not values:
                raise InputError(
                    f"The values of {axis} cannot be varied.",
                    expected="at least one value, none of them twice",
                    received=str(list(values)),
                )
        cells = self.seeds * (self.folds or 1)
        for values in self.axes.values():
            cells *= len(values)
        if cells > _MOST_CELLS:
            raise InputError("The grid is too large.", expected=f"at most {_MOST_CELLS:,} cells", received=f"{cells:,}")
        seen: dict[TrainConfig, str] = {}
        for setting in self.settings:
            config = self.config(setting.values)
            config.head_settings()
            if config in seen:
                raise InputError(
                    "Two settings of the study are the same.",
                    expected="values that differ, each written once",
                    received=f"{seen[config]}; {setting.label}",
                )
            seen[config] = setting.label
        return self._with_absolute_paths()

    def _with_absolute_paths(self) -> Study:
        given = {section: dict(getattr(self, section)) for section in ("images", "backbone")}
        vary = {section: dict(axes) for section, axes in self.vary.items()}
        for axis in _PATHS:
            section, name = axis.split(".")
            if given[section].get(name) is not None:
                given[section][name] = self._absolute(axis, given[section][name])
            if name in vary.get(section, {}):
                vary[section][name] = [v if v is None else self._absolute(axis, v) for v in vary[section][name]]
        return self.model_copy(update={**given, "vary": vary})

    def _absolute(self, axis: str, value: Any) -> str:
        section, name = axis.split(".")
        config = self.config({**self.settings[0].values, axis: value}).with_absolute_paths()
        return str(getattr(getattr(config, section), name))


def make_study(values: dict[str, Any]) -> Study:
    """Checks and fills in a nested dictionary as it comes from TOML.

    Raises:
        InputError: names each value that cannot be used, and why; or fine-tuning is asked for.
    """
    varied = values.get("vary")
    if "finetune" in values or (isinstance(varied, dict) and "finetune" in varied):
        raise InputError(
            "The cells of a study train heads only: nothing in them is fine-tuned.",
            expected="a study without [finetune] and [vary.finetune]",
            hint="fine-tune the recommended run afterwards: regraft finetune RUN",
        )
    try:
        study = Study.model_validate(values)
    except ValidationError as error:
        raise InputError(
            "The study cannot be used.",
            expected="name, question, seed, seeds, folds, and the tables [vary.head], [vary.backbone], [images], "
            "[backbone], [head] as in a run's config.toml",
            received=problems_of(error),
        ) from None
    return study.checked()


def read_study(path: Path) -> Study:
    """The study in a TOML file; relative paths in it are relative to the current folder, as on the command line."""
    return make_study(read_config(path))


def study_text(study: Study) -> str:
    """The study as TOML."""
    import tomli_w

    return tomli_w.dumps(study.model_dump(mode="json", exclude_none=True))
