from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_finetuned import finetune_facts
from made_runs import SETTINGS, history_rows

from regraft.images.labelled import LabelledImage, SkippedFile
from regraft.reports import _facts as facts
from regraft.runs.config import make_config


def measured(right: int, total: int, interval=(0.5, 0.9), baseline=0.2):
    return {
        "images": total,
        "accuracy": right / total,
        "accuracy_interval": list(interval),
        "baseline": {"class": "roses", "accuracy": baseline},
        "confusion_matrix": [[right, total - right], [0, 0]],
    }


def plain(text: str) -> str:
    return text.replace("\N{NARROW NO-BREAK SPACE}", " ")


def test_the_headline_says_it_in_plain_words():
    assert plain(facts.headline(measured(168, 191, (0.8259, 0.9186), 0.2094))) == (
        "168 of 191 test images right. With 95 % confidence the true accuracy, on images like these, lies between "
        "82.6 % and 91.9 %. Always answering “roses” would give 20.9 %."
    )


@pytest.mark.parametrize(
    ("right", "total", "start"),
    [(7, 7, "All 7 test images right."), (0, 7, "0 of 7 test images right."),
     (1, 1, "The one test image was answered rightly."), (0, 1, "The one test image was answered wrongly.")],
)  # fmt: skip
def test_the_headline_at_its_ends(right, total, start):
    assert facts.headline(measured(right, total)).startswith(start)


def test_the_headline_claims_no_more_than_the_interval_shows():
    assert "do not show" not in facts.headline(measured(8, 10, (0.5, 0.9), 0.4))
    assert "do not show that the classifier does better" in facts.headline(measured(8, 10, (0.5, 0.9), 0.7))
    assert facts.headline(measured(1, 10, (0.02, 0.4), 0.7)).endswith("does worse than that.")


def test_key_facts_of_metrics_that_are_not_complete():
    assert facts.key_facts({}) == []
    titles = [fact.title for fact in facts.key_facts({"seconds": {"find": 1.0}, "backbone": {"name": "N"}})]
    assert titles == ["Backbone", "Time until measured"]


def test_the_time_says_what_it_covers():
    first = {"find": 1.0, "features": 2.0}
    stages = [
        first,
        first | {"total": 3.5},
        first | {"model": 1.0},
        first | {"model": 1.0, "report": 1.0, "total": 8.0},
    ]
    times = [facts.key_facts({"seconds": seconds})[0] for seconds in stages]
    assert [(time.title, plain(time.value)) for time in times] == [
        ("Time until measured", "3.0 s"),
        ("Time until measured", "3.5 s"),
        ("Time before this report", "4.0 s"),
        ("Time", "8.0 s"),
    ]
    cached = facts.key_facts({"seconds": first, "backbone": {"name": "N", "computed": 0}})[-1]
    assert "all features were in the cache" in cached.detail


@given(st.integers(2, 6).flatmap(lambda n: st.lists(st.lists(st.integers(0, 9), min_size=n, max_size=n),
                                                    min_size=n, max_size=n)))  # fmt: skip
def test_confusions_are_the_cells_off_the_diagonal(matrix):
    names = [f"c{index}" for index in range(len(matrix))]
    pairs = facts.confusions(matrix, names)
    counts = np.array(matrix)
    assert sum(pair.images for pair in pairs) == counts.sum() - np.trace(counts)
    assert all(matrix[names.index(p.label)][names.index(p.predicted)] == p.images for p in pairs)
    assert [pair.images for pair in pairs] == sorted((pair.images for pair in pairs), reverse=True)


def test_pairs_that_share_a_count_are_all_named_or_none():
    names = list("abc")
    assert facts.confusion_sentence([]) == "No class was taken for another."
    one = facts.confusions([[5, 1, 0], [0, 5, 0], [0, 0, 5]], names)
    assert facts.confusion_sentence(one) == "The only confusion: “a” taken for “b” (1 of 6 images)."
    tied = facts.confusions([[5, 4, 1], [1, 5, 1], [1, 0, 5]], names)
    assert facts.confusion_sentence(tied) == "Most often confused: “a” taken for “b” (4 of 10 images)."
    even = facts.confusions([[5, 1, 1], [1, 5, 1], [0, 0, 5]], names)
    assert facts.confusion_sentence(even) == "No class was taken for another more than 1 time."


