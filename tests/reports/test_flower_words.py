from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from checked_texts import checked
from made_studies import FACTS, GOOD, NAN, agreed, flower_grid, found_in, scattered, two_ways

from regraft.reports import flower_words as words

START = "[[first]] shows one training with the values of the assignment, learning rate 0.01 without momentum."
CACHED = (
    "In standard training F(x) is computed anew for every batch of every epoch. Accelerated training computes it once "
    "(1,000 images in 6.4 s, decoding included) and trains N on the sets {(F(x), t)}."
)
SAME = (
    "So the two ways are the same computation, apart from rounding, and what is found on cached features holds for "
    "standard training."
)


def curves(val_loss: list[float], loss: list[float] | None = None) -> words.Curves:
    """One training: its accuracy rises evenly from 50 to 80 %, and what diverged has NaN in all but the seconds."""
    losses = np.asarray(val_loss)
    lost = np.isnan(losses)
    rising = np.where(lost, NAN, np.linspace(0.5, 0.8, len(losses)))
    falling = np.linspace(1.5, 0.5, len(losses)) if loss is None else np.asarray(loss)
    return {
        "loss": np.where(lost, NAN, falling), "val_loss": losses, "accuracy": rising + 0.1, "val_accuracy": rising,
        "val_precision": rising + 0.01, "val_recall": rising, "seconds": 0.4 * np.arange(1.0, len(losses) + 1),
    }  # fmt: skip


def first(val_loss: list[float], loss: list[float] | None = None) -> str:
    return checked(words.first_text(curves(val_loss, loss)))


def test_the_first_training_in_full():
    assert first([1.5, 0.8, 0.5, 0.502, 0.505]) == (
        f"{START} After the first epoch, 50.0 % of the validation images were answered rightly; after 5 epochs, "
        "80.0 %. At the end, the training error was 10.0 % and the validation error 20.0 %. Averaged over the classes, "
        "precision was 66.0 % and recall 65.0 % at the epoch with the lowest validation loss. The validation loss was "
        "lowest at epoch 3 and had levelled off by the end. On cached features, all 5 epochs took 2.0 s, together with "
        "those of every other combination of learning rate and momentum."
    )


@pytest.mark.parametrize(
    ("val_loss", "loss", "trend"),
    [
        (
            [1.5, 1.0, 0.8, 0.6],
            None,
            "was still falling at epoch 4: the training was not at its end, and more epochs or a larger learning rate "
            "may take it further.",
        ),
        (
            [1.5, 0.5, 0.6, 0.65],
            [1.5, 0.6, 0.4, 0.2],
            "was lowest at epoch 2 and rose by 30 % afterwards, while the training loss fell further: from there on "
            "the layer learnt what is particular to the training images.",
        ),
        ([0.5, 0.7, 0.9, 1.2], [0.5, 0.4, 0.3, 0.2], "was lowest at epoch 1 and rose to 2.4 times that value"),
        (
            [1.5, 0.5, 40, 2000],
            [1.5, 0.6, 30, 1800],
            "was lowest at epoch 2 and rose to 4,000 times that value afterwards, and the training loss rose with it: "
            "the steps were too large to settle.",
        ),
        ([0.5, 0.0, 0.0, 0.0], None, "was lowest at epoch 2 and had levelled off by the end."),
    ],
)
def test_where_the_validation_loss_of_the_first_training_went(
    val_loss: list[float], loss: list[float] | None, trend: str
):
    assert f"The validation loss {trend}" in first(val_loss, loss)


def test_a_first_training_of_one_epoch_has_no_trend():
    assert first([0.5]) == (
        f"{START} After its only epoch, 50.0 % of the validation images were answered rightly. At the end, the "
        "training error was 40.0 % and the validation error 50.0 %. Averaged over the classes, precision was 51.0 % "
        "and recall 50.0 % at the epoch with the lowest validation loss."
    )


def test_a_first_training_that_diverged():
    late = first([0.9, 0.7, NAN, NAN])
    assert "after 2 epochs, 60.0 %. In epoch 3 the training diverged: a loss or a weight stopped being finite." in late
    assert "Before that, the training error was 30.0 % and the validation error 40.0 %." in late
    assert "validation loss was" not in late
    assert "of the validation images were answered rightly. In epoch 2 the training diverged" in first([0.9, NAN, NAN])
    assert first([NAN, NAN]) == (
        "The training with the values of the assignment, learning rate 0.01 without momentum, diverged in its first "
        "epoch, so that there are no curves to show."
    )


