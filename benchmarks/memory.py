"""Peak memory of the extraction at 2,000 and at 20,000 images.

python benchmarks/memory.py --images FOLDER [--small 2000 --large 20000]

The images are those of FOLDER over and over, each copy with its number behind the end of the picture, so that each is
an image of its own to the store.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from itertools import cycle, islice
from pathlib import Path

from _measuring import image_folder, machine

EXTRACT = """
import resource, sys
from pathlib import Path
from regraft.backbones.base import open_base
from regraft.features.extraction import extract
from regraft.images.folders import scan_folder
found = extract(scan_folder(Path(sys.argv[1])).images, open_base("EfficientNetLite0"))
print(found.computed, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=Path)
    parser.add_argument("--small", type=int, default=2000)
    parser.add_argument("--large", type=int, default=20000)
    options = parser.parse_args()
    folder = image_folder(parser)
    print(f"# {machine()}")
    peaks = [peak(folder, count) for count in (options.small, options.small, options.large)][1:]
    for count, megabytes in zip((options.small, options.large), peaks, strict=True):
        print(f"{count:>6} images: peak {megabytes} MB")
    print(f"ratio {peaks[1] / peaks[0]:.3f}")


def peak(folder: Path, count: int) -> int:
    """Peak resident memory in MB of a process that extracts `count` images."""
    photos = [path.read_bytes() for path in sorted(folder.rglob("*.jpg"))]
    with tempfile.TemporaryDirectory() as scratch:
        for number, photo in enumerate(islice(cycle(photos), count)):
            target = Path(scratch) / "images" / f"class{number % 2}" / f"{number}.jpg"
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(photo + number.to_bytes(4, "big"))
        environment = {**os.environ, "REGRAFT_CACHE": f"{scratch}/cache"}
        command = [sys.executable, "-c", EXTRACT, f"{scratch}/images"]
        done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    computed, megabytes = map(int, done.stdout.split())
    if computed != count:
        raise SystemExit(f"{computed} images were extracted, {count} expected")
    return megabytes


if __name__ == "__main__":
    main()
