"""Crossing domains: what each method gives on real cases, how good the choice is, and when adapting hurts.

python benchmarks/adaptation.py --images FLOWERS --mnist FOLDER [--labels 0 --labels 5] [--seeds 3] [--work FOLDER]

For each seed the flower photos are first cut in half: one half is the source, of the other half the versions of the
target are made, so that no photograph is in both. Of the digits at most 100 images a class are the source, as many are
adapted to, and as many measured. Prints tables in Markdown: accuracies on the measured target images, means over the
seeds; a + for each seed in which a method was shown to help against the source alone, a − where it hurt.
"""

from __future__ import annotations

import argparse
import hashlib
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from _measuring import image_folder, machine

from regraft.images.domains import VERSIONS, write_versions
from regraft.images.labelled import LabelledImage
from regraft.images.opening import open_images
from regraft.transfer.adaptation.choosing import LABEL_FREE
from regraft.transfer.adaptation.job import adapt_domains

Case = tuple[str, str, str, int | None]  # its name, source, target, images of each class at most
SCORES = ("there_and_back", "negative_entropy", "neighbourhood_density")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=Path)
    parser.add_argument("--mnist", default="mnist")
    parser.add_argument("--labels", type=int, action="append")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--work", type=Path, help="Where the made images are kept; a temporary folder by default.")
    options = parser.parse_args()
    flowers = image_folder(parser)
    print(f"# {machine()}; {options.seeds} seeds")
    with tempfile.TemporaryDirectory() as temporary:
        work = options.work or Path(temporary)
        cases = {seed: made_cases(flowers, options.mnist, work, seed) for seed in range(options.seeds)}
        for labels in options.labels or [0, 5]:
            show(labels, {seed: [measured(case, labels, seed) for case in cases[seed]] for seed in cases})


def made_cases(flowers: Path, mnist: str, work: Path, seed: int) -> list[Case]:
    """The cases of one seed, their images made where they are not there yet."""
    photos = open_images(flowers).images
    halves = [[image for image in photos if (drawn(image, seed) < 0.5) is first] for first in (True, False)]
    folder = work / str(seed)
    source, other = linked(halves[0], folder / "flowers"), linked(halves[1], folder / "others")
    for version in VERSIONS:
        if not (folder / version).exists():
            write_versions(halves[1], version, folder / version, size=256)
    common = sorted({image.label for image in photos})[0]
    uneven = [image for image in halves[1] if image.label == common or drawn(image, seed + 100) < 0.15]
    if not (folder / "uneven night").exists():
        write_versions(uneven, "night", folder / "uneven night", size=256)
    return [
        ("MNIST → digits", mnist, "digits", 100),
        ("digits → MNIST", "digits", mnist, 100),
        ("flowers → night", source, str(folder / "night"), None),
        ("flowers → sketch", source, str(folder / "sketch"), None),
        ("flowers → other flowers", source, other, None),
        ("flowers → night, mostly one class", source, str(folder / "uneven night"), None),
    ]


def drawn(image: LabelledImage, seed: int) -> float:
    """A number from 0 to 1 that hangs on the image's content."""
    return int(hashlib.sha256(f"half {seed}:{image.sha256}".encode()).hexdigest()[:12], 16) / 16**12


def linked(images: Sequence[LabelledImage], folder: Path) -> str:
    """A folder of class folders with links to the images."""
    for image in images:
        link = folder / image.label / f"{image.sha256[:16]}.jpg"
        link.parent.mkdir(parents=True, exist_ok=True)
        if not link.is_symlink():
            link.symlink_to(Path(image.source).resolve())  # type: ignore[arg-type]
    return str(folder)


def measured(case: Case, labels: int, seed: int) -> tuple[str, dict[str, Any]]:
    """What adapting gave in one case."""
    name, source, target, per_class = case
    done = adapt_domains(source, target, labels=labels, per_class=per_class, seed=seed)
    return name, done.facts


def show(labels: int, found: dict[int, list[tuple[str, dict[str, Any]]]]) -> None:
    """The tables of one number of labels."""
    by_case: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for results in found.values():
        for name, facts in results:
            by_case[name].append(facts)
    methods = [row["title"] for row in next(iter(by_case.values()))[0]["methods"]]
    print(f"\n## {labels} labels of each class\n\n| case | measured | {' | '.join(methods)} | chosen | best |")
    print("|---" * (len(methods) + 4) + "|")
    for name, all_facts in by_case.items():
        columns = [column(all_facts, method) for method in methods]
        chosen = mean([accuracy(facts, facts["chosen"]["method"]) for facts in all_facts])
        highest = mean([max(row["measured"]["accuracy"] for row in facts["methods"]) for facts in all_facts])
        images = all_facts[0]["target"]["measured"]
        print(f"| {name} | {images} | {' | '.join(columns)} | {100 * chosen:.1f} | {100 * highest:.1f} |", flush=True)
    everything = [facts for all_facts in by_case.values() for facts in all_facts]
    if labels == 0:
        titles = "score | chose the best | worse than the best, mean | at most | worse than the source alone"
        print(f"\n| {titles} |\n{'|---' * 5}|")
        print(f"| the choice | {' | '.join(quality(everything, None))} |")
        for score in SCORES:
            words = f"{score} alone{' (used)' if score == LABEL_FREE else ''}"
            print(f"| {words} | {' | '.join(quality(everything, score))} |")
    for name, all_facts in by_case.items():
        chosen = ", ".join(facts["chosen"]["method"] for facts in all_facts)
        apart = ", ".join(f"{100 * facts['told_apart']['accuracy']:.0f} %" for facts in all_facts)
        print(f"- {name}: {chosen}; domains told apart: {apart}")


def accuracy(facts: dict[str, Any], method: str) -> float:
    return next(float(row["measured"]["accuracy"]) for row in facts["methods"] if row["name"] == method)


def column(all_facts: Sequence[dict[str, Any]], title: str) -> str:
    """The mean accuracy of a method, with how often it was shown to help (+) and to hurt (-)."""
    rows = [row for facts in all_facts for row in facts["methods"] if row["title"] == title]
    kinds = [row["against"]["source-only"]["kind"] for row in rows if "source-only" in row["against"]]
    marks = "+" * kinds.count("helps") + "−" * kinds.count("hurts")
    return f"{100 * mean([row['measured']['accuracy'] for row in rows]):.1f}{' ' + marks if marks else ''}"


def quality(everything: Sequence[dict[str, Any]], score: str | None) -> list[str]:
    """How well one score alone would have chosen; None for the choice as it was made."""
    lost, right, below = [], 0, 0
    for facts in everything:
        picked = next(row for row in facts["methods"] if row["name"] == facts["chosen"]["method"])
        if score is not None:
            picked = max(facts["methods"], key=lambda row: row["scores"][score])
        highest = max(row["measured"]["accuracy"] for row in facts["methods"])
        lost.append(highest - picked["measured"]["accuracy"])
        right += lost[-1] == 0
        below += picked["measured"]["accuracy"] < accuracy(facts, "source-only")
    of = len(everything)
    return [f"{right} of {of}", f"{100 * mean(lost):.1f} points", f"{100 * max(lost):.1f} points", f"{below} of {of}"]


def mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


if __name__ == "__main__":
    main()
