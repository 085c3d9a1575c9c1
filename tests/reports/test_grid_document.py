from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from checked_texts import check_document, checked, plain
from made_studies import NAN, leave_out_the_drawing, made_grid, made_run, scattered

from regraft.reports.document import Bullets, Code, Document, Figure, Paragraph, Section
from regraft.reports.grid_document import grid_document
from regraft.runs.folder import RunFolder

CLASSES = ("[[cut]]", "<b>$x_1", "#import")
ONE = {"head.learning_rate": (0.01, 0.1, 1.0)}
TWO = {"head.learning_rate": (0.01, 0.1, 1.0), "head.momentum": (0.0, 0.9)}
THREE = {"head.learning_rate": (0.01, 0.1), "head.momentum": (0.0, 0.9), "images.validation": (0.1, 0.2)}
MANY = {"head.learning_rate": tuple(0.001 * 2.0**power for power in range(10)), "head.momentum": (0.0, 0.9)}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    return made_run(tmp_path_factory.mktemp("grids") / "run", classes=CLASSES)


@pytest.fixture
def _no_drawing(monkeypatch: pytest.MonkeyPatch) -> None:
    leave_out_the_drawing(monkeypatch)


def clear(settings: int) -> np.ndarray:
    means = np.full(settings, 0.6)
    means[1] = 0.9
    return scattered(means)


def partly(settings: int) -> np.ndarray:
    accuracy = clear(settings)
    accuracy[0], accuracy[-1, 2] = NAN, NAN
    return accuracy


CASES: dict[str, tuple[Any, dict[str, Any]]] = {
    "clear winner": (clear(6), TWO),
    "tie": (np.full((6, 3), 0.85), TWO),
    "at chance": (scattered(np.full(6, 0.2)), TWO),
    "everything diverged": (np.full((6, 3), NAN), TWO),
    "some diverged": (partly(6), TWO),
    "one repetition": (clear(6)[:, :1], TWO),
    "one repetition, everything diverged": (np.full((3, 1), NAN), ONE),
    "one setting": (clear(3)[1:2], {}),
    "one setting, one repetition": ([[0.9]], {}),
    "one setting, diverged": ([[NAN, NAN]], {}),
    "two settings": (clear(2), {"head.momentum": (0.0, 0.9)}),
    "two settings, one diverged": ([[NAN, NAN], [0.9, 0.8]], {"head.momentum": (0.0, 0.9)}),
    "three axes": (clear(8), THREE),
    "three axes, everything diverged": (np.full((8, 2), NAN), THREE),
    "many settings": (scattered(np.linspace(0.5, 0.9, 20)), MANY),
    "many settings, most diverged": (np.where(np.arange(20)[:, None] < 19, NAN, scattered(np.full(20, 0.9))), MANY),
}


@pytest.mark.usefixtures("_no_drawing")
@pytest.mark.parametrize("case", CASES)
def test_the_document_of_any_outcome_reads_well(tmp_path: Path, run: RunFolder, case: str):
    """And refers to each of its figures and tables, and to nothing else."""
    accuracy, axes = CASES[case]
    document = grid_document(made_grid(tmp_path, accuracy, axes, run))
    numbers = check_document(document)
    assert {"settings", "images", "boxes", "cut", "confusion"} <= set(numbers)
    effects = [label for label in numbers if label.startswith("effect-")]
    everything = bool(np.isnan(np.asarray(accuracy)).all())
    assert len(effects) == (len(axes) if len(axes) > 1 and not everything else 0)
    assert ("reliability" in numbers) == bool(conclusive(accuracy))
    for text in running_text(document):
        assert "[[cut]]" not in text.replace("([[cut]])", "")


def conclusive(accuracy: Any) -> bool:
    sound = np.isfinite(np.asarray(accuracy)).all(axis=1)
    return bool(sound.sum() > 1 and np.shape(accuracy)[1] > 1)


def running_text(document: Document) -> Iterator[str]:
    yield document.abstract
    for block in document.blocks():
        if isinstance(block, Paragraph):
            yield block.text


def section(document: Document, title: str) -> Section:
    return next(section for section in document.sections if section.title == title)


def said(document: Document, title: str) -> str:
    return plain(" ".join(block.text for block in section(document, title).blocks if isinstance(block, Paragraph)))


