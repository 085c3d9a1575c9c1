"""What a run ran on: versions, machine, command."""

from __future__ import annotations

import datetime
import os
import platform
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

_PACKAGES = (
    "regraft",
    "keras",
    "openvino",
    "numpy",
    "scipy",
    "scikit-learn",
    "pyarrow",
    "pillow",
    "simplejpeg",
    "opencv-python-headless",
    "safetensors",
    "tensorflow-cpu",
    "tensorflow",
    "torch",
    "jax",
)


def describe_environment() -> dict[str, Any]:
    """Versions of what took part, the machine, the command and the time (UTC), as plain JSON."""
    return {
        "time": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "command": [Path(sys.argv[0]).name, *sys.argv[1:]],
        "python": platform.python_version(),
        "platform": platform.platform(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "packages": {name: version for name in _PACKAGES if (version := _version(name))},
    }


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())
