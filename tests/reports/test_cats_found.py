from __future__ import annotations

import math
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from made_cats import CLOSE, NETWORKS, found, heads, made_cats, trained_facts, tuned
from made_studies import NAN, made_run, named_results

from regraft.evaluation.intervals import wilson_interval
from regraft.reports.cats_found import gather_cats, is_frozen
from regraft.runs.folder import RunFolder
from regraft.studies.cats_results import scratch_runs, tuned_run


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """Three classes in 30 validation images, all of them answered rightly; it may stand for a training, too."""
    changes = {"trained": trained_facts(), "chosen": {"epoch": 2, "label": "x"}}
    return made_run(tmp_path_factory.mktemp("found") / "run", classes=("cats", "dogs"), changes=changes)


def test_everything_is_read_from_the_folder(run: RunFolder, tmp_path: Path) -> None:
    facts = found(run, heads(), tuned(CLOSE[:3])).facts
    plain = named_results(CLOSE, {"backbone.name": NETWORKS, "head.activation": ("sigmoid", "softmax")})
    plain = replace(plain, runs=tuple((run.path,) * 3 for _ in CLOSE))
    study = made_cats(tmp_path / "study", replace(found(run), frozen=plain), run)
    study.write_facts(**{**facts, "scratch": ["MobileNetV2"], "tuned": facts["tuned"] | {"seeds": 2}})
    for network in NETWORKS:
        shutil.copytree(run.path, tuned_run(study, network, 0, 0).path)
    for last in (5, 10):
        for seed in (0, 1):
            shutil.copytree(run.path, tuned_run(study, "MobileNetV2", last, seed).path)
    for one in scratch_runs(study, "MobileNetV2"):
        shutil.copytree(run.path, one.path)
    gathered = gather_cats(study)
    assert gathered.networks == list(NETWORKS)
    assert gathered.classes == ["cats", "dogs"]
    assert gathered.frozen.accuracy.shape == (4, 3)
    assert gathered.everything.accuracy.shape == (6, 2)
    assert gathered.tuned is not None
    np.testing.assert_allclose(gathered.tuned.accuracy[1:], 1.0)
    assert [(one.backbone, one.last) for one in gathered.trained] == [
        *(("EfficientNetLite0", 0), ("MobileNetV2", 0), ("MobileNetV2", 5), ("MobileNetV2", 10))
    ]
    assert gathered.took("MobileNetV2", 5) is gathered.trained[2]
    assert gathered.took("VGG19", 5) is None
    assert gathered.scratch[0].pair.difference == 0
    assert gathered.test == run.metrics()["test"]
    assert set(gathered.of_outputs) == set(NETWORKS)
    assert set(gathered.of_tuned) == {"MobileNetV2"}
    assert [is_frozen(gathered.everything, row) for row in range(6)] == [True] * 4 + [False] * 2


def test_where_nothing_was_trained_through_keras(run: RunFolder) -> None:
    gathered = found(run, heads(CLOSE[:2], outputs=("softmax",)), refused="no")
    assert (gathered.of_tuned, gathered.of_outputs, gathered.tuned_whole) == ({}, {}, None)
    assert gathered.refused == "no"


def test_an_interval_is_that_of_what_varies(run: RunFolder) -> None:
    drawn = found(run)
    verdict = drawn.of_frozen.verdicts[0]
    assert drawn.interval(verdict) == (verdict.low, verdict.high)
    given = found(run, collection=drawn.facts["collection"] | {"splits": ["train", "validation"]})
    assert given.interval(verdict) == wilson_interval(197, 200)
    single = found(run, heads([row[:1] for row in CLOSE]))
    assert single.interval(single.of_frozen.verdicts[0]) == wilson_interval(196, 200)
    lost = found(run, heads([[NAN], *(row[:1] for row in CLOSE[1:])]))
    assert all(map(math.isnan, lost.interval(lost.of_frozen.verdicts[0])))


def test_the_precision_is_the_mean_of_the_runs(run: RunFolder, tmp_path: Path) -> None:
    gathered = found(run)
    other = RunFolder(tmp_path)
    half = {"macro": {"precision": 0.5}, "per_class": [{"precision": 0.25}, {"precision": 0.75}]}
    other.write_json("metrics", {"validation": half})
    results = replace(gathered.frozen, runs=((run.path, other.path), *gathered.frozen.runs[1:]))
    assert gathered.precisions(results, 0) == (0.75, [0.625, 0.875])
    other.write_json("metrics", {"diverged": True})
    assert gathered.precisions(results, 0) == (1.0, [1.0, 1.0])
    lost = replace(results, runs=((other.path,), *results.runs[1:]))
    assert np.isnan(gathered.precisions(lost, 0)[1]).all()
