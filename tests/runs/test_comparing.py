from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regraft.errors import InputError
from regraft.evaluation.comparisons import holm
from regraft.evaluation.metrics import evaluate_predictions
from regraft.evaluation.paired import difference_interval, paired_difference_interval
from regraft.images.labelled import LabelledImage
from regraft.runs.comparing import compare_runs
from regraft.runs.folder import RunFolder

Answers = Mapping[int, bool]
"""Whether an image, known by its number, was answered rightly."""


def make_run(
    path: Path,
    test: Answers | None,
    *,
    validation: Answers | None = None,
    train: Iterable[int] = (),
    classes: Sequence[str] = ("daisy", "roses", "tulips"),
    relabelled: Iterable[int] = (),
    groups: Mapping[int, str] | None = None,
    changes: Mapping[str, Any] | None = None,
) -> RunFolder:
    """A run as `regraft train` leaves it, or a cell of a study where `test` is None; without model and report."""
    run = RunFolder(path)
    path.mkdir(parents=True)
    answered = {"validation": validation or {10**6: True}} | ({} if test is None else {"test": test})
    moved, metrics, images, splits, all_probabilities = set(relabelled), {}, [], [], []
    for split, answers in answered.items():
        labels = np.array([(number + (number in moved)) % len(classes) for number in answers])
        predicted = np.where(list(answers.values()), labels, (labels + 1) % len(classes))
        probabilities = np.full((len(labels), len(classes)), 0.1, np.float32)
        probabilities[np.arange(len(labels)), predicted] = 0.8
        metrics[split] = evaluate_predictions(labels, probabilities, classes, majority=0)
        images += [_image(number, classes[label], groups) for number, label in zip(answers, labels, strict=True)]
        splits += [split] * len(labels)
        all_probabilities.append(probabilities)
    run.write_predictions(images, splits, np.concatenate(all_probabilities), classes)
    learnt = [_image(number, classes[number % len(classes)], groups) for number in train]
    run.write_splits([*images, *learnt], [*splits, *["train"] * len(learnt)])
    run.write_classes(classes)
    facts = {
        "chosen": {"label": "lr 0.1, momentum 0.9", "heads": 6},
        "backbone": {"name": "MobileNetV2"},
        "seconds": {"heads": 1.5, "total": 12.25},
    }
    run.write_json("metrics", {**metrics, **facts, **(changes or {})})
    return run


def _image(number: int, label: str, groups: Mapping[int, str] | None) -> LabelledImage:
    sha256 = hashlib.sha256(str(number).encode()).hexdigest()
    return LabelledImage(f"{number}.jpg", label, sha256, Path(f"{number}.jpg"), group=(groups or {}).get(number))


def answers(right: int, wrong: int = 0, *, start: int = 0) -> dict[int, bool]:
    """So many right and then so many wrong answers, to images numbered from `start`."""
    return {start + number: number < right for number in range(right + wrong)}


def table(both: int, first_only: int, second_only: int, neither: int) -> tuple[dict[int, bool], dict[int, bool]]:
    """The answers of two runs to the same images."""
    first = [*[True] * (both + first_only), *[False] * (second_only + neither)]
    second = [*[True] * both, *[False] * first_only, *[True] * second_only, *[False] * neither]
    return dict(enumerate(first)), dict(enumerate(second))


def test_the_same_images_are_compared_one_by_one(tmp_path: Path) -> None:
    first, second = table(60, 4, 18, 18)
    mixed = dict(sorted(second.items(), key=lambda item: -item[0]))  # the order in the file does not matter
    runs = [make_run(tmp_path / "a", first), make_run(tmp_path / "b", mixed).path]
    comparison = compare_runs([*runs])
    one, two = comparison.runs
    assert (one.number, one.path, one.backbone, one.setting) == (
        1,
        str(tmp_path / "a"),
        *("MobileNetV2", "lr 0.1, momentum 0.9"),
    )
    assert (one.images, one.right, one.accuracy, one.seconds, one.heads) == (100, 64, 0.64, 12.25, 6)
    assert (two.number, two.right) == (2, 78)
    test = RunFolder(tmp_path / "b").metrics()["test"]
    assert (two.accuracy, two.macro_f1, two.log_loss) == (test["accuracy"], test["macro"]["f1"], test["log_loss"])
    assert list(two.accuracy_interval) == test["accuracy_interval"]
    (pair,) = comparison.pairs
    assert (pair.first, pair.second, pair.overlap, pair.paired, pair.shared) == (1, 2, "same", True, 100)
    assert (pair.both, pair.first_only, pair.second_only, pair.neither) == (60, 4, 18, 18)
    difference, low, high = paired_difference_interval(60, 4, 18, 18)
    assert pair.difference == pytest.approx(0.14) == pytest.approx(-difference)
    assert pair.interval == pytest.approx((-high, -low))
    assert pair.accuracy == pytest.approx((0.64, 0.78))
    # Binomial, 22 tosses: at most 4 heads.
    assert pair.p == pair.p_adjusted == 2 * (1 + 22 + 231 + 1540 + 7315) / 2**22
    assert pair.verdict.startswith("Run 2 is better than run 1, by 14.0 percentage points")
    assert pair.warnings == ()
    assert comparison.classes == ("daisy", "roses", "tulips")


