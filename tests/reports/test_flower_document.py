from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from checked_texts import check_document, checked, plain, texts_of
from made_studies import (
    FACTS,
    GOOD,
    NAN,
    agreed,
    cost,
    costs,
    flower_grid,
    leave_out_the_drawing,
    made_flowers,
    made_run,
    scattered,
    two_ways,
)
from small_studies import leave_out_the_model, leave_out_the_slow_facts, train_on_features

import regraft
from regraft.reports.document import Document
from regraft.reports.flower_document import flower_document
from regraft.reports.pdf import document_pdf
from regraft.runs.folder import RunFolder

CLASSES = ("[[cut]]", "<b>$x_1", "#import", "roses", "tulips")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """The first cell and the recommended run of all studies here, with classes that mean something to a typesetter."""
    return made_run(tmp_path_factory.mktemp("flowers") / "run", classes=CLASSES)


def clear() -> np.ndarray:
    means = np.full(16, 0.6)
    means[8:12] = 0.7, 0.71, 0.9, 0.5
    return scattered(means)


def some_lost() -> np.ndarray:
    accuracy = scattered(GOOD)
    accuracy[12:], accuracy[7, 2] = NAN, NAN
    return accuracy


def one_left() -> np.ndarray:
    accuracy = np.full((16, 3), NAN)
    accuracy[6] = 0.8, 0.82, 0.81
    return accuracy


def no_rate() -> np.ndarray:
    accuracy = scattered(GOOD)
    accuracy[::4] = NAN
    return accuracy


OUTCOMES: dict[str, Any] = {
    "usual": scattered(GOOD),
    "clear winner": clear(),
    "tie": np.full((16, 3), 0.85),
    "at chance": scattered(np.full(16, 0.2)),
    "everything diverged": np.full((16, 3), NAN),
    "some diverged": some_lost(),
    "one is left": one_left(),
    "no learning rate is left": no_rate(),
    "all right": np.ones((16, 2)),
    "one repetition": scattered(GOOD, 1),
    "one repetition, everything diverged": np.full((16, 1), NAN),
}
BOTH = {"first": two_ways(), "momenta": two_ways((0.5, 0.9), momenta=True)}
STANDARD: dict[str, dict[str, Any]] = {
    "refused": {"refused": "Keras cannot train with its openvino backend.\n  To do: set KERAS_BACKEND"},
    "quick": {"both_ways": {"first": two_ways()}, "agreement": [agreed(epochs=1)], "quick": True},
    "full": {"both_ways": BOTH, "agreement": [agreed(), agreed("lr 0.1, momentum 0.5", epochs=4)]},
    "disagreeing": {"both_ways": BOTH, "agreement": [agreed(accuracy=0.2, weights=None)]},
    "diverged": {"both_ways": {"first": two_ways(lost=(0, 1))}, "quick": True},
}
SCALING: dict[str, list[dict[str, Any]]] = {
    "costs": costs((0.8, 0.85, 0.86, 0.84), (0.6, 0.7, 0.7, 0.6), (0.001,) * 4, 0.001),
    "no difference": costs((0.8, 0.85, 0.86, 0.84), (0.8, 0.85, 0.86, 0.84), (1.0,) * 4, 1.0),
    "better": costs((0.8, 0.85), (0.9, 0.95), (0.001, 0.001), 0.001),
    "not comparable": [],
    "not tested": [cost("learning rate 0.1", 0.8, 0.7, None)],
}
CASES = [
    *((outcome, standard, "costs") for outcome, standard in zip(OUTCOMES, list(STANDARD) * 3, strict=False)),
    *(("usual", standard, "no difference") for standard in STANDARD),
    *(("clear winner", "full", scaling) for scaling in SCALING),
]


@pytest.mark.parametrize(("outcome", "standard", "scaling"), CASES)
def test_the_document_of_any_outcome_reads_well(
    tmp_path: Path, run: RunFolder, outcome: str, standard: str, scaling: str, monkeypatch: pytest.MonkeyPatch
):
    """And refers to each of its figures and tables, and to nothing else."""
    leave_out_the_drawing(monkeypatch)
    grid = flower_grid(OUTCOMES[outcome])
    study = made_flowers(tmp_path, grid, run=run, scaling=SCALING[scaling], **STANDARD[standard])
    document = flower_document(study)
    numbers = check_document(document)
    assert {"cut", "rates", "momenta", "heat", "images", "confusion"} <= set(numbers)
    assert ("agreement" in numbers) == bool(STANDARD[standard].get("agreement"))
    assert ("scaling" in numbers) == bool(SCALING[scaling])
    for text in texts_of(document):
        assert "[[cut]]" not in text.replace("([[cut]])", "")


def abstract(folder: Path, run: RunFolder, outcome: str, **options: Any) -> str:
    study = made_flowers(folder, flower_grid(OUTCOMES[outcome]), run=run, **options)
    return checked(flower_document(study).abstract)


