"""Runs every benchmark, one after the other (`make bench`): three quarters of an hour."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent

NAMES = ["features", "heads", "choice", "commands", "memory", "study", "finetuning", "fusing", "predicting", "serving"]

for name in NAMES:
    print(f"\n== {name}", flush=True)
    arguments = [] if name == "heads" else sys.argv[1:]
    subprocess.run([sys.executable, str(HERE / f"{name}.py"), *arguments], check=True)