def test_the_numbers_hold_up_against_the_predictions_file(tmp_path: Path) -> None:
    first, second = table(30, 9, 6, 5)
    runs = [make_run(tmp_path / "a", first), make_run(tmp_path / "b", second)]
    (pair,) = compare_runs(runs).pairs
    right = []
    for run in runs:
        rows = [row for row in run.table("predictions").to_pylist() if row["split"] == "test"]
        right.append({row["sha256"] for row in rows if row["label"] == row["predicted"]})
    assert (pair.both, pair.first_only, pair.second_only) == (
        len(right[0] & right[1]),
        len(right[0] - right[1]),
        len(right[1] - right[0]),
    )
    assert pair.difference == pytest.approx((len(right[1]) - len(right[0])) / 50)


@settings(max_examples=20)
@given(outcomes=st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=60))
def test_turned_around_the_difference_changes_its_sign_only(
    tmp_path_factory: pytest.TempPathFactory, outcomes: list[tuple[bool, bool]]
) -> None:
    folder = tmp_path_factory.mktemp("runs")
    runs = [
        make_run(folder / f"{column}", {number: row[column] for number, row in enumerate(outcomes)})
        for column in (0, 1)
    ]
    (pair,), (turned,) = compare_runs(runs).pairs, compare_runs(runs[::-1]).pairs
    assert turned.difference == -pair.difference
    assert turned.interval == pytest.approx((-pair.interval[1], -pair.interval[0]))
    assert turned.p == pair.p
    assert (turned.first_only, turned.second_only) == (pair.second_only, pair.first_only)
    assert pair.interval[0] <= pair.difference <= pair.interval[1]


def test_a_few_of_the_same_images_are_still_the_same(tmp_path: Path) -> None:
    runs = [make_run(tmp_path / name, answers(right, 9 - right)) for name, right in (("a", 7), ("b", 5))]
    (pair,) = compare_runs(runs).pairs
    assert (pair.paired, pair.overlap, pair.first_only, pair.second_only) == (True, "same", 2, 0)
    assert "Just 2 images tell them apart" in pair.verdict


def test_of_test_sets_that_share_enough_only_the_shared_part_counts(tmp_path: Path) -> None:
    # Images 0 to 29 are shared; 30 to 39 trained the second run, 40 to 44 validated it.
    first = make_run(tmp_path / "a", answers(25, 20), train=range(50, 100))
    second = make_run(
        tmp_path / "b", {number: number < 20 or number >= 50 for number in [*range(30), *range(50, 60)]},
        validation=answers(5, start=40), train=range(30, 40),
    )  # fmt: skip
    (pair,) = compare_runs([first, second]).pairs
    assert (pair.overlap, pair.paired, pair.shared, pair.test) == ("shared", True, 30, "McNemar")
    assert (pair.both, pair.first_only, pair.second_only, pair.neither) == (20, 5, 0, 5)
    assert pair.accuracy == pytest.approx((25 / 30, 20 / 30))
    assert pair.basis.startswith("They share 30 test images of 45 and 40")
    ours, theirs = pair.warnings
    assert ours.startswith(
        "Run 2 has learnt from 15 of the 45 test images of run 1 (10 training images and 5 validation images)"
    )
    assert theirs.startswith("Run 1 has learnt from 10 of the 40 test images of run 2 (10 training images)")
    assert "They are left out: only test images of both are compared." in ours