def test_why_there_is_no_standard_training():
    assert checked(words.refused_text("it was left out")) == (
        "No training was done through Keras (it was left out), so the two ways were not compared in this study."
    )
    error = "Training through Keras needs an optional package [[cut]].\n  To do: pip install it"
    assert "needs an optional package [[cut]]), so" in checked(words.refused_text(error))
    assert "[[cut]]" not in words.refused_text(error)


def agreement(folder: Path, *rows: dict[str, Any], quick: bool = False, **facts: Any) -> str:
    both = {"first": two_ways(), "momenta": two_ways((0.5, 0.9), momenta=True)}
    found = found_in(folder, flower_grid(scattered(GOOD)), both_ways=both, agreement=rows, quick=quick)
    return checked(words.agreement_text(found, FACTS | facts))


def test_both_ways_agree(tmp_path: Path):
    rows = [agreed(), agreed("lr 0.1, momentum 0.5", weights=8e-5, accelerated_seconds=0.02)]
    assert agreement(tmp_path, *rows) == (
        f"{CACHED} [[agreement]] and [[both-ways]] compare both ways, from the same initial weights on the same "
        "batches. No weight differs by more than 8.0·10⁻⁵, where the largest weight is 1.2; the validation accuracy is "
        f"equal at every epoch. {SAME} Training on features that were computed once was about 2,500 times as fast as "
        "training through the network (1 min 25 s against 0.034 s for the same trainings). At the measured 118 images "
        "a second, the 64 trainings of the whole grid would have taken some 36 min 16 s through Keras (extrapolated); "
        "on cached features they took 17 s, together with those under the other scaling and with recording them all."
    )


def test_a_shortened_standard_side_is_called_so_wherever_it_is_spoken_of(tmp_path: Path):
    text = agreement(tmp_path, agreed(epochs=1), quick=True)
    assert "The standard side of this study was shortened to one setting and one epoch of 800 training images." in text
    assert "[[agreement]] compares both ways" in text
    assert "for the same trainings, measured on a shortened standard side)" in text
    assert "both-ways" not in text
    assert "some 3.0 hours through Keras" in text


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"weights": 0.3, "accuracy": 0.12},
            "No weight differs by more than 0.3, where the largest weight is 1.2; the validation accuracy differs by "
            "at most 12.0 percentage points at any epoch. So the two ways do not give the same result here, and what "
            "is found on cached features must not be taken over to standard training.",
        ),
        ({"weights": None}, f"The validation accuracy is equal at every epoch. {SAME}"),
        ({"weights": 0.0}, "All weights are equal; the validation accuracy is equal at every epoch."),
        ({"accuracy": 0.005}, f"the validation accuracy differs by at most 0.5 percentage points at any epoch. {SAME}"),
        ({"accuracy": 0.0004}, "the validation accuracy differs by less than 0.1 percentage points at every epoch."),
        (
            {"same_images": False},
            "at every epoch. Yet the two ways did not train on the same images, so that nothing follows from this.",
        ),
    ],
)
def test_how_far_the_two_ways_lie_apart(tmp_path: Path, changes: dict[str, Any], said: str):
    assert said in agreement(tmp_path, agreed(**changes))


def test_nothing_came_to_its_end_both_ways(tmp_path: Path):
    assert agreement(tmp_path) == f"{CACHED} No training came to its end both ways, so there is nothing to compare."


def test_features_of_an_earlier_run(tmp_path: Path):
    features = FACTS["features"] | {"computed": 0}
    assert "(1,000 images, read from the cache of an earlier run)" in agreement(tmp_path, agreed(), features=features)


@pytest.mark.parametrize(
    ("standard", "accelerated", "said"),
    [
        (665.0, 0.0312, "about 21,000 times as fast as training through the network (11 min 5 s against 0.031 s for"),
        (0.0642, 0.0201, "3.2 times as fast as training through the network (0.064 s against 0.020 s for"),
        (0.01, 0.02, "no faster than training through the network (0.010 s against 0.020 s for"),
        (42.5, 0.0001, "about 420,000 times as fast as training through the network (42 s against under 0.001 s for"),
        (9.97, 1.0, "about 10 times as fast as"),
    ],
)
def test_the_speed_to_two_digits(tmp_path: Path, standard: float, accelerated: float, said: str):
    row = agreed(standard_seconds=standard, accelerated_seconds=accelerated)
    found = found_in(tmp_path, flower_grid(scattered(GOOD)), both_ways={"first": two_ways()}, agreement=[row])
    text = checked(words.speed_sentence(found, FACTS["features"]))
    assert text.startswith(f"Training on features that were computed once was {said}")
    assert text.endswith("for the same trainings; computing the features took 6.4 s).")


