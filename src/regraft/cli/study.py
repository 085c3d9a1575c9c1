"""`regraft study`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from regraft.cli._output import measured, note, say, say_json, shown
from regraft.errors import InputError

if TYPE_CHECKING:
    from regraft.studies.folder import StudyFolder


def study(
    what: Annotated[
        str | None,
        typer.Argument(help="A study of regraft's own: flowers, cats-and-dogs; or a TOML file that declares one."),
    ] = None,
    images: Annotated[str | None, typer.Option(help="A folder of class folders, a manifest, or a named set.")] = None,
    path: Annotated[Path | None, typer.Option(help="A local copy of a named set.")] = None,
    output: Annotated[
        Path | None, typer.Option(help="The study folder, new or empty. Default: a new one in studies/.")
    ] = None,
    resume: Annotated[Path | None, typer.Option(help="Go on with an unfinished study folder.")] = None,
    backbone: Annotated[str | None, typer.Option(help="MobileNetV2, EfficientNetLite0@320 …")] = None,
    seed: Annotated[int | None, typer.Option(help="Of the test images, and the first of the repetitions.")] = None,
    seeds: Annotated[int | None, typer.Option(help="How many repetitions, each with another seed.")] = None,
    folds: Annotated[int | None, typer.Option(help="Cross-validation with so many folds within each seed.")] = None,
    epochs: Annotated[int | None, typer.Option(help="Of everything trained on cached features.")] = None,
    standard_epochs: Annotated[
        int | None,
        typer.Option(
            help="flowers: epochs of the training through Keras; cats-and-dogs: of that from scratch; 0 leaves it out."
        ),
    ] = None,
    quick: Annotated[
        bool,
        typer.Option("--quick", help="flowers, cats-and-dogs: little is trained through Keras; the report says so."),
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Run a study: many runs, one conclusion, and a report as a page and as a PDF."""
    from regraft.study_api import resume_study
    from regraft.study_api import study as run_study

    given: dict[str, Any] = {
        "images": images,
        "path": path,
        "output": output,
        "backbone": backbone,
        "seed": seed,
        "seeds": seeds,
        "folds": folds,
        "epochs": epochs,
        "standard_epochs": standard_epochs,
        "quick": quick or None,
    }
    options = {name: value for name, value in given.items() if value is not None}
    if resume is not None:
        if options or what is not None:
            raise InputError("--resume goes on with a study as it was begun and takes no other settings.")
        folder = resume_study(resume)
    elif what is None:
        raise InputError(
            "Which study?",
            expected="flowers, cats-and-dogs, or a TOML file that declares one",
            hint="regraft study flowers --images FOLDER --quick",
        )
    else:
        folder = run_study(what, **options)
    if json:
        say_json(_summary(folder))
        return
    _show(folder)


def _summary(folder: StudyFolder) -> dict[str, Any]:
    run = folder.recommended
    found = run.metrics() if (run.path / "metrics.json").is_file() else {}
    return {
        "study": str(folder.path),
        "html": str(folder.html),
        "pdf": str(folder.pdf),
        "recommended": found.get("chosen"),
        "test": found.get("test"),
        "seconds": folder.facts()["seconds"],
    }


def _show(folder: StudyFolder) -> None:
    run = folder.recommended
    say()
    if (run.path / "metrics.json").is_file():
        metrics = run.metrics()
        say(f"Best setting {shown(metrics['backbone']['name'])}, {metrics['chosen']['label']}")
        say(f"             {measured(metrics['test'], 'Test')}")
        say(f"             {run.path}")
    else:
        note("Warning: every setting diverged, so none is recommended; the report says what to try.")
    say(f"Report       {folder.html}")
    say(f"             {folder.pdf}")
    say(f"Time         {folder.facts()['seconds']['total']:.1f} s in all")
