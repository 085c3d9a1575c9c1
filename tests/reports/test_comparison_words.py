from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from made_results import made_results

from regraft.reports import comparison_words as words
from regraft.reports._words import THIN
from regraft.studies.conclusions import Conclusion, conclude

NAN = math.nan
BEST = [0.88, 0.91, 0.90, 0.92, 0.89]
FAR = [0.585, 0.605, 0.61, 0.62, 0.58]
NEAR = [0.875, 0.885, 0.91, 0.91, 0.87]
CHANCE = [0.19, 0.21, 0.195, 0.21, 0.195]
LOST_TWICE = [0.8, NAN, 0.8, NAN, 0.8]


def concluded(*rows: Any, **options: Any) -> Conclusion:
    return conclude(made_results(rows, **options))


def recommended(*rows: Any, labels: list[str] | None = None, **called: str) -> str:
    return words.recommendation(concluded(*rows, labels=labels), **called).replace(THIN, " ")


def test_the_recommended_setting_and_how_firm_the_choice_is():
    assert recommended(FAR, BEST, labels=["momentum 0.5", "momentum 0.9"], subject="momentum") == (
        "The recommended momentum is 0.9. When the repetitions are resampled with replacement (bootstrap), the same "
        "momentum comes out best in 100.0 % of the cases."
    )


def test_the_equals_that_may_be_used_instead():
    assert "No difference from it was found for B, which may be used instead." in recommended(BEST, NEAR, FAR)
    two = recommended(BEST, NEAR, NEAR)
    assert "No difference from it was found for B and C, either of which may be used instead." in two
    three = recommended(BEST, NEAR, NEAR, NEAR, CHANCE)
    assert "No difference from it was found for B, C and D, any of which may be used instead." in three
    many = recommended(BEST, *[NEAR] * 38, CHANCE)
    assert "No difference from it was found for 38 settings; of these, B, C and D come closest, with" in many
    assert "and may be used instead." in many
    assert len(many) < 400


def test_a_choice_that_is_not_firm_is_called_so():
    rows = [0.9 + np.roll([-4, -2, 0, 2, 4], shift) / 200 for shift in range(5)]
    assert recommended(*rows).endswith("% of the cases; the choice is not a firm one.")


def test_nothing_to_recommend():
    assert recommended(CHANCE, CHANCE[::-1]) == (
        "No setting can be recommended, because the one with the highest mean, A, was not shown to do better than "
        "always answering with the most frequent class."
    )
    assert recommended(CHANCE).startswith("No setting can be recommended, because the only one tried, A, was not")
    smaller = "the study should be repeated with learning rates at least ten times smaller."
    assert recommended(LOST_TWICE) == (
        f"No setting can be recommended, because the only setting tried, A, diverged; {smaller}"
    )
    assert recommended(LOST_TWICE, LOST_TWICE, LOST_TWICE) == (
        f"No setting can be recommended, because all three settings diverged; {smaller}"
    )
    assert recommended([], []) == "No setting can be recommended, because nothing was measured."


def test_recommendations_without_a_comparison():
    assert recommended(BEST) == "Only one setting was tried, A, so that there is nothing to recommend it over."
    assert recommended(BEST, LOST_TWICE) == "The recommended setting is A."
    assert recommended([0.9], [0.8]) == (
        "The provisional choice is A, which did best in the only repetition; it should be confirmed over several "
        "repetitions."
    )


def test_the_best_value_at_the_edge():
    assert words.edge_remark("low", "learning rate", 0.0001) == (
        "The best learning rate, 0.0001, is the smallest one tried. Smaller values may do better still, so the range "
        "should be widened before this one is settled on."
    )
    assert words.edge_remark("high", "number of epochs", 40).startswith(
        "The best number of epochs, 40, is the largest one tried. Larger values may"
    )
    assert words.edge_remark(None, "learning rate", 0.1) == ""


def test_the_note_on_the_test():
    assert words.test_note(concluded(BEST, NEAR, FAR, LOST_TWICE)).replace(THIN, " ") == (
        "Within a repetition, all settings share the training and validation images, the batches and the initial "
        "weights, so that their accuracies are compared in pairs. The training sets of different repetitions overlap. "
        "The usual paired t-test makes no allowance for this and reports differences far too readily; the corrected "
        "resampled t-test is therefore used (Nadeau and Bengio, 2003; for repeated cross-validation, Bouckaert and "
        "Frank, 2004). It multiplies the variance of the differences by 1/5 + 0.25 rather than by 1/5, where 5 is the "
        "number of repetitions and 0.25 the number of validation images divided by that of training images. The p "
        "values are two-sided and adjusted for two comparisons by Holm’s method (1979); a difference counts as found "
        "where p is below 0.05. The 95 % intervals are corrected in the same way, but not adjusted for the number of "
        "comparisons. As the best setting was picked by its mean, that mean is, if anything, a little too high; only "
        "the test images tell how well it does on new images."
    )
    one = words.test_note(concluded(BEST, FAR))
    assert "Holm" not in one
    assert "two-sided; a difference counts" in one


def test_the_note_where_no_test_was_made():
    assert words.test_note(concluded(BEST)).startswith("There was nothing to compare, so that no test was made.")
    assert words.test_note(concluded([0.9], [0.8])).startswith("No test was made. It would need at least two")
    nothing = "There was nothing to compare, so that no test was made."
    assert words.test_note(concluded(LOST_TWICE, LOST_TWICE)) == nothing


def test_a_table_of_all_verdicts():
    rows = words.table_rows(concluded(BEST, FAR, NEAR, CHANCE, LOST_TWICE))
    assert [[cell.replace(THIN, " ") for cell in row] for row in rows] == [
        ["A", "90.0 %", "87.1 to 92.9 %", "–", "best"],
        ["B", "60.0 %", "56.8 to 63.2 %", "\N{MINUS SIGN}30.0", "worse (p < 0.001)"],
        ["C", "89.0 %", "85.5 to 92.5 %", "\N{MINUS SIGN}1.0", "no difference found (p = 0.34)"],
        ["D", "20.0 %", "18.3 to 21.7 %", "\N{MINUS SIGN}70.0", "not above chance"],
        ["E", "–", "–", "–", "diverged in 2 of 5"],
    ]
    assert words.columns(0.95) == words.COLUMNS
    assert {len(row) for row in rows} == {len(words.COLUMNS)}
    assert words.columns(0.9)[2] == f"90{THIN}% interval"


def test_a_table_of_one_repetition():
    rows = words.table_rows(concluded([0.9], [0.85], [NAN]))
    assert [row[2:] for row in rows] == [
        ("–", "–", "best"), ("–", "\N{MINUS SIGN}5.0", "not tested"), ("–", "–", "diverged"),
    ]  # fmt: skip


def test_the_best_of_what_learned_nothing_is_no_success():
    assert [row[-1] for row in words.table_rows(concluded(CHANCE, CHANCE[::-1]))] == [
        "highest, but not above chance",
        "not above chance",
    ]


@pytest.mark.parametrize("label", ["a\nb", "a\u202eb"])
def test_labels_in_a_table_are_written_out(label):
    assert words.table_rows(concluded(BEST, labels=[label]))[0][0] in ("a\\nb", "a\\u202eb")
