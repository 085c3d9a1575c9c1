"""Runs every benchmark, one after the other (`make bench`): some half an hour."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent

for name in ("features", "heads", "choice", "commands", "memory", "study", "finetuning", "fusing"):
    print(f"\n== {name}", flush=True)
    arguments = [] if name == "heads" else sys.argv[1:]
    subprocess.run([sys.executable, str(HERE / f"{name}.py"), *arguments], check=True)
