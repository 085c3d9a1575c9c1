from __future__ import annotations

import subprocess
import sys

import pytest

from regraft.backbones.base import Base

REFUSED = """
import sys
from regraft.backbones.base import open_base
from regraft.errors import InputError
from regraft.features.engines import open_engine
try:
    open_engine("keras", open_base(sys.argv[1]))
except InputError as error:
    print(error)
"""


def test_the_keras_engine_refuses_a_backend_that_may_compute_in_bf16(
    base: Base, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KERAS_BACKEND", "openvino")
    command = [sys.executable, "-c", REFUSED, base.spelling]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "cannot run on Keras' openvino backend" in done.stdout
    assert "leave --engine keras out" in done.stdout
