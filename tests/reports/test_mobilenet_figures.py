from __future__ import annotations

from pathlib import Path

from figure_results import texts
from made_mobilenet import RIGHT, found_mobilenet, four_steps, step

from regraft.reports.mobilenet_figures import TITLES, story


def test_the_story_shows_every_stage_and_every_step(tmp_path: Path) -> None:
    drawn = story(found_mobilenet(tmp_path / "study", dogs=None))
    shown = texts(drawn)
    assert {"untrained", "trained from scratch", "pretrained, new head", "pretrained, fine-tuned", *TITLES} <= set(
        shown
    )
    assert "guessing one of three classes" in shown
    assert any(text.startswith("92.0") and text.endswith("(85.0 to 95.9)") for text in shown)
    assert "80.0" in drawn.description
    assert drawn.width == 1.0


def test_divergence_and_steps_of_one_epoch_are_drawn_too(tmp_path: Path) -> None:
    steps = [*four_steps()[:2], step(3, [0.5]), step(4, [0.5, 0.4])]
    steps[3].history[-1].update(loss=None, val_loss=None, val_accuracy=None)
    right = {stage: count for stage, count in RIGHT.items() if stage != "scratch"}
    shown = texts(story(found_mobilenet(tmp_path / "study", dogs=None, steps=steps, right=right)))
    assert "trained from scratch" not in shown
