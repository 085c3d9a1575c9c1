"""A run exported: written, checked against the run, and only then put under its name."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from regraft.deployment.benchmarking import RUN, Answer, benchmark
from regraft.deployment.checking import Checker
from regraft.deployment.export_facts import facts_of
from regraft.deployment.export_folder import ExportFolder
from regraft.deployment.export_format import FORMAT_NAMES, PRECISIONS, ExportFormat, Precision, format_named
from regraft.errors import InputError
from regraft.runs.folder import RunFolder
from regraft.runs.prediction import Predictor

ALL = "all"


@dataclass(frozen=True)
class ExportResult:
    """What an export left.

    Attributes:
        folder: with the files, `export.json`, `labels.txt`, `README.md` and `serving/`.
        exports: what was exported by this call, as `export.json` has it: `format`, `precision`, `file`, `bytes`,
            `any_size`, the measures of `Agreement`, and `benchmark` where asked for.
        run_benchmark: the run's own speed, the others' peer.
        written: the model card and the config files of servers.
    """

    folder: Path
    exports: list[dict[str, Any]]
    run_benchmark: dict[str, Any] | None
    written: list[Path]


def export_run(
    run: RunFolder,
    formats: Sequence[str],
    *,
    precision: str = "f32",
    output: Path | None = None,
    images: Path | None = None,
    measure_speed: bool = False,
    tell: Callable[[str], object] | None = None,
) -> ExportResult:
    """Exports a run to some formats, each compared with the run on its whole validation split.

    Args:
        run: a finished run; with test views, its plain network is exported, which answers without them.
        formats: names of `FORMAT_NAMES`, or `all`: all that have the precision.
        precision: of all of them.
        output: the folder; `RUN/export` where None. Earlier exports of the same run stay in it.
        images: where the run's images are now, if not where they were.
        measure_speed: also `benchmark` them.
        tell: told what else there is to know.

    Raises:
        InputError: no such format or precision, the run is not finished, its images are gone, or the folder is another.
        MissingPackageError: what a format needs is not installed; nothing has been done yet.
        RegraftError: an export does not agree with the run. Those before it are kept, it is not.
    """
    say = tell or (lambda text: None)
    kinds, fine = chosen_formats(formats, precision)
    for kind in kinds:
        kind.check_packages(fine)
    checker = Checker(run, images)
    predictor = checker.predictor
    facts = facts_of(predictor)
    folder = ExportFolder(output or run.path / "export", run, facts)
    if folder.outdated:
        say(f"The run has changed since it was exported: {', '.join(folder.outdated)} will be replaced or removed.")
    if predictor.views:
        say(f"The run averages over {predictor.views} test views; exports are its plain network, without them.")
    calibration = checker.calibration() if fine == "int8" else []
    done = [_exported(kind, fine, folder, checker, calibration) for kind in kinds]
    speeds = _speeds(kinds, done, folder.path, predictor) if measure_speed else {}
    for record in done:
        if record["format"] in speeds:
            record["benchmark"] = speeds[record["format"]]
    folder.write()
    return ExportResult(folder.path, done, speeds.get(RUN), _written(run, folder, checker))


def chosen_formats(names: Sequence[str], precision: str) -> tuple[list[ExportFormat], Precision]:
    """The formats of these names, each once, and the precision.

    Raises:
        InputError: there is no such format or precision, or a format that was named has not got the precision.
    """
    fine = next((one for one in PRECISIONS if one == precision), None)
    if fine is None:
        raise InputError("There is no such precision.", expected=", ".join(PRECISIONS), received=precision)
    if unknown := [name for name in names if name not in (*FORMAT_NAMES, ALL)]:
        raise InputError(
            "There is no such export format.", expected=", ".join((*FORMAT_NAMES, ALL)), received=", ".join(unknown)
        )
    if not names:
        raise InputError("No format was named.", expected=", ".join((*FORMAT_NAMES, ALL)), hint="--format onnx")
    kinds = [format_named(name) for name in (FORMAT_NAMES if ALL in names else dict.fromkeys(names))]
    without = [kind for kind in kinds if fine not in kind.precisions]
    if without and ALL not in names:
        raise InputError(
            f"{', '.join(kind.name for kind in without)} cannot be exported in {fine}.",
            expected="; ".join(f"{kind.name}: {', '.join(kind.precisions)}" for kind in without),
            received=precision,
        )
    return [kind for kind in kinds if fine in kind.precisions], fine


def _exported(
    kind: ExportFormat, precision: Precision, folder: ExportFolder, checker: Checker, calibration: Sequence[Any]
) -> dict[str, Any]:
    """Writes and checks one export, and gives what `export.json` says of it."""
    start = time.perf_counter()
    record: dict[str, Any] = {
        "format": kind.name,
        "precision": precision,
        "file": kind.file_name(precision),
        "any_size": kind.any_size,
    }
    with folder.new_export(record) as temporary:
        kind.write(checker.predictor, facts_of(checker.predictor), temporary, precision, calibration)
        record |= checker.check(kind, temporary, precision).as_dict()
        record["seconds"] = round(time.perf_counter() - start, 2)
    return record


def _speeds(
    kinds: Sequence[ExportFormat], done: Sequence[dict[str, Any]], folder: Path, predictor: Predictor
) -> dict[str, dict[str, Any]]:
    answers: dict[str, Answer] = {RUN: predictor.plain_probabilities}
    for kind, record in zip(kinds, done, strict=True):
        answers[kind.name] = kind.open(folder / record["file"]).probabilities
    return benchmark(answers, predictor.head.size)


def _written(run: RunFolder, folder: ExportFolder, checker: Checker) -> list[Path]:
    from regraft.deployment.serving_configs import write_configs
    from regraft.reports.model_card import write_model_card

    configs = write_configs(folder.path, facts_of(checker.predictor), folder.content["exports"])
    return [write_model_card(run, folder.path, export=folder.content), *configs]
