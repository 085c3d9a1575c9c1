from __future__ import annotations

from pathlib import Path

import pytest
from checked_texts import checked
from made_mobilenet import RIGHT, found_mobilenet, four_steps, step

from regraft.reports import mobilenet_words as words
from regraft.reports.mobilenet_found import MobileNetFound


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> MobileNetFound:
    return found_mobilenet(tmp_path_factory.mktemp("made") / "study")


def test_a_difference_is_said_to_be_one_only_where_the_test_says_so(found: MobileNetFound) -> None:
    better = checked(words.difference(found, "new-head", "fine-tuned"))
    assert better.startswith("Fine-tuned, it answers 7.0 percentage points more of the images rightly than with a new")
    assert "p = 0.016" in better  # seven fair coins alike, twice 1/128; the largest of six p values, so times one
    pair = found.pair("scratch", "new-head")
    assert pair is not None
    assert "35.0 percentage points more" in checked(words.difference(found, "scratch", "new-head"))


def test_equal_stages_are_no_different_and_worse_ones_worse(tmp_path: Path) -> None:
    found = found_mobilenet(
        tmp_path / "study", right={"untrained": 34, "scratch": 32, "new-head": 90, "fine-tuned": 60}
    )
    none = checked(words.difference(found, "untrained", "scratch"))
    assert none.startswith("No difference was found between the network trained from scratch and untrained: −2.0 perc")
    assert "30.0 percentage points fewer" in checked(words.difference(found, "new-head", "fine-tuned"))


@pytest.mark.parametrize(("right", "said"), [(34, "agrees with"), (10, "less than"), (60, "more than")])
def test_whether_the_untrained_network_guesses(tmp_path: Path, right: int, said: str) -> None:
    found = found_mobilenet(tmp_path / "study", right={**RIGHT, "untrained": right}, dogs=None)
    assert said in checked(words.untrained_words(found))


def test_what_each_step_came_to() -> None:
    first, second, third, fourth = map(words.step_words, four_steps())
    assert "had its lowest validation loss after its last epoch, 2" in checked(first)
    assert "was best after epoch 1 and ended 2 epochs later, its validation loss at 0.550 after 0.500" in checked(
        second
    )
    assert "while the training loss had fallen from 0.500 to 0.250" in second
    assert "no epoch had a lower validation loss than the start; after 2 epochs it ended" in checked(third)
    assert "It was stepped back to its best epoch." in checked(fourth)
    at_end = step(1, [1.0, 0.5, 0.6], stopped_early=False)
    assert "came to the end of its 30 epochs; the best was epoch 1" in checked(words.step_words(at_end))
    lost = step(1, [1.0, 0.5, 0.6])
    lost.history[-1]["loss"] = None
    assert "diverged in epoch 2" in checked(words.step_words(lost))


def test_overfitting_is_a_validation_loss_that_rises_while_the_training_loss_falls(found: MobileNetFound) -> None:
    assert [words.overfits(one) for one in found.steps] == [False, True, True, True]
    flat = step(2, [0.6, 0.5, 0.5, 0.5], best_epoch=1)
    assert not words.overfits(flat)
    rising = step(2, [0.6, 0.5, 0.52, 0.55])
    rising.history[-1]["loss"] = 2.0
    assert not words.overfits(rising)
    checked(words.overfitting_words(found))


def test_every_sentence_of_a_whole_study(found: MobileNetFound) -> None:
    transfer = checked(words.transfer_words(found))
    assert (
        "The new head took 3.0 s, features included, training from scratch 10 min 1 s: 200 times as long." in transfer
    )
    assert "lowest after epoch 33 of 40" in checked(words.scratch_words(found))
    assert "from 70.0 % after the first step to 80.0 % after the fourth" in checked(words.tuning_words(found))
    dogs = checked(words.dogs_words(found))
    assert "it answers all but one rightly, 99.0 %" in dogs
    assert "34.0 % untrained, 50.0 % trained from scratch, 85.0 %" in checked(words.summary(found))
    for text in words.limits(found):
        checked(text)
    assert words.warnings(found) == ()


@pytest.mark.parametrize(
    ("network", "pixels", "usual"),
    [
        ("MobileNet@160", 160, "224 × 224, where accuracies may be higher; training all layers takes about 2.0 times"),
        ("EfficientNetLite1@160", 160, "240 × 240"),
        ("MobileNet", 224, None),
        ("a/saved.keras", 160, None),
    ],
)
def test_what_the_network_was_pretrained_with(tmp_path: Path, network: str, pixels: int, usual: str | None) -> None:
    found = found_mobilenet(tmp_path / "study", dogs=None)
    found.facts["backbone"].update(name=network, size=[pixels, pixels])
    said = [text for text in words.limits(found) if "was pretrained at" in text]
    assert [usual in checked(text) for text in said] == ([] if usual is None else [True])


def test_what_was_left_out_or_replaced_is_said(tmp_path: Path) -> None:
    right = {stage: count for stage, count in RIGHT.items() if stage != "scratch"}
    found = found_mobilenet(
        tmp_path / "study", right=right, dogs=None, settings={"quick": True}, missing="MobileNet@[[cut]]"
    )
    said = [checked(text) for text in words.warnings(found)]
    assert [text.split(" ")[0] for text in said] == ["The", "Quick", "The"]
    assert checked(words.dogs_words(found)) == "Dogs against flowers was left out: no folder of dogs was given."
    assert "was not trained from scratch" in checked(words.transfer_words(found))
    assert words.difference(found, "untrained", "scratch") == ""
    checked(words.summary(found))
