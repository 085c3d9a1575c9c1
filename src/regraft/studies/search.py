"""A search for good settings: trials chosen by Optuna on validation, then the best setting as a whole run."""

from __future__ import annotations

import gc
import hashlib
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from regraft._keras_backend import check_keras_backend, choose_keras_backend
from regraft._progress import progress
from regraft.backbones.base import Base
from regraft.backbones.cuts import cut
from regraft.backbones.layer_rows import block_rows
from regraft.errors import InputError
from regraft.runs.config import TrainConfig
from regraft.runs.data import RunData, check_activation, draw_splits, find_base, find_images, load_data
from regraft.runs.environment import describe_environment
from regraft.runs.pipeline import Report, train
from regraft.runs.top_data import card_of, prepare_cut
from regraft.studies._search_defaults import default_table
from regraft.studies._search_space import Space, read_space
from regraft.studies._search_trials import TopTrials, train_trial_heads, without_test
from regraft.studies._search_values import config_of, fixed_values, listed_choices
from regraft.studies._trial_log import Asked, TrialLog, check_optuna, quiet
from regraft.studies.search_folder import SearchConfig, SearchFolder, check_search_output, open_search_folder

BATCH = 8
"""Heads that are proposed and trained together; fine-tuned trials are proposed one by one, each after the last."""

_BLOCKS = "finetune.blocks"
_UNJUDGED = 0.25  # of the epochs of a fine-tuning pass before it may be pruned: the rate rises at first

Tell = Callable[[str], object]


def run_search(
    config: TrainConfig,
    wanted: SearchConfig,
    output: Path | None = None,
    *,
    resume: SearchFolder | None = None,
    report_run: Report | None = None,
    tell: Tell | None = None,
) -> SearchFolder:
    """Searches for the setting with the lowest validation loss, and measures it on the test images, once.

    A trial trains a head on cached features and, with a section `finetune`, then the top from cached activations; its
    value is the log loss of the validation images at the best epoch. Step 0 is the head's, step n that of epoch n of
    fine-tuning, and a trial that falls behind the median of the others is pruned. Trials cannot see the test images.
    All of them share splits, batches and seed, so that they differ by their settings alone. The loss of the best of
    many is optimistic: only the recommended run's test figure is not.

    The same config gives the same trials on the same machine, and so does a search that was killed and goes on; only a
    `timeout` makes them depend on the clock, and a kill within the moment in which a batch of heads is written down.

    Args:
        config: what is fixed.
        wanted: how many trials, how long, and the space.
        output: the folder, new or empty; None takes the next free name under `searches/`.
        resume: the folder of the same search, begun earlier.
        report_run: writes the page of the recommended run (`runs.pipeline.train`).
        tell: told what is worth knowing before long work begins.

    Raises:
        InputError: the images, the backbone, the space or a setting cannot be used; every trial diverged; the images
            have changed since the search began.
        MissingPackageError: Optuna, or what fine-tuning needs, is not installed.
    """
    started = time.perf_counter()
    check_optuna()
    config = config.with_absolute_paths()
    if config.head.standard:
        raise InputError("A search trains on cached features.", received="standard = true in the section [head]")
    check_keras_backend(training=config.finetune is not None)
    if output is not None:
        check_search_output(output)
    collection = find_images(config)
    check_activation(collection.classes, config)
    draw_splits(collection.images, config)
    base = find_base(config.backbone)
    space = make_space(config, wanted, base)
    data = load_data(collection, base, config)
    folder = resume or open_search_folder(output)
    with folder.locked(), quiet():
        _begin(folder, config, wanted.model_copy(update=space.table()), _digest(data), resume is not None)
        features = time.perf_counter() - started
        work = _Search(folder, config, space, data, tell)
        work.prepare()
        activations = time.perf_counter() - started - features
        work.carry_out(wanted)
        best, facts = work.found()
        trials = time.perf_counter() - started - features - activations
        seconds = {"features": features, "activations": activations, "trials": trials}
        folder.write_facts(**facts)
        before = time.perf_counter()
        _recommend(folder, config_of(config, best), report_run, tell)
        seconds |= {"recommended": time.perf_counter() - before, "total": time.perf_counter() - started}
        folder.write_facts(seconds={name: round(value, 3) for name, value in seconds.items()}, complete=True)
    return folder


def make_space(config: TrainConfig, wanted: SearchConfig, base: Base) -> Space:
    """The space that is declared, or the default one; with fine-tuning this chooses Keras' backend for training.

    Raises:
        InputError: the space cannot be used, or the network cannot be cut so.
    """
    declared = {"head": wanted.head, "finetune": wanted.finetune}
    table: dict[str, Any] = {section: dict(entries) for section, entries in declared.items() if entries is not None}
    if config.finetune is None:
        if table.get("finetune"):
            raise InputError(
                "The search declares settings of fine-tuning, and nothing is fine-tuned.",
                hint="add --finetune, or leave [search.finetune] out",
            )
        table = table or default_table(config, None)
    elif not table:
        choose_keras_backend(training=True)
        network = cut(base, last=1).whole
        table = default_table(config, len(block_rows(network, card_of(base))))
    for name, values in listed_choices(config).items():
        table.setdefault("head", {}).setdefault(name, values)
    space = read_space(table, fixed_values(config))
    if config.finetune is not None:
        blocks = space.numbers(_BLOCKS)
        if blocks and set(config.finetune.wish()) - {"blocks"}:
            raise InputError(
                "Where to cut is searched and said in the config, too.",
                expected="blocks in [search.finetune], or where to cut in [finetune]",
                received="both",
            )
        prepare_cut(base, config_of(config, {_BLOCKS: max(blocks)}) if blocks else config)
    return space


