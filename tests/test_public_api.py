from __future__ import annotations

import subprocess
import sys

import pytest

import regraft

PUBLIC = [
    "InputError",
    "RegraftError",
    "RunFolder",
    "StudyFolder",
    "adapt",
    "classify",
    "compare",
    "cut",
    "evaluate",
    "export",
    "find_learning_rate",
    "finetune",
    "open_images",
    "predict",
    "rank",
    "read_image",
    "search",
    "study",
    "train",
]


def test_the_public_names_are_these_and_no_others() -> None:
    assert regraft.__all__ == PUBLIC
    for name in PUBLIC:
        assert getattr(regraft, name).__doc__
    with pytest.raises(AttributeError, match="nonsense"):
        _ = regraft.nonsense


def test_importing_regraft_is_instant() -> None:
    code = "import sys, regraft; sys.exit(', '.join({'numpy', 'keras', 'pydantic'} & set(sys.modules)) or 0)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_openvino_does_not_report_its_use() -> None:
    code = (
        "import regraft, openvino, sys; sys.exit(any(name.startswith('openvino_telemetry.') for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
