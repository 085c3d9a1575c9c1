"""The cells of a study - a setting in a repetition - trained together where they can be, each recorded as a run."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from regraft.errors import InputError
from regraft.runs.config import TrainConfig
from regraft.runs.data import RunData, check_activation, find_base, find_images, load_data
from regraft.runs.environment import describe_environment
from regraft.runs.fitting import fit_heads, head_answers
from regraft.runs.folder import RunFolder
from regraft.runs.recording import (
    backbone_facts,
    chosen_facts,
    collection_facts,
    image_counts,
    warnings,
    write_head,
    write_inputs,
    write_measured,
)
from regraft.studies.declaration import Study
from regraft.studies.results import Repetition, Setting
from regraft.training.choice import choose
from regraft.training.heads import TrainedHeads


@dataclass(frozen=True, eq=False)
class Cell:
    """One setting in one repetition, with the config and the folder of its run."""

    setting: Setting
    repetition: Repetition
    config: TrainConfig
    run: RunFolder

    @property
    def done(self) -> bool:
        """Whether it has been measured."""
        return (self.run.path / "metrics.json").is_file()


def cells_of(study: Study, folder: Path) -> list[Cell]:
    """Every cell, settings outside, repetitions inside; the runs lie in `folder`."""
    cells = []
    for number, setting in enumerate(study.settings):
        for repetition in study.repetitions:
            config = study.config(setting.values, repetition).with_absolute_paths()
            fold = "" if repetition.fold is None else f"-fold-{repetition.fold}"
            name = f"{number:03d}-{_slug(setting.label)}"
            cells.append(Cell(setting, repetition, config, RunFolder(folder / name / f"seed-{repetition.seed}{fold}")))
    return cells


def rounds_of(cells: Sequence[Cell]) -> int:
    """How far `train_cells` advances in all: one for each epoch of each cell."""
    return sum(cell.config.head.epochs for cell in cells)


def train_cells(cells: Sequence[Cell], advance: Callable[[float], None]) -> None:
    """Trains the cells that are not done yet and records each as a run measured on validation.

    Cells on the same images and splits, with the same batches, epochs and kind of head, are trained at once. The test
    images are neither looked at nor measured. A cell whose training diverged is recorded as such.

    Args:
        cells: of one study.
        advance: called with how many more epochs of cells are done.

    Raises:
        InputError: the images, a backbone or a setting cannot be used, or images changed since cells were recorded.
    """
    environment = describe_environment()
    for same_features in _grouped(cells, _features_key):
        todo = [cell for cell in same_features if not cell.done]
        advance(rounds_of(same_features) - rounds_of(todo))
        if not todo:
            continue
        whole = load_cell_data(todo[0].config)
        _check_unchanged(same_features, whole)
        for cell in todo:
            check_activation(whole.classes, cell.config)
        # All splits are drawn before anything is trained, so that one that cannot be had is refused at once.
        divided = [(group, whole.split_anew(group[0].config)) for group in _grouped(todo, _split_key)]
        for same_split, data in divided:
            for stack in _grouped(same_split, _stack_key):
                _train_stack(stack, data, environment, advance)


def load_cell_data(config: TrainConfig) -> RunData:
    """Images, features and splits of a cell; what is cached is read."""
    collection = find_images(config)
    check_activation(collection.classes, config)
    return load_data(collection, find_base(config.backbone), config)


def feature_groups(cells: Sequence[Cell]) -> list[TrainConfig]:
    """One config for each different combination of images and backbone."""
    return [group[0].config for group in _grouped(cells, _features_key)]


def _train_stack(
    stack: Sequence[Cell], data: RunData, environment: dict[str, Any], advance: Callable[[float], None]
) -> None:
    """Trains cells that share everything but their heads, as one stacked problem, and records them."""
    started = time.perf_counter()
    settings = [cell.config.head_settings() for cell in stack]
    config = stack[0].config
    heads = sum(map(len, settings))
    # Through Keras one epoch of one head at a time, else of all of them.
    share = len(stack) / heads if config.head.standard else len(stack)
    trained = fit_heads(
        data,
        config,
        data.rows("train"),
        data.rows("validation"),
        settings=[setting for grid in settings for setting in grid],
        epochs=config.head.epochs,
        progress=lambda epochs: advance(epochs * share),
    )
    seconds = {"heads": round(time.perf_counter() - started, 4), "heads_at_once": len(trained.settings)}
    start = 0
    for cell, grid in zip(stack, settings, strict=True):
        _record(cell, data, trained.select(range(start, start + len(grid))), environment, seconds)
        start += len(grid)


def _record(
    cell: Cell, data: RunData, trained: TrainedHeads, environment: dict[str, Any], seconds: dict[str, Any]
) -> None:
    run, config = cell.run, cell.config
    run.path.mkdir(parents=True, exist_ok=True)
    write_inputs(run, config, environment, data)
    run.write_history({"phase": "grid", **row} for row in trained.history_rows())
    metrics: dict[str, Any] = {
        "diverged": bool(trained.diverged.all()),
        "images": image_counts(data),
        "collection": collection_facts(data),
        "backbone": backbone_facts(data),
        "seconds": seconds,
    }
    if not metrics["diverged"]:
        chosen = choose(trained)
        probabilities = head_answers(trained.best_weights[chosen], data, data.rows("validation"), config)
        metrics |= write_measured(run, data, {"validation": probabilities})
        metrics["chosen"] = chosen_facts(trained, chosen)
        metrics["warnings"] = warnings(trained, chosen, data, config)
        write_head(run, config, data, trained.best_weights[chosen], trained.settings[chosen])
    run.write_json("metrics", metrics)


def _check_unchanged(cells: Sequence[Cell], data: RunData) -> None:
    """Makes sure that cells recorded earlier are those of this study, made from the images of today.

    Raises:
        InputError: they are not.
    """
    recorded = [cell for cell in cells if cell.done]
    for cell in recorded:
        if cell.run.config() != cell.config:
            raise InputError(
                f"{cell.run.path} was made with other settings than this study declares.",
                hint="start a new study in another folder with --output",
            )
    if not recorded:
        return
    first = recorded[0]
    table = first.run.table("splits")
    before = set(zip(*(table[name].to_pylist() for name in ("sha256", "label", "split")), strict=True))
    today = data.split_anew(first.config)
    now = {(image.sha256, image.label, str(s)) for image, s in zip(today.images, today.splits, strict=True)}
    if before != now:
        raise InputError(
            "The images have changed since this study began.",
            expected=f"the {len(before)} images of {first.run.path}, with their labels",
            received=f"{len(now - before)} new or changed, {len(before - now)} missing or changed",
            hint="start a new study in another folder with --output",
        )


def _grouped(cells: Sequence[Cell], key: Callable[[Cell], Any]) -> list[list[Cell]]:
    groups: dict[Any, list[Cell]] = defaultdict(list)
    for cell in cells:
        groups[key(cell)].append(cell)
    return list(groups.values())


def _features_key(cell: Cell) -> Any:
    images = cell.config.images
    subset = images.per_class and (images.per_class, images.test_seed)
    return images.source, images.path, images.classes, subset, cell.config.backbone, cell.config.augmentation


def _split_key(cell: Cell) -> Any:
    return cell.config.seed, cell.config.images


def _stack_key(cell: Cell) -> Any:
    head = cell.config.head
    shared = head.epochs, head.batch_size, head.activation, head.scale_features, head.standard
    return (*shared, head.class_weight, head.sampling)


def _slug(label: str) -> str:
    kept = "".join(sign if sign.isalnum() or sign in "._" else "-" for sign in label)
    while "--" in kept:
        kept = kept.replace("--", "-")
    return kept.strip("-.")[:80] or "setting"
