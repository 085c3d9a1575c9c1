"""Predicting a folder of images into a file, against extracting the features of the same images.

python benchmarks/predicting.py --images FOLDER [--run RUN] [--repeats 5]

Both start from files. `extract` (an empty store each time) hashes, decodes, computes and stores features; `predict`
decodes, computes, applies the head and writes a CSV or Parquet file. The network is compiled in each round of both. The
last column is the ratio of the speeds within a round, its median. CPU seconds say more than the clock on a machine that
others use too.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from _measuring import image_folder, machine


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=Path)
    parser.add_argument("--run", type=Path, help="a finished run; one is trained on the images where it is left out")
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    folder = image_folder(parser)
    print(f"# {machine()}")
    with tempfile.TemporaryDirectory() as scratch:
        run = options.run or trained(folder, Path(scratch) / "run")
        compare(run, folder, options.repeats, Path(scratch))


def trained(folder: Path, run: Path) -> Path:
    from regraft.api import train

    train(folder, output=run, settings={"head": {"epochs": 10}})
    return run


def compare(run: Path, folder: Path, repeats: int, scratch: Path) -> None:
    from regraft.features.extraction import extract
    from regraft.images.folders import scan_folder
    from regraft.images.listing import list_images
    from regraft.runs.bulk import write_answers
    from regraft.runs.data import find_base
    from regraft.runs.folder import RunFolder
    from regraft.runs.head import read_head

    base = find_base(RunFolder(run).config().backbone)
    precision = read_head(run / "head.safetensors").precision

    def extraction() -> int:
        images = scan_folder(folder).images
        done = extract(images, base, precision=precision)
        return done.computed

    def predicting(suffix: str) -> int:
        return write_answers(run, list_images([folder]), scratch / f"answers{suffix}").images

    works: dict[str, Callable[[], int]] = {
        "extract": extraction,
        "predict to CSV": lambda: predicting(".csv"),
        "predict to Parquet": lambda: predicting(".parquet"),
    }
    speeds: dict[str, list[float]] = {name: [] for name in works}
    processor: dict[str, list[float]] = {name: [] for name in works}
    cache = Path(os.environ.get("REGRAFT_CACHE", scratch / "cache"))
    graphs = cache / "graphs"
    for turn in range(repeats + 1):
        for name, work in works.items():
            with tempfile.TemporaryDirectory() as empty:
                if graphs.is_dir():
                    (Path(empty) / "graphs").symlink_to(graphs)  # the network's graph is built once, for both
                os.environ["REGRAFT_CACHE"] = empty
                clock, cpu = time.perf_counter(), time.process_time()
                count = work()
                clock, cpu = time.perf_counter() - clock, time.process_time() - cpu
            if turn:  # the first round warms up
                speeds[name].append(count / clock)
                processor[name].append(1000 * cpu / count)
    print(f"{count} images\nway                 images/s   CPU ms an image   images/s over those of extract")
    for name in works:
        ratio = statistics.median(ours / theirs for ours, theirs in zip(speeds[name], speeds["extract"], strict=True))
        speed, used = statistics.median(speeds[name]), statistics.median(processor[name])
        print(f"{name:<18} {speed:>9.0f} {used:>17.2f} {ratio:>9.2f}")


if __name__ == "__main__":
    main()
