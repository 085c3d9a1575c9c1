"""The models of a server by name, and the watch over their folders."""

from __future__ import annotations

import asyncio
import os
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from regraft.deployment.server.metrics import Metrics
from regraft.deployment.server.model import Load, ServedModel, load_predictor
from regraft.deployment.server.problems import NoSuchModel
from regraft.deployment.server.settings import ServerSettings
from regraft.errors import InputError
from regraft.reports._words import shown
from regraft.runs.folder import RunFolder

Tell = Callable[[str], object]

# Not the report: it is read when it is asked for, and a new one makes no new version of the model.
_WATCHED = ("config.toml", "head.safetensors", "labels.txt", "metrics.json", "model.keras")


class Models:
    """The models of a server. The first is the one that answers where none is named.

    Attributes:
        metrics: what all of them count.
        draining: the server is about to end: it is not ready, and answers what it has accepted.

    Args:
        runs: names and run folders.
        settings: the limits.
        load: gives the predictor of a folder.
        tell: told what is loaded, a line each.

    Raises:
        InputError: there is none, or one cannot be loaded.
    """

    def __init__(
        self,
        runs: Mapping[str, Path],
        settings: ServerSettings,
        *,
        load: Load = load_predictor,
        tell: Tell = lambda line: None,
    ) -> None:
        if not runs:
            raise InputError("There is nothing to serve.", expected="at least one run folder", received="none")
        self.metrics, self.draining = Metrics(), False
        self._settings, self._tell = settings, tell
        threads = max(2, os.cpu_count() or 2)
        self._decoders = ThreadPoolExecutor(threads, thread_name_prefix="decode")
        self._looks = {name: _Look(path) for name, path in runs.items()}
        self._served: dict[str, ServedModel] = {}
        try:
            for name, path in runs.items():
                self._served[name] = ServedModel(name, path, settings, self.metrics, self._decoders, load)
                self._loaded(name)
        except BaseException:
            self.close()
            raise

    @property
    def default(self) -> ServedModel:
        """The first."""
        return next(iter(self._served.values()))

    @property
    def ready(self) -> bool:
        """Whether requests are welcome."""
        return not self.draining

    def names(self) -> list[str]:
        """Of all models, the default first."""
        return list(self._served)

    def get(self, name: str | None, version: str | None = None) -> ServedModel:
        """The model of a name (None: the default), in the version that is asked for, if any.

        Raises:
            NoSuchModel: there is none.
        """
        model = self.default if name is None else self._served.get(name)
        if model is None:
            raise NoSuchModel(f"There is no model {_quoted(name)} here, but {', '.join(map(_quoted, self._served))}.")
        if version is not None and version != model.version:
            raise NoSuchModel(f"{_quoted(model.name)} is here in version {model.version}, not in {_quoted(version)}.")
        return model

    async def watch(self) -> None:
        """Looks at the run folders for ever, and serves a re-trained run in place of the old one."""
        while True:
            await asyncio.sleep(self._settings.watch)
            await self.look()

    async def look(self) -> None:
        """Looks at each folder once; one that has changed, and is whole and at rest, is loaded and served."""
        for name, model in self._served.items():
            if not await asyncio.to_thread(self._looks[name].changed):
                continue
            try:
                loaded = await asyncio.to_thread(model.loaded_again)
            except Exception as error:  # whatever is wrong with the new one, the old one serves on
                self.metrics.loads.labels(name, "failed").inc()
                self._tell(
                    f"{shown(name)}: its folder has changed and cannot be loaded; version {model.version} serves on. "
                    f"{type(error).__name__}: {shown(str(error).splitlines()[0] if str(error) else '')}"
                )
            else:
                model.replace(loaded)
                self._loaded(name)

    def _loaded(self, name: str) -> None:
        model = self._served[name]
        self.metrics.loads.labels(name, "loaded").inc()
        self._tell(
            f"{shown(name)}: version {model.version}, {len(model.classes)} classes, from {shown(str(model.path))}"
        )

    def close(self) -> None:
        """Ends all threads, once they have computed what still waits."""
        for model in self._served.values():
            model.close()
        self._decoders.shutdown(wait=False, cancel_futures=True)


def open_models(
    runs: Sequence[Path], settings: ServerSettings, names: Sequence[str] = (), *, tell: Tell = lambda line: None
) -> Models:
    """Loads runs, each under a name of its own.

    Args:
        runs: run folders.
        settings: the limits.
        names: of the models, one for each run; by default those of the folders.
        tell: told what is loaded, a line each.

    Raises:
        InputError: two have one name, a name is no part of an address, or a run cannot be loaded.
    """
    if names and len(names) != len(runs):
        raise InputError(
            "Each run wants a name, or none does.",
            expected=f"{len(runs)} names",
            received=str(len(names)),
            hint="give --name once for each run, in their order",
        )
    chosen = list(names) or [run.resolve().name for run in runs]
    for name in chosen:
        if not name or name in (".", "..") or "/" in name or any(unicodedata.category(sign)[0] == "C" for sign in name):
            raise InputError(
                "That is no name for a model.",
                expected="a name that can stand in a web address, without a slash",
                received=shown(name) or "nothing",
                hint="choose another with --name",
            )
        if chosen.count(name) > 1:
            raise InputError(
                "Two runs have one name.", received=shown(name), hint="tell them apart: --name, once for each run"
            )
    return Models(dict(zip(chosen, runs, strict=True)), settings, tell=tell)


class _Look:
    """What was last seen of a run folder."""

    def __init__(self, path: Path) -> None:
        self._run = RunFolder(path)
        self._taken = self._last = self._files()
        self._was_complete = self._complete()

    def changed(self) -> bool:
        """Whether it holds another run than before, whole, and nothing moved between this look and the last."""
        now = self._files()
        at_rest, self._last = now == self._last, now
        if now == self._taken or not at_rest or (self._was_complete and not self._complete()):
            return False
        self._taken = now  # also where it cannot be loaded: once is enough, until it changes again
        return True

    def _complete(self) -> bool:
        try:
            return self._run.complete
        except (InputError, KeyError, TypeError):
            return False

    def _files(self) -> list[tuple[int, int, int] | None]:
        return [_identity(self._run.path / name) for name in _WATCHED]


def _identity(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns


def _quoted(name: str | None) -> str:
    text = shown(name or "")
    return f"'{text if len(text) <= 80 else text[:79] + '…'}'"
