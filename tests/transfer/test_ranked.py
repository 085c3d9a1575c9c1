from __future__ import annotations

import json

import numpy as np

from regraft.images.labelled import SkippedFile
from regraft.transfer.ranked import SCORES, RankedBackbone, Ranking
from regraft.transfer.ranking_findings import agreements, differences

ONE = RankedBackbone(
    name="Lite",
    size=(224, 192),
    accuracy=0.75,
    accuracy_interval=(0.3, 0.95),
    neighbour_accuracy=0.5,
    log_me=-0.1,
    h_score=1.5,
    plain_h_score=2.0,
    top1=None,
    features=8,
    parameters=None,
    size_mb=None,
    macs=7,
    ms_per_image=1.5,
    precision="f32",
    computed=4,
    on_front=True,
    seconds={"features": 1.0, "timing": 0.5, "scores": 0.25},
    right=np.array([True, True, True, False]),
)


def test_all_but_single_answers_as_plain_json() -> None:
    ranking = Ranking(
        images=4,
        classes=("a", "b"),
        folds=2,
        backbones=(ONE,),
        differences=tuple(differences(["Lite", "Other"], [ONE.right, ~ONE.right])),
        agreement=agreements([ONE.accuracy], {name: [getattr(ONE, name)] for name in SCORES}),
        not_tried=("Large",),
        failed=(SkippedFile("Broken", "no weights"),),
        skipped=(SkippedFile("a/1.jpg", "truncated"),),
        within=30.0,
        seconds=2.5,
    )
    found = json.loads(json.dumps(ranking.as_dict(), allow_nan=False))
    assert found["backbones"][0].keys() == vars(ONE).keys() - {"right"}
    assert found["backbones"][0]["size"] == [224, 192]
    assert found["backbones"][0]["accuracy_interval"] == [0.3, 0.95]
    (pair,) = found["differences"]
    assert (pair["first"], pair["second"], pair["shown"]) == ("Lite", "Other", False)
    assert found["agreement"].keys() == set(SCORES)
    assert found["not_tried"] == ["Large"]
    assert found["failed"] == [{"backbone": "Broken", "reason": "no weights"}]
    assert found["skipped"] == [{"name": "a/1.jpg", "reason": "truncated"}]