def test_measures_of_a_class_that_does_not_occur_are_unknown():
    rows = [{"class": name, "images": n, "precision": 0.0, "recall": 0.0, "f1": 0.0} for name, n in
            (("a", 3), ("b", 0), ("c", 0))]  # fmt: skip
    test = {"per_class": rows, "confusion_matrix": [[2, 1, 0], [0, 0, 0], [0, 0, 0]]}
    assert [row["f1"] for row in facts.class_rows(test)] == [0.0, 0.0, None]


def test_skipped_files_are_grouped_by_kind_of_reason():
    reasons = {
        "a": "empty file", "b": "empty file", "c": "truncated: 12 bytes not processed", "d": "truncated: other words",
        "e": "duplicate of x/y.jpg", "f": "duplicate of x: y\n.jpg (kept out of training)", "g": "no label (line 7)",
        "h": "99999×99999 pixels, over the limit of 178,956,970",
    }  # fmt: skip
    groups = facts.skipped_groups(SkippedFile(name, reason) for name, reason in reasons.items())
    assert Counter({group.reason: group.total for group in groups}) == {
        "empty file": 2, "truncated": 2, "duplicate of another image": 1, "no label": 1,
        "duplicate of another image (kept out of training)": 1, "over the limit of 178,956,970": 1,
    }  # fmt: skip
    assert groups[0].files == [("a", ""), ("b", "")]
    assert groups[1].files[0] == ("c", "truncated: 12 bytes not processed")


@given(st.lists(st.sampled_from(["one", "two", "three: x"]), max_size=40), st.integers(0, 30))
def test_every_skipped_file_is_counted_and_only_some_are_named(reasons, most):
    files = [SkippedFile(str(index), reason) for index, reason in enumerate(reasons)]
    groups = facts.skipped_groups(files, most)
    assert sum(group.total for group in groups) == len(files)
    assert sum(len(group.files) for group in groups) == min(most, len(files))


def test_the_method_says_what_was_done():
    chosen = {"chosen": SETTINGS | {"epoch": 12, "heads": 9}}
    pixels = np.zeros((1, 1), np.uint8)
    drawn, given_split = (LabelledImage("x", "a", "0" * 64, pixels, split) for split in (None, "train"))
    config = make_config({"images": {"source": "folder", "test": 0.25}, "seed": 7})
    refit = [*history_rows(), history_rows()[0] | {"phase": "refit"}]
    text = plain(" ".join(facts.method(config, chosen, refit, [drawn])))
    assert "The splits were drawn by the SHA-256 hash" in text
    assert "seed 7: on average 20 % of the images to validate and 25 % to test" in text
    assert "9 heads were trained" in text
    assert "trained for 12 epochs on the training and validation images together" in text
    assert "The splits are the collection’s own" in facts.method(config, chosen, refit, [given_split])[0]
    assert facts.method(config, chosen, refit, None)[0].startswith("Where the collection names no splits")
    assert "together" not in " ".join(facts.method(config, chosen, history_rows(), None))


def test_the_command_is_one_a_shell_takes():
    assert facts.command_line({"command": ["regraft", "train", "my photos/", "it's"]}) == (
        "regraft train 'my photos/' 'it'\"'\"'s'"
    )
    assert facts.command_line({}) == ""


def test_the_day_of_the_run():
    assert facts.when({"time": "2026-07-03T14:05:09+00:00"}) == "3 July 2026, 14:05 UTC"
    assert facts.when({}) == facts.when({"time": "yesterday"}) == ""


def test_of_a_fine_tuned_run_the_head_is_where_it_began():
    metrics = {"finetune": finetune_facts(), "chosen": SETTINGS | {"label": "lr 0.1", "epoch": 5, "heads": 3}}
    found = {fact.title: fact for fact in facts.key_facts(metrics)}
    assert found["Chosen head"].value == "lr 0.1"
    assert found["Fine-tuning"].value == "2 blocks, 2,812,345 parameters"
    assert "Chosen setting" not in found
    config = make_config({"images": {"source": "folder", "path": "photos"}})
    choice = facts.method(config, metrics, [{"phase": "refit"}], None)[1]
    assert "trained for 5 epochs on the training and validation images together. Fine-tuning begins" in choice
    plain_choice = facts.method(config, {"chosen": metrics["chosen"]}, [{"phase": "refit"}], None)[1]
    assert plain_choice.endswith("together; that one is the classifier.")


def test_the_time_names_the_stages_of_fine_tuning():
    seconds = {"cut": 0.5, "activations": 12.0, "finetune": 61.0, "total": 80.0}
    detail = facts.key_facts({"seconds": seconds})[0].detail
    assert plain(detail) == ("cutting the network 0.5 s, computing activations at the cut 12 s, fine-tuning 1 min 1 s")
