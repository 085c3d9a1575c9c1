from __future__ import annotations

from pathlib import Path

import pytest
from made_runs import make_run

from regraft.images.labelled import SkippedFile
from regraft.reports._card_measures import (
    classes_part,
    images_part,
    introduction_part,
    limits_part,
    measured_split,
    result_part,
)
from regraft.reports._words import THIN


def test_the_measures_are_those_of_test_where_there_are_any() -> None:
    test, validation = {"accuracy": 0.8}, {"accuracy": 0.9}
    assert measured_split({"test": test, "validation": validation}) == ("test", test)
    assert measured_split({"validation": validation}) == ("validation", validation)


def test_very_many_classes_and_pairs_are_counted(tmp_path: Path) -> None:
    run, _ = make_run(tmp_path, classes=[f"class {index:03}" for index in range(103)], images=103, wrong=30)
    metrics = run.metrics()
    first = introduction_part(metrics)
    assert "103 classes of pictures: “class 000”" in first
    assert "“class 029” and 73 more." in first
    text = classes_part(run, metrics)
    rows = [line for line in text.splitlines() if line.startswith("| class 0")]
    assert len(rows) == 100 + 10  # classes, then pairs
    assert "3 further classes: see the run’s metrics.json." in text
    assert text.endswith("20 further pairs of classes.")


def test_images_of_each_class_and_split(tmp_path: Path) -> None:
    run, _ = make_run(tmp_path, images=30, wrong=0)
    text = classes_part(run, run.metrics()).replace(THIN, " ")
    assert "| daisy | 0 | 10 | 10 | 100.0 % | 100.0 % | 100.0 % |" in text
    assert text.endswith("No class was taken for another.")


def test_a_class_that_was_never_tested(tmp_path: Path) -> None:
    run, _ = make_run(tmp_path, classes=("a", "b", "c"), images=2, wrong=0)
    assert "| c | 0 | 1 | 0 | – | – | – |" in classes_part(run, run.metrics())
    assert "Nothing is known of 1 class without a test image." in limits_part(run, run.metrics())


def test_what_was_left_out_is_counted_by_reason(tmp_path: Path) -> None:
    skipped = [SkippedFile(f"{number}.jpg", "empty | file") for number in range(3)]
    run, _ = make_run(tmp_path, skipped=skipped)
    text = images_part(run, run.metrics())
    assert "150 images of the collection “photos” were used: 90 to train, 30 to validate and 30 to test." in text
    assert "3 files were left out" in text
    assert "| empty \\| file | 3 |" in text


@pytest.mark.parametrize("known", [True, False])
def test_limits_are_facts_of_the_run(tmp_path: Path, known: bool) -> None:
    changes = {"warnings": ["few images of <b>"]} | ({"calibration": {"error": 0.02}} if known else {})
    run, _ = make_run(tmp_path, changes=changes)
    text = limits_part(run, run.metrics())
    assert "- few images of \\<b\\>" in text
    assert ("calibration" in text) != known
    assert f"“daisy” has 10 test images, so one answer more or less moves its recall by 10.0{THIN}%" in text


def test_the_result_without_a_test_claims_none(tmp_path: Path) -> None:
    run, _ = make_run(tmp_path)
    tested = result_part(run, run.metrics())
    assert "| test accuracy | 86.7" in tested
    assert "Test is measured once" in tested
    metrics = run.metrics()
    del metrics["test"]
    untested = result_part(run, metrics)
    assert "| validation accuracy | 100.0" in untested
    assert "measured once" not in untested
    assert "which took part in choosing it" in introduction_part(metrics)
