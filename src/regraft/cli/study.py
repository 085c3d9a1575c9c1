"""`regraft study`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from regraft.cli._output import measured, note, say, say_json, shown
from regraft.cli._study_numbers import ACCURACIES, LINES
from regraft.errors import InputError

if TYPE_CHECKING:
    from regraft.runs.folder import RunFolder
    from regraft.studies.folder import StudyFolder


def study(
    what: Annotated[
        str | None,
        typer.Argument(
            help="A study of regraft's own: flowers, cats-and-dogs, digits, mnist, proportions, mobilenet; or a TOML "
            "file that declares one."
        ),
    ] = None,
    of: Annotated[
        str | None,
        typer.Argument(metavar="[IMAGES]", help="Of which images, in place of the study's own."),
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
            help="flowers: epochs of the training through Keras; cats-and-dogs, proportions, mobilenet: of that from "
            "scratch; 0 leaves it out."
        ),
    ] = None,
    quick: Annotated[
        bool,
        typer.Option("--quick", help="Less is trained; the report says so. Not of a TOML file."),
    ] = False,
    export_mat: Annotated[
        bool, typer.Option("--export-mat", help="digits, mnist: write the images for MATLAB as well, as digits.mat.")
    ] = False,
    fractions: Annotated[
        str | None, typer.Option(help="proportions: of the training images (0.05,0.1,0.25,0.5,1).")
    ] = None,
    dogs: Annotated[
        Path | None, typer.Option(help="mobilenet: a folder of photographs of dogs, for dogs against flowers.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Run a study: many runs, one conclusion, and a report as a page and as a PDF."""
    from regraft.study_api import STUDY_NAMES, resume_study
    from regraft.study_api import study as run_study

    if of is not None and images is not None:
        raise InputError("The images are given twice.", expected="IMAGES or --images", received=f"{of} and {images}")
    given: dict[str, Any] = {
        "images": images if of is None else of,
        "path": path,
        "output": output,
        "backbone": backbone,
        "seed": seed,
        "seeds": seeds,
        "folds": folds,
        "epochs": epochs,
        "standard_epochs": standard_epochs,
        "quick": quick or None,
        "export_mat": export_mat or None,
        "fractions": None if fractions is None else _numbers(fractions),
        "dogs": dogs,
    }
    options = {name: value for name, value in given.items() if value is not None}
    if resume is not None:
        if options or what is not None:
            raise InputError("--resume goes on with a study as it was begun and takes no other settings.")
        folder = resume_study(resume, tell=note)
    elif what is None:
        raise InputError(
            "Which study?",
            expected=f"{STUDY_NAMES}, or a TOML file that declares one",
            hint="regraft study flowers --images FOLDER --quick",
        )
    else:
        folder = run_study(what, tell=note, **options)
    if json:
        say_json(_summary(folder))
        return
    _show(folder)


def _numbers(text: str) -> list[float]:
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        raise InputError(
            "The fractions cannot be read.", expected="numbers with commas between them, such as 0.1,0.5,1",
            received=repr(text),
        ) from None  # fmt: skip


def _summary(folder: StudyFolder) -> dict[str, Any]:
    facts = folder.facts()
    found: dict[str, Any] = {"study": str(folder.path), "html": str(folder.html), "pdf": str(folder.pdf)}
    if facts.get("kind") in ACCURACIES:
        found["accuracies"] = ACCURACIES[facts["kind"]](folder)
    else:
        run = folder.recommended
        metrics = run.metrics() if (run.path / "metrics.json").is_file() else {}
        found |= {"recommended": metrics.get("chosen"), "test": metrics.get("test")}
    return {**found, "seconds": facts["seconds"]}


def _show(folder: StudyFolder) -> None:
    say()
    if (kind := folder.facts().get("kind")) in LINES:
        for line in (*LINES[str(kind)](folder), ""):
            say(line)
    else:
        _show_recommended(folder.recommended)
    say(f"Report       {folder.html}")
    say(f"             {folder.pdf}")
    say(f"Time         {folder.facts()['seconds']['total']:.1f} s in all")


def _show_recommended(run: RunFolder) -> None:
    if not (run.path / "metrics.json").is_file():
        note("Warning: every setting diverged, so none is recommended; the report says what to try.")
        return
    metrics = run.metrics()
    say(f"Best setting {shown(metrics['backbone']['name'])}, {metrics['chosen']['label']}")
    say(f"             {measured(metrics['test'], 'Test')}")
    say(f"             {run.path}")
