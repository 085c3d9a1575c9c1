"""The README's commands and Python lines are run, in order, as a newcomer would run them."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from regraft.cli.main import app

README = Path(__file__).parents[1] / "README.md"

# What takes long and is run from beginning to end by a test of its own (tests/cli): here only its options are read.
RUN_ELSEWHERE = {"demo", "finetune", "lr-find", "search"}


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def commands() -> list[list[str]]:
    """The commands in their order, one that comes twice only once."""
    lines = [line.split("#")[0].strip() for block in blocks("sh") for line in block.splitlines()]
    return [shlex.split(line) for line in dict.fromkeys(lines) if line.startswith("regraft ")]


@pytest.fixture
def newcomer(photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with `photos/`, `more_photos/` and `rose.jpg` in it."""
    names = {"red": "roses", "green": "tulips", "blue": "daisy"}
    for old, new in names.items():
        shutil.copytree(photos / old, tmp_path / "photos" / new)
        (tmp_path / "more_photos" / new).mkdir(parents=True)
        for number, path in enumerate(sorted((photos / old).iterdir())[:3]):
            content = path.read_bytes() + b"another"
            (tmp_path / "more_photos" / new / f"{number}.jpg").write_bytes(content)
    shutil.copy(next((photos / "red").iterdir()), tmp_path / "rose.jpg")
    (tmp_path / "my_study.toml").write_text(blocks("toml")[0], encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_commands_of_the_readme_work(newcomer: Path) -> None:
    found = commands()
    told = "train finetune lr-find predict evaluate compare report study backbones cache demo"
    assert {command[1] for command in found} >= set(told.split())
    for command in found:
        if command[1] in RUN_ELSEWHERE:
            typer.main.get_command(app).commands[command[1]].make_context(command[1], command[2:])
            continue
        program = [sys.executable, "-m", "regraft.cli.main", *command[1:]]
        done = subprocess.run(program, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{command}: {done.stderr}"
    for block in blocks("python"):
        done = subprocess.run([sys.executable, "-c", block], capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{block}: {done.stderr}"


def test_the_readme_names_the_verbs_of_the_makefile() -> None:
    makefile = (README.parent / "Makefile").read_text(encoding="utf-8")
    verbs = re.findall(r"^([a-z-]+):", makefile, re.MULTILINE)
    named = set(re.findall(r"`?make ([a-z-]+)`?", README.read_text(encoding="utf-8")))
    assert {"demo", "test"} <= named <= set(verbs)
