"""The report of a study: figures, page and PDF, made from the study folder and from nothing else."""

from __future__ import annotations

from pathlib import Path

from regraft._files import write_text
from regraft.errors import InputError
from regraft.reports.cats_document import cats_document
from regraft.reports.digits_document import digits_document
from regraft.reports.document import Document, Figure
from regraft.reports.flower_document import flower_document
from regraft.reports.grid_document import grid_document
from regraft.reports.html import document_html
from regraft.reports.mobilenet_document import mobilenet_document
from regraft.reports.pdf import document_pdf
from regraft.reports.proportions_document import proportions_document
from regraft.studies.folder import StudyFolder

_KINDS = {
    "flowers": flower_document,
    "cats-and-dogs": cats_document,
    "digits": digits_document,
    "mobilenet": mobilenet_document,
    "proportions": proportions_document,
    "grid": grid_document,
}


def write_study_report(folder: Path, *, html: bool, pdf: bool) -> list[Path]:
    """Writes `report.html`, `report.pdf` or both into a study folder, and `figures/*.svg`.

    Args:
        folder: of a study that went through to its conclusions.

    Returns:
        The paths of page and PDF, as far as they were asked for.

    Raises:
        InputError: the study is not finished, or of a kind this version does not know.
    """
    study = StudyFolder(folder)
    document = study_document(study)
    for block in document.blocks():
        if isinstance(block, Figure):
            write_text(study.path / "figures" / f"{block.label}.svg", block.svg)
    written = []
    if html:
        write_text(study.html, document_html(document))
        written.append(study.html)
    if pdf:
        document_pdf(document, study.pdf)
        written.append(study.pdf)
    return written


def study_document(study: StudyFolder) -> Document:
    """The report of a finished study as a document.

    Raises:
        InputError: the study is not finished, or of a kind this version does not know.
    """
    facts = study.facts()
    if not facts.get("complete"):
        raise InputError(
            f"{study.path} is no finished study, so there is nothing to report yet.",
            expected="a folder made by `regraft study`",
            hint=f"regraft study --resume {study.path}" if facts else None,
        )
    if facts["kind"] not in _KINDS:
        raise InputError(
            f"{study.path} is a study of a kind this version does not know.",
            expected=" or ".join(_KINDS),
            received=str(facts["kind"]),
        )
    return _KINDS[facts["kind"]](study)
