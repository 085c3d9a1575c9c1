from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from checked_texts import checked
from made_cats import CLOSE, found, heads, scratch, trained_facts, tuned
from made_studies import NAN, made_run

from regraft.reports import cats_words as words
from regraft.reports.cats_found import CatsFound
from regraft.runs.folder import RunFolder


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    return made_run(tmp_path_factory.mktemp("words") / "run", classes=("[[cats]]", "dogs"))


@pytest.mark.parametrize(
    ("accuracy", "said"),
    [
        (
            CLOSE,
            "No difference between one sigmoid unit and two softmax units was found for EfficientNetLite0 and "
            "MobileNetV2: their means lie at most 0.2 percentage points apart.",
        ),
        ([[0.9, 0.91]] * 4, "their means are equal."),
        (
            [[0.90, 0.91, 0.905], [0.60, 0.61, 0.605], *CLOSE[2:]],
            "For EfficientNetLite0, one sigmoid unit did better than two softmax units, by 30.0 percentage points (p",
        ),
        (
            [[0.90], [0.91], [0.9], [0.9]],
            "For EfficientNetLite0, two softmax units did better by 1.0 percentage points, in a single repetition, "
            "which allows no test. For MobileNetV2, both did equally well, in a single repetition",
        ),
        ([[NAN] * 3, *CLOSE[1:]], "For EfficientNetLite0 a training diverged, so that nothing was compared."),
    ],
)
def test_one_unit_against_two(run: RunFolder, accuracy: Any, said: str) -> None:
    assert said in checked(words.output_finding(found(run, heads(accuracy))))


def test_one_kind_of_output_is_not_compared(run: RunFolder) -> None:
    assert words.output_finding(found(run, heads(CLOSE[:2], outputs=("softmax",)))) == ""


@pytest.mark.parametrize(
    ("accuracy", "said"),
    [
        (
            [[0.98, 0.99, 0.985], [0.985, 0.98, 0.99], [0.99, 0.985, 0.98]],
            "For MobileNetV2 no difference was found between freezing all layers and training the last 5 layers and "
            "the last 10 layers; the means are equal.",
        ),
        (
            [[0.98, 0.99, 0.985], [0.985, 0.98, 0.99], [0.80, 0.805, 0.81]],
            "For MobileNetV2, all layers frozen did better than the last 10 layers (18.0 percentage points lower, p",
        ),
        (
            [[0.98], [0.99], [0.97]],
            "MobileNetV2 reached 98.0 % with all layers frozen, 99.0 % with the last 5 layers and 97.0 % with the last "
            "10 layers on the validation images, in a single repetition, which allows no test.",
        ),
        ([[NAN]] * 3, "For MobileNetV2 every training diverged."),
    ],
)
def test_frozen_against_trained_layers(run: RunFolder, accuracy: Any, said: str) -> None:
    frozen = heads([row[: len(accuracy[0])] for row in CLOSE])
    assert said in checked(words.tuning_finding(found(run, frozen, tuned(accuracy))))


def both(run: RunFolder, **options: Any) -> CatsFound:
    return found(run, heads(), tuned(CLOSE[:3]), **options)


def test_from_scratch_with_a_difference(run: RunFolder) -> None:
    one = scratch(0.9, 0.5, best_epoch=0)
    text = checked(words.scratch_text(both(run, quick=True), one))
    assert "On the same 80 training images, MobileNetV2@96 trained from random weights for 3 epochs" in text
    assert "From scratch that is 40.0 percentage points less (95 % interval −48.0 to −32.0 points; McNemar" in text
    assert "None of these epochs had a lower validation loss than the random start" in text
    assert "This is a quick study: both were given 80 training images of 96 × 96 pixels" in text
    assert "an epoch of the head then takes 0.013 s, 3,100 times less." in checked(words.time_text(one))
    summary = words.transfer_answer(both(run, from_scratch=[one]))
    assert "transfer learning took less time and gave a higher accuracy on the same images." in summary[1]
    for paragraph in summary:
        checked(paragraph)


