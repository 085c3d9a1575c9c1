from __future__ import annotations

import math
import re
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from made_results import made_results

from regraft.reports import comparison_words as words
from regraft.reports._words import THIN
from regraft.studies.conclusions import conclude

NAN = math.nan
SPLITS = np.array([-0.02, 0.01, 0.0, 0.02, -0.01])  # what all settings share in a repetition


def around(mean: float, *images: int) -> Any:
    """Accuracies in five repetitions with this mean; `images` of 200 up or down that are the setting's own."""
    return mean + SPLITS + np.array(images or [0] * 5) / 200


BEST = around(0.9)
FAR = around(0.6, 1, -1, 2, 0, -2)
FARTHER = around(0.4, 2, 0, -1, -2, 1)
NEAR = around(0.89, 1, -3, 4, 0, -2)
NEARER = around(0.895, -3, 2, 4, -1, -2)
CHANCE = around(0.2, 2, 0, -1, -2, 1)
LOST = [NAN] * 5
LOST_TWICE = [0.8, NAN, 0.8, NAN, 0.8]


def found(*rows: Any, labels: list[str] | None = None, **called: str) -> str:
    return words.finding(conclude(made_results(rows, labels=labels)), **called).replace(THIN, " ")


def test_a_clear_winner():
    text = found(
        FAR, BEST, FARTHER,
        labels=["learning rate 0.001", "learning rate 0.01", "learning rate 0.1"],
        subject="learning rate",
    )  # fmt: skip
    assert text == (
        "Of the three learning rates tried, 0.01 gave the highest mean validation accuracy: 90.0 % over five "
        "repetitions (95 % interval from 87.1 % to 92.9 %). The other two learning rates were worse: 0.001 by 30.0 "
        "percentage points (p < 0.001) and 0.1 by 50.0 percentage points (p < 0.001)."
    )


def test_two_settings_of_which_one_is_better():
    assert found(BEST, FAR, quantity="accuracy") == (
        "Of the two settings tried, A gave the higher mean accuracy: 90.0 % over five repetitions (95 % interval from "
        "87.1 % to 92.9 %). The other setting, B, was worse by 30.0 percentage points (p < 0.001)."
    )


def test_a_tie():
    assert found(BEST, NEAR) == (
        "Of the two settings tried, A gave the higher mean validation accuracy: 90.0 % over five repetitions (95 % "
        "interval from 87.1 % to 92.9 %). For the other setting, B, no difference from the best was found (1.0 "
        "percentage points lower, p = 0.34). This does not prove that the two are equally good: the 95 % interval "
        "still allows a difference of up to 3.6 percentage points."
    )
    labels = ["momentum 0.5", "momentum 0.9", "momentum 0.99"]
    assert found(NEAR, BEST, NEARER, labels=labels, subject="momentum", subjects="momenta") == (
        "Of the three momenta tried, 0.9 gave the highest mean validation accuracy: 90.0 % over five repetitions "
        "(95 % interval from 87.1 % to 92.9 %). For the other two momenta, no difference from the best was found: 0.5 "
        "(1.0 percentage points lower, p = 0.68) and 0.99 (0.5 percentage points lower, p = 0.68). This does not prove "
        "that they are equally good: the 95 % intervals still allow differences of up to 3.6 percentage points."
    )


def test_settings_that_share_the_highest_mean():
    assert found(BEST, BEST) == (
        "Of the two settings tried, A shares the highest mean validation accuracy with one other setting: 90.0 % over "
        "five repetitions (95 % interval from 87.1 % to 92.9 %). Between equals, the lower validation loss decides, "
        "and then their order. For the other setting, B, no difference from the best was found (equal on average, "
        "p = 1.00). The two gave the same validation accuracy in every repetition."
    )
    assert "shares the highest mean validation accuracy with two other settings: " in found(BEST, BEST, BEST, FAR)
    assert "All of them gave the same validation accuracy in every repetition." in found(BEST, BEST, BEST, FAR)


