"""`regraft backbones`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from regraft.cli._output import note, say, say_json

if TYPE_CHECKING:
    from regraft.backbones.names import BackboneName


def backbones(
    names: Annotated[
        list[str] | None, typer.Argument(help="Only these, also as NAME-WIDTH@SIZE. Default: all.")
    ] = None,
    measure: Annotated[
        bool,
        typer.Option(
            "--measure", help="Add this machine's milliseconds an image (random weights; takes minutes for all)."
        ),
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """List the backbones: sizes, ImageNet accuracy, licences, and whether their weights are here."""
    from regraft.backbones.catalogue import CATALOGUE
    from regraft.backbones.names import BackboneName, parse_backbone
    from regraft.backbones.weights import local_weights

    chosen = [parse_backbone(name) for name in names] if names else [BackboneName(name) for name in CATALOGUE]
    times = _measured(chosen) if measure else {}
    # The cards' figures are those of the usual width, the accuracies those of the usual size.
    rows = [
        {
            "name": str(name),
            "size": name.size,
            "parameters": card.parameters if name.alpha == 1.0 else None,
            "size_mb": card.size_mb if name.alpha == 1.0 else None,
            "top1": card.top1 if str(name) == card.name else None,
            "top5": card.top5 if str(name) == card.name else None,
            "depth": card.depth,
            "features": card.features if name.alpha == 1.0 else None,
            "alphas": list(card.alphas),
            "preprocessing": card.preprocessing.name,
            "licence": card.licence,
            "weights_here": local_weights(name) is not None,
            "ms_per_image": times.get(str(name)),
            "source": card.source,
            "note": card.note,
        }
        for name, card in ((name, name.card) for name in chosen)
    ]
    if json:
        say_json({"backbones": rows})
        return
    _table(rows, measure)
    if names:
        for row in rows:
            say(f"\n{row['name']}: {row['source']}")
            if row["note"]:
                say(str(row["note"]))


def _table(rows: list[dict[str, Any]], measure: bool) -> None:
    heads = ["backbone", "input", "params", "MB", "top-1", "top-5", "depth", "features", "widths", "here", "licence"]
    if measure:
        heads.insert(-1, "ms/image")
    lines = [heads]
    for row in rows:
        cells = [
            row["name"],
            f"{row['size']}",
            "-" if row["parameters"] is None else f"{row['parameters'] / 1e6:.1f} M",
            "-" if row["size_mb"] is None else f"{row['size_mb']:.0f}",
            _or_dash(row["top1"]),
            _or_dash(row["top5"]),
            _or_dash(row["depth"]),
            _or_dash(row["features"]),
            " ".join(f"{alpha:g}" for alpha in row["alphas"]) or "1",
            "yes" if row["weights_here"] else "no",
            row["licence"],
        ]
        if measure:
            cells.insert(-1, "-" if row["ms_per_image"] is None else f"{row['ms_per_image']:.1f}")
        lines.append(cells)
    widths = [max(len(line[column]) for line in lines) for column in range(len(heads))]
    for line in lines:
        # Names and licences to the left, numbers to the right.
        cells = [
            cell.ljust(width) if column in (0, len(heads) - 1) else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ]
        say("  ".join(cells).rstrip())
    note("here: its ImageNet weights are on this machine; others are downloaded at first use, or given with --weights.")


def _or_dash(value: float | None) -> str:
    return "-" if value is None else f"{value:g}"


def _measured(names: list[BackboneName]) -> dict[str, float]:
    from regraft._progress import progress
    from regraft.features.timing import milliseconds_per_image

    times = {}
    with progress("Measuring", len(names), "backbones") as advance:
        for name in names:
            times[str(name)] = milliseconds_per_image(str(name))
            advance(1)
    return times
