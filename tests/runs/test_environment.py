from __future__ import annotations

import json
import platform

import regraft
from regraft.runs.environment import describe_environment


def test_versions_and_machine_are_written_down() -> None:
    facts = json.loads(json.dumps(describe_environment()))
    assert facts["python"] == platform.python_version()
    assert facts["packages"]["regraft"] == regraft.__version__
    assert {"keras", "openvino", "numpy"} <= set(facts["packages"])
    assert facts["processor"]