def test_every_kind_of_outcome_at_once():
    assert found(BEST, FAR, NEAR, CHANCE, LOST_TWICE) == (
        "Of the five settings tried, A gave the highest mean validation accuracy: 90.0 % over five repetitions (95 % "
        "interval from 87.1 % to 92.9 %). One setting, B, was worse by 30.0 percentage points (p < 0.001). For another "
        "setting, C, no difference from the best was found (1.0 percentage points lower, p = 0.34). This does not "
        "prove that the two are equally good: the 95 % interval still allows a difference of up to 3.6 percentage "
        "points. Another setting, D, stayed at the level of chance: it was not shown to do better than always "
        "answering with the most frequent class, which is right for 20.0 % of the images. The remaining setting, E, "
        "diverged in 2 of 5 repetitions and was left out of the comparison."
    )


def test_everything_at_chance():
    assert found(CHANCE, around(0.19), around(0.17, 1, -1, 2, 0, -2)) == (
        "None of the three settings was shown to do better than always answering with the most frequent class, which "
        "is right for 20.0 % of the images. The highest mean validation accuracy, that of A, was 20.0 % over five "
        "repetitions (95 % interval from 18.3 % to 21.7 %). Other learning rates, more epochs and a check of the "
        "labels are the first things to try."
    )
    assert found(CHANCE, around(0.19)).startswith("Neither of the two settings was shown to do better than always")
    assert found(CHANCE).startswith("The only setting tried, A, was not shown to do better than always answering")


def test_what_does_not_diverge_does_not_learn():
    assert found(CHANCE, LOST, LOST_TWICE) == (
        "Of the three settings tried, only A never diverged; it was not shown to do better than always answering with "
        "the most frequent class, which is right for 20.0 % of the images. Its mean validation accuracy was 20.0 % "
        "over five repetitions (95 % interval from 18.3 % to 21.7 %). The other two settings diverged and were left "
        "out of the comparison: B (in all five repetitions) and C (in 2 of 5 repetitions). Divergence is a sign of "
        "learning rates that are too large; smaller ones should be tried first."
    )


def test_the_highest_mean_may_be_the_one_that_is_not_above_chance():
    erratic = [0.95, 0.05, 0.95, 0.05, 0.95]
    text = found(erratic, around(0.5))
    assert "(95 % interval from 0.0 % to 100.0 %). Yet it was not shown to do better than always answering" in text
    assert "For the other setting, B, no difference from the best was found (9.0 percentage points lower" in text


def test_everything_diverged():
    advice = (
        "a loss or a weight stopped being a finite number. Nothing can therefore be concluded about the validation "
        "accuracy. The usual cause is a learning rate that is too large; the study should be repeated with learning "
        "rates at least ten times smaller."
    )
    assert found(LOST, LOST, LOST) == f"All three settings diverged in all five repetitions: {advice}"
    assert found(LOST, LOST_TWICE) == f"Both settings diverged in at least one repetition: {advice}"
    assert found(LOST_TWICE) == f"The only setting tried, A, diverged in 2 of 5 repetitions: {advice}"
    assert found([NAN], [NAN]) == f"Both settings diverged in the only repetition: {advice}"
    assert found([NAN, NAN]) == f"The only setting tried, A, diverged in both repetitions: {advice}"


def test_all_but_one_diverged():
    assert found(LOST_TWICE, BEST) == (
        "Of the two settings tried, only B never diverged; it reached a mean validation accuracy of 90.0 % over five "
        "repetitions (95 % interval from 87.1 % to 92.9 %). The other setting, A, diverged in 2 of 5 repetitions and "
        "was left out of the comparison."
    )


def test_one_setting():
    assert found(BEST) == (
        "The only setting tried, A, reached a mean validation accuracy of 90.0 % over five repetitions (95 % interval "
        "from 87.1 % to 92.9 %)."
    )
    assert found([1.0] * 5) == (
        "The only setting tried, A, reached a mean validation accuracy of 100.0 % in each of the five repetitions."
    )
    assert found([1.0] * 2).endswith("100.0 % in both repetitions.")