@pytest.mark.parametrize("case", ["everything diverged", "some diverged", "one repetition", "one setting"])
def test_the_figures_of_odd_outcomes_can_be_drawn(tmp_path: Path, run: RunFolder, case: str):
    accuracy, axes = CASES[case]
    document = grid_document(made_grid(tmp_path, accuracy, axes, run))
    check_document(document)
    assert all("<svg" in block.svg for block in document.blocks() if isinstance(block, Figure))


@pytest.mark.usefixtures("_no_drawing")
def test_the_head_of_the_report(tmp_path: Path, run: RunFolder):
    study = made_grid(tmp_path, clear(6), TWO, run, name="My <b>study", question="Which [[cut]]?")
    document = grid_document(study)
    assert document.title == "My <b>study"
    assert document.subtitle == "6 settings, 4 repetitions, photos"
    assert checked(document.abstract).startswith(
        "Six settings were compared on validation images in four repetitions (24 trainings). Of the six settings tried,"
    )
    assert plain(document.abstract).endswith(
        "On 30 test images that took part in no choice, the best setting reaches 86.7 % (95 % interval 70.3 % to "
        "94.7 %)."
    )
    question, axes = section(document, "Question").blocks
    assert isinstance(question, Paragraph)
    assert plain(question.text) == "Which [[cut]]?"
    assert "[[cut]]" not in question.text
    assert axes == Bullets(("learning rate: 0.01, 0.1, 1", "momentum: 0, 0.9"))
    assert section(document, "How to reproduce").blocks[1] == Code("regraft study flowers --images 'my photos'")


@pytest.mark.usefixtures("_no_drawing")
def test_a_study_of_one_setting(tmp_path: Path, run: RunFolder):
    document = grid_document(made_grid(tmp_path, clear(3)[1:2], {}, run))
    assert checked(document.abstract).startswith(
        "One setting was trained in four repetitions. The only setting tried, as configured, reached a mean validation "
        "accuracy of"
    )
    assert "in no choice, it reaches 86.7 %" in plain(document.abstract)
    question, axes = section(document, "Question").blocks
    assert isinstance(question, Paragraph)
    assert question.text == "How well does one setting classify images, and how much does that vary?"
    assert axes == Bullets(("Nothing varies: the study repeats one setting.",))
    assert "The setting was trained as a run of its own" in said(document, "Recommendation")


def method(folder: Path, run: RunFolder, axes: dict[str, tuple[Any, ...]], **options: Any) -> str:
    settings = int(np.prod([len(values) for values in axes.values()]))
    document = grid_document(made_grid(folder, np.full((settings, 2), 0.8), axes, run, **options))
    check_document(document)
    return said(document, "Method")


@pytest.mark.usefixtures("_no_drawing")
def test_how_it_was_trained(tmp_path: Path, run: RunFolder):
    fixed = {"nesterov": [False], "momentum": [0.9], "weight_decay": [0.0]}
    assert method(tmp_path / "a", run, ONE, head=fixed).startswith(
        "The pretrained network, EfficientNetLite0 [[cite:tan2019]], was cut in two before its last layer ([[cut]]): a "
        "frozen part F and a trained part N, so that the classifier is N(F(x)). F was applied to every image once, and "
        "N was trained on the cached features F(x) for 4 epochs. N is a Dense layer, trained by stochastic gradient "
        "descent with momentum [[cite:sutskever2013]] from Glorot-uniform initial weights [[cite:glorot2010]]. It is "
        "measured at the epoch with the lowest validation loss. Within a repetition,"
    )
    standard = method(tmp_path / "b", run, ONE, head=fixed | {"standard": True})
    assert "N was trained through Keras, with F(x) computed anew in every epoch for 4 epochs." in standard
    both = method(tmp_path / "c", run, {**ONE, "head.standard": (True, False)}, head=fixed)
    assert (
        "In standard training, N was trained through Keras, with F(x) computed anew in every epoch; otherwise F was "
        "applied to every image once, and N was trained on the cached features F(x), in both cases for 4 epochs."
    ) in both
    assert "for up to 4 epochs." in method(tmp_path / "d", run, {"head.epochs": (2, 4)}, head=fixed)
    several = method(tmp_path / "e", run, {"head.batch_size": (8, 16)}, head=fixed | {"learning_rate": [0.1, 1.0]})
    assert (
        "Where a setting leaves several heads to choose from, the lowest validation loss chose among them." in several
    )