def test_from_scratch_without_a_difference(run: RunFolder) -> None:
    one = scratch(0.9, 0.89, p=0.6, epoch_seconds=0.01, seconds=0.03, first_epoch=True, epochs=1)
    text = checked(words.scratch_text(both(run), one))
    assert "No difference was found (95 % interval of the difference −9.0 to 7.0 points; McNemar" in text
    assert "quick" not in text
    assert "(it was the only one, so that the graph was built in it)" in checked(words.time_text(one))
    assert "times less" not in words.time_text(one)
    summary = " ".join(map(checked, words.transfer_answer(both(run, from_scratch=[one]))))
    assert "did not take less time and was not shown to give a higher accuracy." in summary
    assert "1 epoch from scratch is few" in summary
    mixed = checked(words.transfer_answer(both(run, from_scratch=[one, scratch()]))[2])
    assert "took less time for MobileNetV2@96 alone" in mixed


def test_what_was_not_trained_is_not_spoken_of(run: RunFolder) -> None:
    (text,) = words.transfer_answer(found(run, heads()))
    assert checked(text).startswith("No network was trained from scratch in this study")
    fine = " ".join(words.transfer_answer(both(run)))
    assert "an epoch of MobileNetV2 takes 0.013 s for the head alone, 2.1 s with the last 5 layers" in fine.replace(
        "\N{NARROW NO-BREAK SPACE}", " "
    ).replace("An epoch", "an epoch")


def test_the_precision_is_that_of_the_test_images(run: RunFolder) -> None:
    test = run.metrics()["test"]
    text = checked(words.precision_answer(both(run, test=test)))
    per_class = test["per_class"][0]
    answers = sum(line[0] for line in test["confusion_matrix"])
    right = test["confusion_matrix"][0][0]
    assert f"“[[cats]]” ({right} of {answers} answers right, 95 % interval" in text
    assert f"{100 * per_class['precision']:.1f} %" in text
    assert "On the validation images, the precision averaged over the classes" in text
    assert "With the last layers trained as well it was 100.0 %." in text
    assert "fine-tuning was given 3 epochs." in checked(words.precision_answer(both(run, quick=True)))


def test_a_class_that_was_never_answered_has_no_interval(run: RunFolder) -> None:
    test = run.metrics()["test"]
    test["confusion_matrix"] = [[0, 15], [0, 15]]
    test["per_class"][0]["precision"] = 0.0
    assert "no image was called “[[cats]]”" in checked(words.precision_answer(both(run, test=test)))


def test_of_many_classes_the_lowest_and_the_highest_precision(tmp_path: Path) -> None:
    many = made_run(tmp_path / "run", classes=("a", "b", "c", "d", "e"))
    gathered = found(many, heads(CLOSE[:2], outputs=("softmax",)), test=many.metrics()["test"])
    text = checked(words.precision_answer(gathered))
    assert text.count("95 % interval") == 2
    assert " up to 100.0 %" in text


def test_nothing_to_report(run: RunFolder) -> None:
    lost = found(run, heads(np.full((4, 2), NAN)))
    assert checked(words.precision_answer(lost)).startswith("No training came to its end")


def test_what_is_missing_is_said(run: RunFolder) -> None:
    missing = [{"wanted": "VGG19", "instead": None}, {"wanted": "EfficientNetB0", "instead": "EfficientNetLite0"}]
    first, second, third = map(checked, words.missing_warnings(both(run, missing=missing, quick=True)))
    assert first == "The ImageNet weights of VGG19 are not on this machine, so that it was left out."
    assert second.endswith("EfficientNetLite0, which comes with regraft, takes its place.")
    assert "only MobileNetV2 was fine-tuned" in third
    (refused,) = words.missing_warnings(found(run, heads(), refused="Keras cannot train [[here]].\nmore"))
    assert "Keras cannot train [[here]]." in checked(refused)


def test_the_limits_follow_from_the_study(run: RunFolder) -> None:
    texts = [checked(text) for text in words.limits(both(run, from_scratch=[scratch()]))]
    assert any(text.startswith("Three repetitions can show") for text in texts)
    assert any("from scratch once each" in text for text in texts)
    given = both(run).facts["collection"] | {"splits": ["train", "validation"]}
    assert "names its validation images" in checked(words.limits(both(run, collection=given))[0])


def test_the_cheaper_of_equals_is_named(run: RunFolder) -> None:
    better = [[0.98, 0.985, 0.98], [0.99, 0.995, 0.985], [0.98, 0.99, 0.985]]
    assert "freezing all layers is the cheaper choice" in checked(
        words.recommendation_words(found(run, heads(), tuned(better)))
    )
    assert words.recommendation_words(found(run, heads())) == ""
    assert trained_facts(5)["parameters"] > trained_facts()["parameters"]
    assert "favours fine-tuning" in checked(words.tuning_caution())