@pytest.mark.parametrize("shared", [0, 1, 19, 20])
def test_of_test_sets_that_share_little_each_counts_as_a_whole(tmp_path: Path, shared: int) -> None:
    from scipy.stats import fisher_exact

    first = make_run(tmp_path / "a", answers(36, 4))
    second = make_run(tmp_path / "b", answers(20, 10, start=40 - shared), train=[0])
    (pair,) = compare_runs([first, second]).pairs
    assert pair.shared == shared
    assert pair.overlap == ("shared" if shared else "different")
    assert pair.paired == (shared == 20)
    assert "Run 2 has learnt from 1 of the 40 test images of run 1 (1 training image)" in pair.warnings[0]
    if not pair.paired:
        assert pair.both is pair.first_only is pair.second_only is pair.neither is None
        difference, low, high = difference_interval(20, 30, 36, 40)
        assert (pair.difference, *pair.interval) == (difference, low, high)
        assert pair.test == "Fisher"
        assert pair.p == pytest.approx(fisher_exact([[36, 4], [20, 10]]).pvalue)
        assert "Its answers to them are not counted" in pair.warnings[0]
        assert "each is taken on all of its own" in pair.basis


def test_an_image_with_two_labels_is_not_the_same_image(tmp_path: Path) -> None:
    first = make_run(tmp_path / "a", answers(30, 5))
    second = make_run(tmp_path / "b", answers(35), relabelled=[3, 33])
    (pair,) = compare_runs([first, second]).pairs
    assert (pair.overlap, pair.shared, pair.both, pair.second_only) == ("shared", 33, 29, 4)
    assert pair.warnings == (
        "Run 1 and run 2 have different labels for 2 test images of both: these are not compared image by image.",
    )


def test_groups_that_only_one_run_knows_of_betray_the_other(tmp_path: Path) -> None:
    groups = {0: "anna", 1: "anna", 2: "ben", 100: "anna", 101: "ben", 102: "carl"}
    first = make_run(tmp_path / "a", answers(30) | {100: True}, groups=groups, train=[102])
    second = make_run(tmp_path / "b", answers(30), train=[100, 101, 102])
    learnt, grouped = compare_runs([first, second]).pairs[0].warnings
    assert learnt.startswith("Run 2 has learnt from 1 of the 31 test images of run 1")
    # Of anna it has learnt from image 100. What group image 101 is of, run 1 does not know.
    assert grouped == (
        "By the groups of run 1, 2 of the 30 test images of run 2 belong to groups of which it has learnt from other "
        "images: its accuracy is probably too high."
    )


def test_each_run_is_compared_with_the_first_or_with_every_other(tmp_path: Path) -> None:
    # Against run 1: 0 and 7 disagreements of one direction, p = 2/2^7 (below 0.025), then 0 and 6, p = 2/2^6.
    runs = [
        make_run(tmp_path / "a", answers(30, 10)),
        make_run(tmp_path / "b", answers(37, 3)),
        make_run(tmp_path / "c", answers(36, 4)),
    ]
    comparison = compare_runs(runs)
    assert [(pair.first, pair.second) for pair in comparison.pairs] == [(1, 2), (1, 3)]
    assert [pair.p for pair in comparison.pairs] == [2 / 2**7, 2 / 2**6]
    assert [pair.p_adjusted for pair in comparison.pairs] == [4 / 2**7, 2 / 2**6]
    everything = compare_runs(runs, all_pairs=True)
    assert [(pair.first, pair.second) for pair in everything.pairs] == [(1, 2), (1, 3), (2, 3)]
    assert [pair.p_adjusted for pair in everything.pairs] == holm([2 / 2**7, 2 / 2**6, 1]).tolist()
    # What two comparisons find, three together do not: 3 × 2/2^7 is not below 0.047, 2 × 2/2^6 not below 0.05.
    assert "Run 2 is better" in comparison.pairs[0].verdict
    assert "Run 2 is better" in everything.pairs[0].verdict
    assert "Run 3 is better" in comparison.pairs[1].verdict
    assert everything.pairs[1].verdict.startswith("No difference found (p = 0.062, adjusted for 3 comparisons)")
    assert any("Holm" in note for note in everything.notes)


def test_cells_of_a_study_are_compared_on_validation(tmp_path: Path) -> None:
    cells = [
        make_run(tmp_path / "cell 1", None, validation=answers(28, 2), train=range(40, 50)),
        make_run(tmp_path / "cell 2", None, validation=answers(20, 20), train=range(50, 60)),
    ]
    with pytest.raises(InputError, match=r"cell 1 was not measured on test images(?s:.)*--split validation"):
        compare_runs(cells)
    comparison = compare_runs(cells, split="validation")
    (pair,) = comparison.pairs
    assert (pair.shared, pair.both, pair.first_only, pair.neither) == (30, 20, 8, 2)
    assert pair.warnings == ()
    assert any(note.startswith("Validation took part in the choice") for note in comparison.notes)
    assert not any("on test" in note for note in comparison.notes)


