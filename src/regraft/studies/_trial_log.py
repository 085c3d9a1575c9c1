"""Optuna behind one small class: it proposes settings, prunes, and keeps a journal to go on from after a kill."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from regraft.errors import InputError, MissingPackageError
from regraft.studies._search_space import Choices, Domain, Space

_RANDOM = 10  # trials before the sampler begins to learn from them, as Optuna has it
_UNPRUNED = 5  # complete trials before any is pruned
_LEAST = 10  # complete trials before it is said what mattered


@dataclass(frozen=True, eq=False)
class Asked:
    """A trial that was begun: what is tried, and Optuna's own object."""

    values: dict[str, Any]
    trial: Any


def check_optuna() -> None:
    """Makes sure that Optuna is there.

    Raises:
        MissingPackageError: it is not installed.
    """
    try:
        import optuna  # noqa: F401
    except ImportError:
        raise MissingPackageError("A hyperparameter search", "search") from None


@contextmanager
def quiet() -> Iterator[None]:
    """Optuna says nothing while the block runs: neither in its log nor by warnings that parts of it may change."""
    import optuna

    logger = logging.getLogger("optuna")
    level = logger.level
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        logger.setLevel(logging.CRITICAL)
        try:
            yield
        finally:
            logger.setLevel(level)


class TrialLog:
    """The trials of a search, in a journal on disk. Only one process may have it open.

    Settings are proposed by Optuna's tree-structured Parzen estimator (Bergstra et al. 2011, "Algorithms for
    hyper-parameter optimization"; with its constant liar for trials that run together), anew for each trial from the
    seed, the number of trials finished and their results: a search that was killed and goes on proposes what it would
    have proposed. Trials are pruned by Optuna's median rule.

    Args:
        path: the journal; begun where there is none.
        space: what is searched.
        seed: of the proposals.
        warmup: steps before any trial is pruned.

    Raises:
        InputError: the journal is damaged.
    """

    def __init__(self, path: Path, space: Space, *, seed: int, warmup: int) -> None:
        import optuna
        from optuna.storages import JournalStorage
        from optuna.storages.journal import JournalFileBackend

        self._optuna, self._space, self._seed = optuna, space, seed
        _drop_unfinished_line(path)
        try:
            storage = JournalStorage(JournalFileBackend(str(path), lock_obj=_NoLock()))
            self._study = optuna.create_study(
                storage=storage,
                study_name="search",
                direction="minimize",
                load_if_exists=True,
                pruner=optuna.pruners.MedianPruner(n_startup_trials=_UNPRUNED, n_warmup_steps=warmup),
            )
        except (ValueError, KeyError, TypeError) as error:
            raise InputError(
                f"{path} is damaged.", received=str(error).splitlines()[0], hint="search again in another folder"
            ) from error
        for trial in self._study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.RUNNING,)):
            self._study.tell(trial.number, state=optuna.trial.TrialState.FAIL)  # left behind by a killed search

    @property
    def finished(self) -> int:
        """How many trials came to an end: complete, pruned or diverged."""
        return len(self._finished())

    def ask(self, count: int) -> list[Asked]:
        """Begins so many trials, each proposed with the ones before it in mind."""
        done = self.finished
        asked = []
        for number in range(done, done + count):
            seed = int(np.random.SeedSequence([self._seed, number]).generate_state(1)[0])
            self._study.sampler = self._optuna.samplers.TPESampler(
                seed=seed, n_startup_trials=_RANDOM, multivariate=True, constant_liar=True
            )
            trial = self._study.ask()
            asked.append(Asked(self._space.values(partial(_suggested, trial)), trial))
        return asked

    def report(self, asked: Asked, loss: float, step: int) -> bool:
        """Notes the validation loss of a step; True where the trial should be pruned.

        It should where its lowest loss so far is above the median of those of the complete trials at this step.
        """
        asked.trial.report(loss, step)
        return bool(asked.trial.should_prune())

    def tell(self, asked: Asked, state: str, loss: float | None, about: Mapping[str, Any]) -> None:
        """Ends a trial.

        Args:
            state: `complete`, `pruned` or `diverged`.
            loss: the value of a complete trial.
            about: what else is to be kept, as plain values.
        """
        asked.trial.set_user_attr("about", {"state": state, **about})
        states = self._optuna.trial.TrialState
        if state == "complete":
            self._study.tell(asked.trial, loss)
        else:
            # A trial without any step counts as the worst of all: one that diverged teaches the sampler as well.
            self._study.tell(asked.trial, state=states.PRUNED)

    def rows(self) -> list[dict[str, Any]]:
        """What is known of every trial that came to an end, as plain values, in their order."""
        rows = []
        for number, trial in enumerate(self._finished()):
            values = self._space.values(partial(_recalled, trial))
            steps = [[step, loss] for step, loss in sorted(trial.intermediate_values.items())]
            plain = {key: list(value) if isinstance(value, tuple) else value for key, value in values.items()}
            rows.append({"number": number, **trial.user_attrs["about"], "values": plain, "steps": steps})
        return rows

    def importance(self) -> dict[str, float]:
        """How much each setting mattered for the loss of the complete trials, most first, adding up to 1.

        By Optuna's PED-ANOVA (Watanabe, Bansal and Hutter 2023, "PED-ANOVA: efficiently quantifying hyperparameter
        importance in arbitrary subspaces"); empty where there are too few trials to tell.
        """
        complete = self._study.get_trials(deepcopy=False, states=(self._optuna.trial.TrialState.COMPLETE,))
        if len(complete) < _LEAST or len({trial.value for trial in complete}) < _LEAST // 2:
            return {}
        try:
            found = self._optuna.importance.get_param_importances(self._study)
        except (ValueError, RuntimeError):
            return {}
        return {key: round(float(value), 4) for key, value in found.items() if np.isfinite(value)}

    def _finished(self) -> list[Any]:
        states = self._optuna.trial.TrialState
        return list(self._study.get_trials(deepcopy=False, states=(states.COMPLETE, states.PRUNED)))


class _NoLock:
    """The folder is locked as a whole; a lock of Optuna's own would outlive a killed process."""

    def acquire(self) -> bool:
        return True

    def release(self) -> None:
        pass


def _suggested(trial: Any, key: str, domain: Domain) -> Any:
    if isinstance(domain, Choices):
        return trial.suggest_categorical(key, list(domain.labels))
    if domain.whole:
        return trial.suggest_int(key, int(domain.low), int(domain.high), log=domain.log)
    return trial.suggest_float(key, domain.low, domain.high, log=domain.log)


def _recalled(trial: Any, key: str, _: Domain) -> Any:
    return trial.params[key]


def _drop_unfinished_line(path: Path) -> None:
    """Cuts off what a kill left of a line: nothing could be written after it."""
    if not path.is_file():
        return
    content = path.read_bytes()
    whole = content.rfind(b"\n") + 1
    if whole < len(content):
        with path.open("r+b") as file:
            file.truncate(whole)
