"""`regraft search`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from regraft.cli._output import measured, note, percent, say, say_json, shown
from regraft.errors import InputError

if TYPE_CHECKING:
    from regraft.studies.search_folder import SearchFolder

_MOST_NAMED = 5  # settings of which it is said how much they mattered


def search(
    images: Annotated[
        str | None,
        typer.Argument(
            help="A folder of class folders, a CSV or JSONL manifest, or digits, mnist, flowers, cats-and-dogs."
        ),
    ] = None,
    trials: Annotated[int | None, typer.Option(help="How many settings to try (40).")] = None,
    timeout: Annotated[float | None, typer.Option(help="Begin no new trial after so many seconds.")] = None,
    finetune: Annotated[
        bool,
        typer.Option("--finetune", help="Search the settings of fine-tuning as well: both phases in every trial."),
    ] = False,
    backbone: Annotated[str | None, typer.Option(help="MobileNetV2, EfficientNetLite0@320 …")] = None,
    weights: Annotated[Path | None, typer.Option(help="A weight file for the backbone.")] = None,
    path: Annotated[Path | None, typer.Option(help="A local copy of a named set.")] = None,
    seed: Annotated[
        int | None, typer.Option(help="Of the split, the batches, the initial weights and the proposals.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option(help="The search folder, new or empty. Default: a new one in searches/.")
    ] = None,
    resume: Annotated[Path | None, typer.Option(help="Go on with an unfinished search folder.")] = None,
    config: Annotated[
        Path | None,
        typer.Option(help="A TOML file: what is fixed, as for `regraft train`, and the table [search] with the space."),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Search for good settings of head and fine-tuning on validation, then train and measure the best one."""
    from regraft.search_api import resume_search, search_values

    options: dict[str, dict[str, Any]] = {
        "images": {"source": images, "path": path},
        "backbone": {"name": backbone, "weights": weights},
        "search": {"trials": trials, "timeout": timeout},
    }
    given = {
        section: {name: value for name, value in values.items() if value is not None}
        for section, values in options.items()
    }
    if resume is not None:
        if any(given.values()) or finetune or seed is not None or output is not None or config is not None:
            raise InputError("--resume goes on with a search as it was begun and takes no other settings.")
        folder = resume_search(resume, tell=note)
    else:
        folder = search_values(_values(config, given, finetune, seed), output, tell=note)
    if json:
        say_json(_summary(folder))
        return
    _show(folder)


def _values(config: Path | None, given: dict[str, dict[str, Any]], finetune: bool, seed: int | None) -> dict[str, Any]:
    """The nested dictionary of the config file with the options in it."""
    from regraft.runs.config import read_config

    values = read_config(config) if config is not None else {}
    for section in (*given, "finetune"):
        if not isinstance(values.get(section, {}), dict):
            raise InputError(
                f"{config} cannot be used.", expected=f"a table [{section}]", received=repr(values[section])
            )
    for section, chosen in given.items():
        values[section] = {**values.get(section, {}), **chosen}
    if finetune:
        values.setdefault("finetune", {})
    if seed is not None:
        values["seed"] = seed
    if "source" not in values["images"]:
        raise InputError(
            "Which images?",
            expected="a folder of class folders, a manifest, or a named set",
            hint="regraft search photos/",
        )
    return values


def _summary(folder: SearchFolder) -> dict[str, Any]:
    facts, metrics = folder.facts(), folder.recommended.metrics()
    return {
        "search": str(folder.path),
        "best": facts["best"],
        "trials": facts["counts"],
        "importance": facts["importance"],
        "recommended": str(folder.recommended.path),
        "report": str(folder.recommended.report),
        "test": metrics["test"],
        "seconds": facts["seconds"],
    }


def _show(folder: SearchFolder) -> None:
    facts, metrics = folder.facts(), folder.recommended.metrics()
    best, counts = facts["best"], facts["counts"]
    made = sum(counts.values())
    say()
    say(f"Best       {shown(best['label'])}")
    say(f"Validation log loss {best['loss']:.4f}, accuracy {percent(best['accuracy'])} (trial {best['number']})")
    say(f"           chosen as the best of {made} on these images: expect less of new ones")
    say(measured(metrics["test"], "Test"))
    say()
    ended = ", ".join(f"{count} {state}" for state, count in counts.items() if count or state == "complete")
    say(f"Trials     {made}: {ended}")
    if mattered := list(facts["importance"].items())[:_MOST_NAMED]:
        say(f"Mattered   {', '.join(f'{name} {100 * share:.0f} %' for name, share in mattered)}")
    say(f"Search     {folder.path} (every trial in {folder.path / 'trials.csv'})")
    say(f"Run        {folder.recommended.path}")
    say(f"Report     {folder.recommended.report}")
    stages = ", ".join(f"{name} {value:.1f}" for name, value in facts["seconds"].items() if name != "total")
    say(f"Time       {facts['seconds']['total']:.1f} s in all ({stages})")
    for warning in metrics["warnings"]:
        note(f"Warning: {warning}")