def test_for_validation_only_training_images_are_learnt_from(tmp_path: Path) -> None:
    first = make_run(tmp_path / "a", answers(5), validation=answers(30, start=100))
    second = make_run(tmp_path / "b", answers(2, start=100), validation=answers(25, start=102), train=[127, 128])
    (pair,) = compare_runs([first, second], split="validation").pairs
    assert pair.shared == 25
    assert len(pair.warnings) == 1
    assert "Run 2 has learnt from 2 of the 30 validation images of run 1 (2 training images)" in pair.warnings[0]


def test_all_of_it_is_json(tmp_path: Path) -> None:
    runs = [
        make_run(tmp_path / "a", answers(30, 2)),
        make_run(tmp_path / "b", answers(3, 2, start=90), changes={"seconds": {}, "chosen": {}, "backbone": {}}),
    ]
    content = json.loads(json.dumps(compare_runs(runs).as_dict(), allow_nan=False))
    assert content["split"] == "test"
    assert content["runs"][1] | {"seconds": None, "setting": None, "backbone": None} == content["runs"][1]
    assert content["pairs"][0]["overlap"] == "different"
    assert len(content["pairs"][0]["interval"]) == 2


def test_fewer_than_two_runs_or_one_twice_are_refused(tmp_path: Path) -> None:
    run = make_run(tmp_path / "a", answers(5))
    for runs in ([], [run]):
        with pytest.raises(InputError, match="at least two run folders"):
            compare_runs(runs)
    (tmp_path / "link").symlink_to(tmp_path / "a")
    for same in (run.path, str(run.path) + os.sep, tmp_path / "link", tmp_path / "x" / ".." / "a"):
        with pytest.raises(InputError, match="twice"):
            compare_runs([run, make_run(tmp_path / hashlib.sha256(str(same).encode()).hexdigest(), answers(5)), same])
    with pytest.raises(InputError, match="'train'"):
        compare_runs([run, run], split="train")


def test_an_unfinished_run_is_refused(tmp_path: Path) -> None:
    runs = [make_run(tmp_path / "a", answers(5)), make_run(tmp_path / "b", answers(5))]
    (runs[1].path / "metrics.json").unlink()
    (runs[1].path / "config.toml").touch()
    with pytest.raises(InputError, match=r"b is no finished run(?s:.)*--resume"):
        compare_runs(runs)
    with pytest.raises(InputError, match="no such folder"):
        compare_runs([runs[0], tmp_path / "nowhere"])


def test_runs_of_different_tasks_are_refused_and_their_classes_named(tmp_path: Path) -> None:
    first = make_run(tmp_path / "a", answers(5), classes=("cats", "do\ngs", "cows"))
    second = make_run(tmp_path / "b", answers(5), classes=("cats", "do\ngs", *"defghij"))
    with pytest.raises(InputError, match="tell different classes apart") as caught:
        compare_runs([first, second])
    assert caught.value.received == (
        "only the first knows 'cows'; only the second knows 'd', 'e', 'f', 'g', 'h' and 2 more"
    )
    third = make_run(tmp_path / "c", answers(5), classes=("cats", "do\ngs"))
    with pytest.raises(InputError, match=r"'cows'; only the second knows no other"):
        compare_runs([first, third])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"test": {"images": 5}}, r"metrics\.json is damaged"),
        ({"test": None}, r"metrics\.json is damaged"),
        ({"seconds": [1]}, r"metrics\.json is damaged"),
    ],
)
def test_damaged_metrics_are_refused(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    runs = [make_run(tmp_path / "a", answers(5)), make_run(tmp_path / "b", answers(5), changes=changes)]
    with pytest.raises(InputError, match=message):
        compare_runs(runs)


def test_files_that_do_not_fit_together_are_refused(tmp_path: Path) -> None:
    good = make_run(tmp_path / "a", answers(5, 5))
    for name, other in (("other answers", answers(6, 4)), ("more images", answers(6, 6))):
        run, source = make_run(tmp_path / name, answers(5, 5)), make_run(tmp_path / f"{name} 2", other)
        (source.path / "predictions.parquet").replace(run.path / "predictions.parquet")
        with pytest.raises(InputError, match="do not belong together"):
            compare_runs([good, run])
    run = make_run(tmp_path / "columns", answers(5, 5))
    (run.path / "splits.parquet").replace(run.path / "predictions.parquet")
    (run.path / "splits.parquet").write_bytes((good.path / "splits.parquet").read_bytes())
    with pytest.raises(InputError, match="without predicted"):
        compare_runs([good, run])
