from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import regraft as package


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
    assert "Finished work is kept" in done.err
