"""How long the commands take, as a user waits for them: train from nothing, train on cached features, predict, --help.

python benchmarks/commands.py --images FOLDER [--repeats 3]
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from _measuring import image_folder, machine

REGRAFT = [sys.executable, "-m", "regraft.cli.main"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=Path)
    parser.add_argument("--repeats", type=int, default=3)
    repeats = parser.parse_args().repeats
    folder = image_folder(parser)
    photo = next(path for path in sorted(folder.rglob("*.jpg")))
    seconds: dict[str, list[float]] = {}
    for _ in range(repeats):
        with tempfile.TemporaryDirectory() as scratch:
            environment = {**os.environ, "REGRAFT_CACHE": f"{scratch}/cache"}
            runs = Path(scratch) / "runs"
            for title in ("train, nothing cached", "train, features cached"):
                total, numbers = train(folder, runs / title.replace(" ", "-"), environment)
                seconds.setdefault(title, []).append(total)
                seconds.setdefault(f"{title}: numbers on the screen", []).append(numbers)
            run = str(runs / "train,-features-cached")
            for title, command in (("predict, one photo", ["predict", run, str(photo)]), ("--help", ["--help"])):
                start = time.perf_counter()
                subprocess.run([*REGRAFT, *command], env=environment, check=True, capture_output=True)
                seconds.setdefault(title, []).append(time.perf_counter() - start)
            metrics = json.loads((Path(run) / "metrics.json").read_text())
    print(f"# {machine()}; {sum(metrics['images'].values())} images; medians of {repeats}")
    for title, values in seconds.items():
        print(f"{title:<48} {statistics.median(values):>6.2f} s")
    low, high = metrics["test"]["accuracy_interval"]
    print(f"test accuracy {metrics['test']['accuracy']:.3f}, 95 % interval {low:.3f} to {high:.3f}")


def train(folder: Path, output: Path, environment: dict[str, str]) -> tuple[float, float]:
    """Seconds until the command ends, and until the accuracy is on the screen."""
    start = time.perf_counter()
    command = [*REGRAFT, "train", str(folder), "--output", str(output)]
    quiet = subprocess.DEVNULL
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=quiet, text=True) as job:
        assert job.stdout is not None
        shown = 0.0
        for line in job.stdout:
            if line.startswith("Test accuracy"):
                shown = time.perf_counter() - start
    if job.returncode or not shown:
        raise SystemExit(f"regraft train failed with exit code {job.returncode}")
    return time.perf_counter() - start, shown


if __name__ == "__main__":
    main()