def test_heads_trained_at_once_share_their_time(tmp_path: Path):
    """Two groups: 100 s in all through Keras; the second group took 0.2 s for both of its heads together."""
    rows = [
        agreed("lr 0.01", standard_seconds=50.0, accelerated_seconds=0.3),
        agreed("lr 0.1, momentum 0.5", standard_seconds=25.0, accelerated_seconds=0.2),
        agreed("lr 0.1, momentum 0.9", standard_seconds=25.0, accelerated_seconds=0.2),
    ]
    both = {"first": two_ways(), "momenta": two_ways((0.5, 0.9), momenta=True)}
    found = found_in(tmp_path, flower_grid(scattered(GOOD)), both_ways=both, agreement=rows)
    assert "about 200 times as fast" in words.speed_sentence(found)


def test_no_speed_without_a_standard_training_or_a_time(tmp_path: Path):
    grid = flower_grid(scattered(GOOD))
    assert words.speed_sentence(found_in(tmp_path / "a", grid, refused="left out")) == ""
    row = agreed(accelerated_seconds=0.0)
    assert words.speed_sentence(found_in(tmp_path / "b", grid, both_ways={"first": two_ways()}, agreement=[row])) == ""


def grid_text(folder: Path, accuracy: Any) -> str:
    return checked(words.grid_text(found_in(folder, flower_grid(accuracy))))


TRIED = (
    "On cached features all combinations cost hardly more than one, so every momentum was tried at every learning rate,"
)
STEPWISE = "Looking for the learning rate first and for the momentum afterwards"


def test_step_by_step_leads_to_the_same(tmp_path: Path):
    clear = np.full(16, 0.6)
    clear[8:12] = 0.7, 0.71, 0.9, 0.6
    assert grid_text(tmp_path, scattered(clear)) == (
        f"{TRIED} as [[heat]] and [[boxes]] show. {STEPWISE}, as above, leads to the same combination as the whole "
        "grid."
    )


def test_what_step_by_step_misses(tmp_path: Path):
    accuracy = scattered(np.full(16, 0.6))
    accuracy[8] = 0.74, 0.75, 0.76, 0.75

    def grid_with(*added: float) -> str:
        accuracy[2] = accuracy[8] + added
        return grid_text(tmp_path / f"{added}", accuracy)

    best = "over the whole grid, “learning rate 0.001, momentum 0.9”"
    assert grid_with(0.14, 0.15, 0.16, 0.15).endswith(
        f"{STEPWISE} led to “learning rate 0.1, momentum 0”; {best} does better by 15.0 percentage points, which is "
        "more than chance."
    )
    assert grid_with(-0.03, 0.02, 0.01, 0.02).endswith(
        "by 0.5 percentage points, which was not shown to be more than chance."
    )
    assert grid_with(-0.01, 0.01, 0.0, 0.0).endswith(f"{best} has the same mean accuracy.")
    once = grid_text(tmp_path / "once", accuracy[:, 1:2])
    assert once.endswith(f"{best} does better by 1.0 percentage points, in a single repetition, which allows no test.")


def test_a_grid_of_which_nothing_is_left(tmp_path: Path):
    assert grid_text(tmp_path / "lost", np.full((16, 3), NAN)) == f"{TRIED} as [[heat]] shows."
    only_slow = scattered(GOOD)
    only_slow[4:8] = only_slow[[0, 8, 12]] = NAN  # no learning rate without momentum, no momentum at 0.01
    assert grid_text(tmp_path / "some", only_slow) == f"{TRIED} as [[heat]] and [[boxes]] show."


def test_combinations_that_never_diverged_from_the_best_down(tmp_path: Path):
    accuracy = scattered(GOOD)
    accuracy[6, 2] = NAN
    found = found_in(tmp_path, flower_grid(accuracy))
    order = words.sound_best_first(found)
    assert sorted(order) == [row for row in range(16) if row != 6]
    assert (np.diff(accuracy[order].mean(axis=1)) <= 1e-12).all()
