from __future__ import annotations

from typing import Any

from regraft.reports._joint_words import joint_words
from regraft.reports._words import THIN

MEMBERS = [
    {"name": "EfficientNetLite1@320", "features": 1280, "resized_to": None},
    {"name": "MobileNet-0.75", "features": 768, "resized_to": 224},
]


def step(added: str, accuracy: float, taken: bool = True) -> dict[str, Any]:
    return {"added": added, "accuracy": accuracy, "taken": taken, "tried": {"a": 0.5, "b": 0.6, added: accuracy}}


def test_nothing_of_one_backbone_that_was_given() -> None:
    assert joint_words({"name": "MobileNetV2"}) == []
    assert joint_words({}) == []


def test_what_each_gives_and_how_they_are_put_together() -> None:
    (text,) = joint_words({"members": MEMBERS, "size": [320, 320]})
    assert text.startswith("2 backbones see the same 320 × 320 pixels")
    assert "1,280 of EfficientNetLite1@320 and 768 of MobileNet-0.75" in text
    assert "resized for MobileNet-0.75 to 224 pixels a side" in text
    assert "each counts alike" in text
    assert "each counts alike" not in joint_words({"members": MEMBERS, "size": [320, 320]}, scaled=False)[0]
    (text,) = joint_words({"members": [MEMBERS[0], {**MEMBERS[1], "resized_to": None}], "size": [320, 320]})
    assert "resized" not in text


def test_how_they_were_chosen() -> None:
    steps = [step("A\n", 0.9), step("B", 0.925), step("C", 0.93, taken=False)]
    (text,) = joint_words({"search": {"images": 800, "steps": steps, "left_out": ["D (late)"]}})
    assert f"Of 3 candidates A\\n was chosen as the best alone (90.0{THIN}% of 800 training and validation" in text
    assert f"; with B 92.5{THIN}%); adding C brought less" in text
    assert text.endswith("somewhat too high. The test images took no part. Left out: D (late).")
    (text,) = joint_words({"search": {"images": 1, "steps": steps[:1], "left_out": []}})
    assert "adding" not in text
    assert text.endswith("The test images took no part.")