def test_one_repetition():
    untested = "With a single repetition no test can be made, so that it remains open whether the"
    assert found([0.9], [0.85]) == (
        "Of the two settings tried, A gave the higher validation accuracy: 90.0 % in a single repetition. The other "
        f"setting, B, follows (5.0 percentage points lower). {untested} difference is more than chance; several "
        "repetitions would tell."
    )
    assert found([0.8], [0.9], [0.85], [NAN]) == (
        "Of the four settings tried, B gave the highest validation accuracy: 90.0 % in a single repetition. Two "
        "settings follow: A (10.0 percentage points lower) and C (5.0 percentage points lower). "
        f"{untested} differences are more than chance; several repetitions would tell. The remaining setting, D, "
        "diverged in the only repetition and was left out of the comparison."
    )
    assert found([0.9], [NAN], [0.2]) == (
        "Of the three settings tried, A gave the highest validation accuracy: 90.0 % in a single repetition. One "
        "setting, C, stayed at the level of chance: it was not shown to do better than always answering with the most "
        "frequent class, which is right for 20.0 % of the images. The remaining setting, B, diverged in the only "
        "repetition and was left out of the comparison."
    )
    many = found(*[[0.5 + step / 100] for step in range(40)])
    assert "The other 39 settings follow, lower by 1.0 to 39.0 percentage points." in many


def test_many_settings_are_counted_and_not_listed():
    worse = [around(0.4 + step / 100, 1, -1, 2, 0, -2) for step in range(20)]
    near = [around(0.89, *np.roll([1, -3, 4, 0, -2], step)) for step in range(9)]
    assert found(BEST, *worse, *near, *[CHANCE] * 4, *[LOST] * 5, LOST_TWICE) == (
        "Of the 40 settings tried, A gave the highest mean validation accuracy: 90.0 % over five repetitions (95 % "
        "interval from 87.1 % to 92.9 %). A further 20 settings were worse, by 31.0 to 50.0 percentage points (all "
        "p < 0.001). For another nine settings, no difference from the best was found (all p = 1.00). This does not "
        "prove that they are equally good: the 95 % intervals still allow differences of up to 3.6 percentage points. "
        "Another four settings stayed at the level of chance: they were not shown to do better than always answering "
        "with the most frequent class, which is right for 20.0 % of the images. The remaining six settings diverged in "
        "at least one repetition and were left out of the comparison."
    )


def test_bounds_of_many_p_values():
    worse = [around(0.84, *np.roll([1, -3, 4, 0, -2], step)) for step in range(4)]
    assert re.search(
        r"The other four settings were worse, by 6.0 percentage points \(p ≤ 0.0\d\d\)\.", found(BEST, *worse)
    )
    near = [around(0.885 - step / 400, *np.roll([1, -3, 4, 0, -2], step)) for step in range(4)]
    assert re.search(
        r"For the other four settings, no difference from the best was found \(p ≥ 0.\d+\)\.", found(BEST, *near)
    )


def test_nothing_was_measured():
    assert found([], []) == "Nothing was measured, so that nothing can be concluded."


def test_another_confidence():
    text = words.finding(conclude(made_results([BEST, NEAR]), confidence=0.9))
    assert f"90{THIN}% interval from" in text
    assert f"the 90{THIN}% interval still allows" in text


def test_three_digit_percents_have_a_narrow_space():
    text = words.finding(conclude(made_results([BEST, CHANCE])))
    assert len(re.findall(f"\\d{THIN}%", text)) == text.count("%")


shares = st.one_of(st.integers(0, 200).map(lambda right: right / 200), st.just(NAN))
tables = st.tuples(st.integers(1, 12), st.integers(1, 5)).flatmap(
    lambda shape: arrays(np.float64, shape, elements=shares)
)


@given(tables)
def test_any_outcome_gives_whole_sentences(accuracy):
    conclusion = conclude(made_results(accuracy))
    for text in (words.finding(conclusion), words.recommendation(conclusion), words.test_note(conclusion)):
        assert "nan" not in text
        assert "  " not in text
        assert not re.search(r" [.,;:)]|\(\)|\.\.|,,|-0\.0", text)
        assert re.fullmatch(r"[A-Z][^.!?]*.*\.", text)
        assert all(sentence[0].isupper() for sentence in re.split(r"(?<=[a-z)])\. ", text))
        assert text.count("(") == text.count(")")
