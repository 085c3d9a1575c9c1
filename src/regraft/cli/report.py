"""`regraft report`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from regraft.cli._output import note, say, say_json
from regraft.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from regraft.images.labelled import LabelledImage
    from regraft.runs.folder import RunFolder


def report(
    folder: Annotated[Path, typer.Argument(metavar="RUN_OR_STUDY", help="A run folder, or the folder of a study.")],
    html: Annotated[bool, typer.Option("--html", help="Write report.html. Default: both.")] = False,
    pdf: Annotated[bool, typer.Option("--pdf", help="Write report.pdf. Default: both.")] = False,
    json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Write the report of a run or a study again, as a page, as a PDF, or both."""
    html, pdf = html or not pdf, pdf or not html
    is_study = (folder / "study.json").is_file()
    if is_study:
        from regraft.reports.study_report import write_study_report

        written = write_study_report(folder, html=html, pdf=pdf)
    else:
        written = _write_run_report(folder, html=html, pdf=pdf)
    if json:
        say_json({"study" if is_study else "run": str(folder), "written": [str(path) for path in written]})
        return
    for path in written:
        say(f"Report     {path}")


def _write_run_report(folder: Path, *, html: bool, pdf: bool) -> list[Path]:
    from regraft.runs.folder import RunFolder

    run = RunFolder(folder)
    run.metrics()  # so that a folder that is no finished run is refused before the images are read
    images = _images_of(run)
    written = []
    if html:
        from regraft.reports.page import write_report

        written.append(write_report(run, images))
    if pdf:
        from regraft.reports.pdf import document_pdf
        from regraft.reports.run_document import run_document

        path = run.path / "report.pdf"
        document_pdf(run_document(run, images), path)
        written.append(path)
    return written


def _images_of(run: RunFolder) -> Mapping[str, LabelledImage] | None:
    """The images of the run by content hash, None where they are no longer there; nothing is downloaded for this."""
    from regraft._files import cache_folder
    from regraft.images.named import NAMED_SETS
    from regraft.images.opening import open_images

    asked = run.config().images
    named = NAMED_SETS.get(asked.source)
    if named and named.files and asked.path is None and not (cache_folder() / "datasets" / named.name).is_dir():
        note(f"The images of {named.name} are not on this machine: the report goes without their pictures.")
        return None
    try:
        collection = open_images(asked.source, path=asked.path, classes=asked.classes, minimum_classes=1)
    except InputError as error:
        note(f"The images are not at hand, so the report goes without their pictures. {error.problem}")
        return None
    return {image.sha256: image for image in collection.images}
