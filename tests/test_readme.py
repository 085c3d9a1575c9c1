"""The README's commands and Python lines are run, in order, as a newcomer would run them."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import typer
from small_studies import leave_out_the_model, leave_out_the_slow_facts, train_on_features

from regraft.cli.main import app, main

README = Path(__file__).parents[1] / "README.md"

# What takes long and is run from beginning to end by a test of its own (tests/cli): here only its options are read.
RUN_ELSEWHERE = {"demo", "finetune", "lr-find", "search", "--control"} | {
    "classify",
    "rank",
    "serve",
    "adapt",
    "mobilenet",
    "MobileNetV2@320",
    "--measure",
}

# Started as a newcomer starts them, by the installed command and by `python -m`. All others run in this process:
# importing Keras takes longer than most of them.
INSTALLED = str(Path(sys.executable).with_name("regraft"))
STARTED = {
    "train photos/": [INSTALLED],
    "predict runs/photos-EfficientNetLite0 rose.jpg": [sys.executable, "-m", "regraft.cli.main"],
}


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def commands() -> list[list[str]]:
    """The commands in their order, one that comes twice only once."""
    lines = [line.split("#")[0].strip() for block in blocks("sh") for line in block.splitlines()]
    return [shlex.split(line) for line in dict.fromkeys(lines) if line.startswith("regraft ")]


@pytest.fixture
def newcomer(photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with `photos/`, `more_photos/`, `new_photos/` and `rose.jpg` in it."""
    names = {"red": "roses", "green": "tulips", "blue": "daisy"}
    for old, new in names.items():
        shutil.copytree(photos / old, tmp_path / "photos" / new)
        (tmp_path / "more_photos" / new).mkdir(parents=True)
        for number, path in enumerate(sorted((photos / old).iterdir())[:3]):
            content = path.read_bytes() + b"another"
            (tmp_path / "more_photos" / new / f"{number}.jpg").write_bytes(content)
    shutil.copytree(tmp_path / "more_photos", tmp_path / "new_photos")
    shutil.copy(next((photos / "red").iterdir()), tmp_path / "rose.jpg")
    (tmp_path / "my_study.toml").write_text(blocks("toml")[0], encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Callable[[list[str]], None]:
    """Runs a command, which must end well.

    Only what is started in a process of its own saves its model, which the README goes on to open; the standard side of
    the flower study is trained through Keras in `tests/studies/test_agreement.py`, its slow facts are found in
    `test_flowers.py` beside it.
    """
    leave_out_the_model(monkeypatch)
    leave_out_the_slow_facts(monkeypatch)
    monkeypatch.setattr("regraft.training.standard.train_heads_standard", train_on_features)

    def run(command: list[str]) -> None:
        if program := STARTED.get(" ".join(command[1:])):
            done = subprocess.run([*program, *command[1:]], capture_output=True, text=True, check=False)
            assert done.returncode == 0, f"{command}: {done.stderr}"
            return
        monkeypatch.setattr(sys, "argv", command)
        with pytest.raises(SystemExit) as stopped:
            main()
        assert not stopped.value.code, f"{command}: {capfd.readouterr().err}"

    return run


def test_the_commands_of_the_readme_work(newcomer: Path, run: Callable[[list[str]], None]) -> None:
    found = commands()
    told = "train finetune lr-find predict evaluate compare report study backbones classify rank adapt cache demo"
    assert {command[1] for command in found} >= set(told.split())
    assert {" ".join(command[1:]) for command in found} >= set(STARTED)
    for command in found:
        if RUN_ELSEWHERE & set(command):
            typer.main.get_command(app).commands[command[1]].make_context(command[1], command[2:])
        else:
            run(command)
    for block in blocks("python"):
        exec(compile(block, "<the README>", "exec"), {"__name__": "__main__"})


def test_the_readme_names_the_verbs_of_the_makefile() -> None:
    makefile = (README.parent / "Makefile").read_text(encoding="utf-8")
    verbs = re.findall(r"^([a-z-]+):", makefile, re.MULTILINE)
    named = set(re.findall(r"`?make ([a-z-]+)`?", README.read_text(encoding="utf-8")))
    assert {"demo", "test"} <= named <= set(verbs)