class _Search:
    """The trials of one search."""

    def __init__(
        self, folder: SearchFolder, config: TrainConfig, space: Space, data: RunData, tell: Tell | None
    ) -> None:
        self._folder, self._config, self._space, self._tell = folder, config, space, tell
        self._data = without_test(data)
        self._tops = TopTrials(data, folder.path / "finetuning.safetensors") if config.finetune is not None else None
        epochs = config.finetune.epochs if config.finetune is not None else 0
        self._log = TrialLog(folder.journal, space, seed=config.seed, warmup=max(1, round(_UNJUDGED * epochs)))

    def prepare(self) -> None:
        """Computes the activations at every cut that may be tried, before the clock of the trials runs."""
        if self._tops is None:
            return
        cuts = [config_of(self._config, {_BLOCKS: blocks}) for blocks in self._space.numbers(_BLOCKS)]
        for config in cuts or [self._config]:
            self._tops.prepare(config, self._tell)

    def carry_out(self, wanted: SearchConfig) -> None:
        """Makes the trials that are still to be made, as long as there is time."""
        started = time.perf_counter()
        at_once = BATCH if self._tops is None else 1
        with progress(f"Trials ({wanted.trials})", wanted.trials, "trials") as advance:
            done = self._log.finished
            advance(done)
            while done < wanted.trials:
                # Where a batch begins does not depend on where a search was killed.
                count = min(at_once - done % at_once, wanted.trials - done)
                self._try(self._log.ask(count), advance)
                done += count
                self._write()
                if wanted.timeout is not None and time.perf_counter() - started >= wanted.timeout:
                    return
        self._write()

    def found(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """The values of the best trial, and what is written down of all of them.

        Raises:
            InputError: every trial diverged.
        """
        rows = self._log.rows()
        complete = [row for row in rows if row["state"] == "complete"]
        if not complete:
            raise InputError(
                f"Every one of the {len(rows)} trials diverged: the losses grew beyond all numbers.",
                hint="search smaller learning rates, in another folder",
            )
        best = min(complete, key=lambda row: float(row["loss"]))
        counts = {state: sum(row["state"] == state for row in rows) for state in ("complete", "pruned", "diverged")}
        return best["values"], {"best": best, "counts": counts, "importance": self._log.importance()}

    def _try(self, asked: Sequence[Asked], advance: Callable[[float], None]) -> None:
        configs = [config_of(self._config, trial.values) for trial in asked]
        heads = train_trial_heads(self._data, configs)
        for trial, config, head in zip(asked, configs, heads, strict=True):
            outcome, spent = head.outcome, 0.0
            if outcome.loss is not None:
                self._log.report(trial, outcome.loss, 0)
                if self._tops is not None:

                    def report(loss: float, step: int, trial: Asked = trial, config: TrainConfig = config) -> bool:
                        nonlocal spent
                        assert config.finetune is not None
                        spent += 1 / config.finetune.epochs
                        advance(1 / config.finetune.epochs)
                        return self._log.report(trial, loss, step)

                    outcome = self._tops.train(config, head, report)
                    gc.collect()  # Keras' models refer to themselves
            self._log.tell(trial, outcome.state, outcome.loss, outcome.about())
            advance(1 - spent)

    def _write(self) -> None:
        rows = self._log.rows()
        self._folder.write_facts(trials=rows)
        self._folder.write_trials(rows, [parameter.key for parameter in self._space.parameters])


def _begin(folder: SearchFolder, config: TrainConfig, wanted: SearchConfig, digest: str, resumed: bool) -> None:
    facts = folder.facts()
    if facts and facts.get("inputs") != digest:
        raise InputError(
            f"The images or the backbone have changed since {folder.path} was begun.",
            hint="start a new search in another folder with --output",
        )
    if not facts:
        folder.write_config(config, wanted)
    environment = facts.get("environment") or describe_environment()
    folder.write_facts(kind="search", environment=environment, inputs=digest, complete=False, resumed=resumed)


def _digest(data: RunData) -> str:
    """Names the images with their labels and splits, and the base."""
    rows = sorted(zip((image.sha256 for image in data.images), data.labels.tolist(), data.splits.tolist(), strict=True))
    facts = (data.base.identity, data.precision, data.classes, rows)
    return hashlib.sha256(repr(facts).encode()).hexdigest()


def _recommend(folder: SearchFolder, config: TrainConfig, report_run: Report | None, tell: Tell | None) -> None:
    """Trains the best setting as a whole run and measures it on the test images."""
    run = folder.recommended
    if run.path.is_dir() and run.complete:
        return
    begun = (run.path / "config.toml").is_file()
    train(config, None if begun else run.path, resume=run.path if begun else None, report=report_run, tell=tell)
