from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from checked_texts import check_document, plain
from made_digits import flat, made_digits

from regraft.reports import digits_document
from regraft.reports._drawing import Drawn
from regraft.reports.digits_document import digits_document as document
from regraft.reports.document import Bullets, Code, Document, Paragraph
from regraft.reports.html import document_html
from regraft.reports.pdf import document_pdf
from regraft.reports.study_report import study_document


@pytest.fixture(autouse=True)
def leave_out_the_drawing(monkeypatch: pytest.MonkeyPatch) -> None:
    nothing = Drawn('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"/>', "A figure.", 0.5)
    for name in ("by_images", "over_runs", "during_learning"):
        monkeypatch.setattr(digits_document, name, lambda found: nothing)


def moved(size: float, runs: int = 3) -> Any:
    def finals(way: str, dropout: bool, proportion: float) -> Sequence[float]:
        away = size if way != "scratch" and proportion < 1 else -size if dropout else 0.0
        return (0.9 + away, 0.91 + away, 0.925 + away)[:runs]

    return finals


def words_of(made: Document) -> str:
    parts = [made.abstract]
    for block in made.blocks():
        parts += [block.text] if isinstance(block, Paragraph) else block.items if isinstance(block, Bullets) else []
    return plain(" ".join(parts))


OUTCOMES: dict[str, Any] = {
    "helps": (moved(0.05), False), "hurts": (moved(-0.05), False), "nothing": (flat, False),
    "two runs": (moved(0.05, 2), False), "one run": (moved(0.05, 1), False), "quick": (moved(-0.05, 1), True),
}  # fmt: skip


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_every_outcome_gives_a_sound_document(tmp_path: Path, outcome: str) -> None:
    finals, quick = OUTCOMES[outcome]
    made = document(made_digits(tmp_path / "study", finals, quick=quick))
    labels = check_document(made)
    single = outcome in ("one run", "quick")
    assert set(labels) == {
        "tasks", "network", "effort", "accuracies", "by-images", "sources", "progress", "times", "gains", "dropout",
        *([] if single else ["runs"]),
    }  # fmt: skip
    said = words_of(made)
    assert ("helped by" in said, "transfer with fixed convolutions hurt by" in said.lower()) == {
        "helps": (True, False), "hurts": (True, True), "two runs": (True, False)
    }.get(outcome, (False, False))  # fmt: skip
    assert (": negative transfer" in said) == (outcome == "hurts")
    assert ("95 % intervals" in said) == (not single)
    assert said.count("monitoring only") >= 2
    assert bool(made.warnings) == quick


def test_the_sets_are_cited_where_they_are_known_and_else_written_as_they_are(tmp_path: Path) -> None:
    made = document(made_digits(tmp_path / "digits"))
    assert "[[cite:alpaydin1998]]" in words_of(made)
    assert made.subtitle == "A small convolutional network on digits, from 10 training images on"
    mnist = document(made_digits(tmp_path / "mnist", images="mnist"))
    assert "[[cite:lecun1998]]" in words_of(mnist)
    assert "MNIST" in mnist.subtitle
    study = made_digits(tmp_path / "own", images="/home/me/[[cut]].npz")
    study.write_facts(collection=study.facts()["collection"] | {"name": "[[cut]] <b>$x_1"})
    own = document(study)
    check_document(own)
    assert "The images are [[cut]] <b>$x_1:" in words_of(own)
    assert "&lt;b&gt;" in document_html(own)
    assert document_pdf(own, tmp_path / "own.pdf") > 1


def command(made: Document) -> str:
    return next(block.text for block in made.blocks() if isinstance(block, Code))


def test_the_command(tmp_path: Path) -> None:
    study = made_digits(tmp_path / "began")
    environment = study.facts()["environment"]
    study.write_facts(environment=environment | {"command": ["regraft", "study", "digits", "--seeds", "3"]})
    assert command(document(study)) == "regraft study digits --seeds 3"
    resumed = made_digits(tmp_path / "resumed", seed=4, seeds=3, quick=True, images="mnist", path="/my data")
    resumed.write_facts(
        environment=environment | {"command": ["regraft", "study", "--resume", "x"]}, resumed=True,
    )  # fmt: skip
    made = document(resumed)
    assert command(made) == "regraft study mnist --path '/my data' --seed 4 --seeds 3 --quick"
    assert "of all its sessions together" in words_of(made)
    script = made_digits(tmp_path / "script", images="/home/me/my.npz")
    script.write_facts(environment=environment | {"command": ["run.py"]})
    assert command(document(script)) == "regraft study digits --images /home/me/my.npz"


def test_a_study_of_this_kind_has_this_report(tmp_path: Path) -> None:
    made = study_document(made_digits(tmp_path / "study"))
    assert made.title == "Transfer from the digits 0 to 5 to the digits 6 to 9"
