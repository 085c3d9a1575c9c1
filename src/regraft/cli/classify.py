"""`regraft classify`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from regraft.cli._output import note, percent, say, say_json, shown

_COMMONEST = 3


def classify(
    images: Annotated[
        list[str],
        typer.Argument(
            help="Image files, or folders of images; or one labelled collection: a folder of class folders, a CSV or "
            "JSONL manifest, or digits, mnist, flowers, cats-and-dogs."
        ),
    ],
    backbone: Annotated[
        str, typer.Option(help="EfficientNetLite0, MobileNetV2, MobileNet-0.75 … (`regraft backbones` lists them).")
    ] = "EfficientNetLite0",
    weights: Annotated[
        Path | None, typer.Option(help="A weight file for the backbone, with its 1000-class layer.")
    ] = None,
    path: Annotated[Path | None, typer.Option(help="A local copy of a named set.")] = None,
    top: Annotated[int, typer.Option(min=1, max=1000, help="How many answers for each image.")] = 5,
    json: Annotated[
        bool, typer.Option("--json", help="One JSON object on stdout; of a collection with the answers for each image.")
    ] = False,
) -> None:
    """Say which of ImageNet's 1,000 classes is on images, with the backbone's own head: the picture before transfer.

    For labelled images: whether ImageNet has such a class, how often the network says it, and what it says instead.
    """
    from regraft.reports._words import count
    from regraft.reports.as_it_comes_words import what_is_missing
    from regraft.transfer.as_it_comes import classify_as_it_comes

    found = classify_as_it_comes(images, backbone, weights=weights, top=top, path=path)
    collection = found["collection"]
    conclusion = None if collection is None else what_is_missing(collection, _again(images, path))
    if json:
        say_json({**found, "conclusion": conclusion})
        return
    if collection is None:
        for image in found["images"]:
            say(shown(image["image"]))
            for answer in image["answers"]:
                say(f"  {percent(answer['probability']):>7}  {answer['wordnet_id']}  {answer['name']}")
    else:
        say(f"{found['backbone']} as it comes: ImageNet's 1,000 classes on {count(collection['images'], 'image')}")
        say()
        for line in _table(collection["classes"]):
            say(line)
        say()
        say(conclusion or "")
    for file in found["skipped"]:
        note(f"Left out {shown(file['image'])}: {file['reason']}")


def _again(images: list[str], path: Path | None) -> list[str]:
    """The arguments that name the same images to another command."""
    return [*images, *([] if path is None else ["--path", str(path)])]


def _table(classes: list[dict[str, Any]]) -> list[str]:
    """A line for each class, under a heading."""
    from regraft.reports._words import shortened, width

    rows = [("class", "images", "ImageNet has", "top-1", "top-5", "commonest answers")]
    for found in classes:
        shares = [f"{answer['name']} {percent(answer['share'])}" for answer in found["answers"]]
        rows.append(
            (
                shortened(found["class"], 30),
                f"{found['images']:,}",
                _counterpart(found),
                _share(found["top1"]),
                _share(found["top5"]),
                ", ".join(shares[:_COMMONEST]),
            )
        )
    widths = [max(width(row[column]) for row in rows) for column in range(5)]
    lines = []
    for row in rows:
        cells = []
        for column, most in enumerate(widths):
            blanks = " " * (most - width(row[column]))
            cells.append(blanks + row[column] if column in (1, 3, 4) else row[column] + blanks)
        lines.append("  ".join([*cells, row[5]]).rstrip())
    return lines


def _counterpart(row: dict[str, Any]) -> str:
    if row["imagenet"] == "none":
        return "no such class"
    classes = row["imagenet_classes"]
    if row["imagenet"] == "kinds":
        return f"{len(classes)} kind{'' if len(classes) == 1 else 's'} of {row['word']}"
    return ", ".join(f"{one['wordnet_id']} {one['name']}" for one in classes)


def _share(share: float | None) -> str:
    return "–" if share is None else percent(share)
