from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from regraft.delivery_api import export


def test_export_hands_everything_on(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    def made(run: Any, formats: Any, **options: Any) -> str:
        asked.append((run.path, formats, options))
        return "done"

    monkeypatch.setattr("regraft.deployment.exporting.export_run", made)
    assert export("flowers", "openvino", precision="int8", output="out", images="moved", benchmark=True) == "done"
    assert export("flowers") == "done"
    nothing = {"precision": "f32", "output": None, "images": None, "measure_speed": False, "tell": None}
    given = {"precision": "int8", "output": Path("out"), "images": Path("moved"), "measure_speed": True, "tell": None}
    assert asked == [(Path("flowers"), ["openvino"], given), (Path("flowers"), ["onnx"], nothing)]
