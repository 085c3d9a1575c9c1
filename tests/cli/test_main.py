from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import regraft as package
from regraft.cli import main as module


def test_help_lists_the_commands(regraft: Callable) -> None:
    done = regraft("--help")
    assert done.code == 0
    for name in ("train", "predict", "evaluate", "backbones", "cache", "demo"):
        assert name in done.out


def test_version(regraft: Callable) -> None:
    assert regraft("--version").out == f"regraft {package.__version__}\n"


def test_bad_usage_is_exit_2(regraft: Callable) -> None:
    assert regraft("tarin").code == 2
    assert regraft("train", "--nonsense").code == 2
    done = regraft("train")
    assert done.code == 2
    assert "Which images?" in done.err


def test_help_imports_nothing_heavy() -> None:
    heavy = "{'keras', 'tensorflow', 'openvino', 'matplotlib', 'sklearn', 'scipy', 'pyarrow', 'cv2', 'pydantic', 'PIL'}"
    code = f"import sys, regraft.cli.main; sys.exit(', '.join({heavy} & set(sys.modules)) or 0)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_ctrl_c_is_exit_130(regraft: Callable, monkeypatch) -> None:
    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("regraft.api.run_config", stop)
    done = regraft("train", "digits")
    assert done.code == 130
    assert "Finished work is kept; `regraft train --resume RUN`" in done.err


def test_ctrl_c_outside_typer(regraft: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "app", stop)
    done = regraft("backbones")
    assert done.code == 130
    assert "--resume RUN" in done.err


def test_an_unexpected_error_is_ours(regraft: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise KeyError("what \x1b[31m happened")

    monkeypatch.setattr(module, "app", fail)
    monkeypatch.delenv("REGRAFT_DEBUG", raising=False)
    done = regraft("backbones")
    assert done.code == 1
    assert done.err.startswith("regraft: unexpected error: KeyError: ")
    assert "REGRAFT_DEBUG=1" in done.err
    assert "Traceback" not in done.err
    assert "\x1b" not in done.err
    monkeypatch.setenv("REGRAFT_DEBUG", "1")
    with pytest.raises(KeyError):
        regraft("backbones")


@pytest.mark.parametrize("arguments", ["backbones", "backbones --json", "--help"])
def test_a_reader_that_has_left(arguments: str) -> None:
    command = f"{sys.executable} -m regraft.cli.main {arguments}"
    process = subprocess.Popen(command.split(), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    process.stdout.close()  # before it can have written anything
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait() in (1, 141)  # 1 is Typer's own
    assert process.returncode == 141 or arguments == "--help"


@pytest.mark.parametrize("arguments", ["backbones", "backbones --json", "--help"])
def test_a_full_disk_behind_stdout(arguments: str) -> None:
    full = Path("/dev/full")
    if not full.is_char_device():
        pytest.skip("this system has no /dev/full")
    command = f"{sys.executable} -m regraft.cli.main {arguments}"
    with full.open("wb") as output:
        done = subprocess.run(command.split(), stdout=output, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("regraft: The output could not be written.\n  Received: [Errno 28]")
    assert "Traceback" not in done.stderr