@pytest.mark.usefixtures("_no_drawing")
def test_several_networks_are_named_and_cited(tmp_path: Path, run: RunFolder):
    text = method(tmp_path / "networks", run, {"backbone.name": ("EfficientNetLite0", "MobileNetV2", "EfficientNetB0")})
    assert text.startswith(
        "The networks EfficientNetLite0 [[cite:tan2019]], MobileNetV2 [[cite:sandler2018]] and EfficientNetB0 "
        "[[cite:tan2019]] were each cut in two before its last layer: a frozen part"
    )
    own = method(tmp_path / "images", run, {"images.source": ("photos", "others")})
    assert "([[cut]])" not in own
    document = grid_document(made_grid(tmp_path / "two", clear(2), {"images.source": ("photos", "others")}, run))
    assert document.subtitle == "2 settings, 4 repetitions"


@pytest.mark.usefixtures("_no_drawing")
def test_what_the_figures_are_called(tmp_path: Path, run: RunFolder):
    def captions(case: str) -> dict[str, str]:
        accuracy, axes = CASES[case]
        blocks = grid_document(made_grid(tmp_path / case, accuracy, axes, run)).blocks()
        return {block.label: checked(block.caption) for block in blocks if isinstance(block, Figure)}

    few = captions("clear winner")
    assert few["boxes"] == "Validation accuracy in every repetition."
    assert few["effect-2"] == "Mean validation accuracy by momentum, with 95 % intervals."
    assert few["heat"] == "Mean validation accuracy by learning rate and momentum."
    assert "[[settings]]" not in few["curves"]
    many = captions("many settings")
    assert many["boxes"] == "Validation accuracy in every repetition, for the first 12 settings of [[settings]]."
    assert "against epochs, for the first six settings of [[settings]]. Lines are" in many["curves"]
    left = captions("many settings, most diverged")
    assert "against epochs, for the first setting of [[settings]]. Lines are" in left["curves"]
    assert captions("three axes")["heat"].endswith("by learning rate and momentum. All other axes are averaged.")
    assert captions("some diverged")["effect-1"].endswith("intervals; 5 trainings that diverged left out.")
    assert captions("one repetition")["boxes"] == "Validation accuracy of each setting."
    assert captions("one repetition")["effect-1"] == "Mean validation accuracy by learning rate."


@pytest.mark.usefixtures("_no_drawing")
def test_the_text_names_the_figures(tmp_path: Path, run: RunFolder):
    document = grid_document(made_grid(tmp_path / "three", clear(8), THREE, run))
    assert "[[settings]] lists the settings, [[boxes]] shows how far the repetitions scatter and [[curves]]" in said(
        document, "Results"
    )
    axes = said(document, "The axes one by one")
    assert axes.startswith(
        "[[effect-1]], [[effect-2]] and [[effect-3]] compare the values of each axis, averaged over all values of the "
        "other axes."
    )
    assert "[[heat]] shows how learning rate and momentum act together." in axes
    once = grid_document(made_grid(tmp_path / "once", clear(6)[:, :1], TWO, run))
    assert "[[boxes]] shows the accuracies" in said(once, "Results")
    assert "These numbers are those of the first setting." in said(document, "Data and split")


@pytest.mark.usefixtures("_no_drawing")
def test_the_recommendation(tmp_path: Path, run: RunFolder):
    def recommended(case: str) -> str:
        accuracy, axes = CASES[case]
        return said(grid_document(made_grid(tmp_path / case, accuracy, axes, run)), "Recommendation")

    clearly = recommended("clear winner")
    assert clearly.startswith("The recommended setting is “learning rate 0.01, momentum 0.9”.")
    assert "At the edge of what was tried are the learning rate (0.01, the smallest) and the momentum (0.9," in clearly
    assert "The recommended setting was trained as a run of its own" in clearly
    for case in ("at chance", "one repetition"):
        assert "The best setting was trained as a run of its own" in recommended(case)


@pytest.mark.usefixtures("_no_drawing")
def test_a_study_without_a_recommended_run(tmp_path: Path, run: RunFolder):
    study = made_grid(tmp_path, np.full((6, 2), NAN), TWO, run, recommended=RunFolder(tmp_path / "recommended"))
    document = grid_document(study)
    assert "confusion" not in check_document(document)
    assert checked(document.warnings[0]).startswith("All 12 trainings diverged:")
    assert said(document, "Recommendation").startswith(
        "No setting can be recommended, because all six settings diverged"
    )