def test_the_abstract(tmp_path: Path, run: RunFolder, monkeypatch: pytest.MonkeyPatch):
    leave_out_the_drawing(monkeypatch)
    start = (
        "A network trained on ImageNet was given a new last layer, and only that layer was trained, to tell five kinds "
        "of flowers apart. In four repetitions, 16 combinations of learning rate and momentum were compared."
    )
    test = (
        "On 30 test images that took part in no choice, this setting reaches 86.7 % (95 % interval 70.3 % to 94.7 %)."
    )
    full = abstract(tmp_path / "full", run, "clear winner", scaling=SCALING["costs"], **STANDARD["quick"])
    assert full == (
        f"{start} The highest mean validation accuracy, 89.2 %, was reached with “learning rate 0.1, momentum 0.9”. "
        f"{test} Inputs scaled to 0…1 in place of the network’s own range cost 18.8 percentage points. Training on "
        "features that were computed once was about 3,000 times as fast as training through the network (42 s against "
        "0.014 s for the same trainings, measured on a shortened standard side; computing the features took 6.4 s)."
    )
    usual = abstract(tmp_path / "usual", run, "usual")
    assert "; for ten others no difference from it was found." in usual
    chance = abstract(tmp_path / "chance", run, "at chance")
    assert "; it was not shown to do better than always answering with the most frequent class." in chance
    once = abstract(tmp_path / "once", run, "one repetition")
    assert "In one repetition, 16 combinations" in once
    assert "The highest validation accuracy, 87.6 %, was reached with “learning rate 0.01, momentum 0.9”." in once
    nothing = abstract(tmp_path / "lost", run, "everything diverged", recommended=RunFolder(tmp_path))
    assert nothing.endswith("All of them diverged, so none can be recommended.")


def test_what_to_know_before_believing_a_number(tmp_path: Path, run: RunFolder, monkeypatch: pytest.MonkeyPatch):
    leave_out_the_drawing(monkeypatch)
    fallback = {"wanted": "Mobile[[cut]]", "reason": "The weights are not on this machine."}
    study = made_flowers(
        tmp_path, flower_grid(some_lost()), run=run, fallback=fallback, **STANDARD["quick"],
        backbone=FACTS["backbone"] | {"name": "EfficientNetLite0"},
    )  # fmt: skip
    document = flower_document(study)
    assert [checked(text) for text in document.warnings] == [
        "Mobile[[cut]] could not be had, so EfficientNetLite0, which comes with regraft, takes its place: The weights "
        "are not on this machine.",
        "Quick study: the training through Keras was shortened to one setting and one epoch of 800 training images, "
        "and its speed and agreement rest on no more than that.",
        "17 of 64 trainings diverged: a loss or a weight stopped being finite.",
    ]
    check_document(document)
    assert (
        made_flowers(tmp_path / "sound", flower_grid(clear()), run=run, **STANDARD["full"]).facts()["fallback"] is None
    )


def test_without_a_firm_choice_nothing_is_called_recommended(
    tmp_path: Path, run: RunFolder, monkeypatch: pytest.MonkeyPatch
):
    leave_out_the_drawing(monkeypatch)

    def recommendation(outcome: str) -> str:
        document = flower_document(made_flowers(tmp_path / outcome, flower_grid(OUTCOMES[outcome]), run=run))
        return plain(" ".join(texts_of_section(document, "Recommendation")))

    assert "The recommended combination was trained as a run of its own" in recommendation("clear winner")
    for outcome in ("at chance", "one repetition"):
        assert "The best combination was trained as a run of its own" in recommendation(outcome)
        assert "he recommended combination" not in recommendation(outcome)


def texts_of_section(document: Document, title: str) -> list[str]:
    (section,) = [section for section in document.sections if section.title == title]
    return [block.text for block in section.blocks if hasattr(block, "text")]


def test_a_real_study_end_to_end(photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Everything but what is tested elsewhere and takes many seconds: training and building networks in Keras, and
    the graph of the other scaling (so that no difference between the scalings is found)."""
    leave_out_the_model(monkeypatch)
    monkeypatch.setattr("regraft.training.standard.train_heads_standard", train_on_features)
    leave_out_the_slow_facts(monkeypatch)
    printed: list[tuple[Document, int]] = []

    def print_and_keep(document: Document, path: Path) -> None:
        printed.append((document, document_pdf(document, path)))

    monkeypatch.setattr("regraft.reports.study_report.document_pdf", print_and_keep)
    study = regraft.study(
        "flowers", images=photos, backbone="EfficientNetLite0", seeds=2, folds=2, epochs=3, standard_epochs=2,
        output=tmp_path / "study",
    )  # fmt: skip

    def no_number(name: str) -> None:
        raise AssertionError(name)

    facts = json.loads((study.path / "study.json").read_text(encoding="utf-8"), parse_constant=no_number)
    assert facts["complete"]
    assert facts["standard_refused"] is None
    assert len(facts["agreement"]) == 4
    assert [row["p"] for row in facts["scaling"]] == [1.0] * 5
    assert facts["seconds"]["total"] > facts["seconds"]["report"] > 0
    ((document, pages),) = printed
    assert pages <= 8
    numbers = check_document(document)
    assert numbers["examples"] == "Figure 1"
    assert {label for label, number in numbers.items() if number.startswith("Table")} == {
        "images", "rates", "momenta", "agreement", "scaling"
    }  # fmt: skip
    figures = {name for name, number in numbers.items() if number.startswith("Figure")} - {"examples"}
    assert {file.stem for file in (study.path / "figures").iterdir()} == figures
    assert study.pdf.read_bytes().startswith(b"%PDF-")
    page = study.html.read_text(encoding="utf-8")
    for said in ("kinds of flowers", "regraft study flowers --images", "three kinds", "Standard and accelerated"):
        assert said in page
    assert study.recommended.metrics()["images"]["test"] == 15
