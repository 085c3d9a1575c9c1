"""`regraft backbones`."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from regraft._keras_backend import choose_keras_backend
from regraft.cli._output import note, say, say_json
from regraft.errors import InputError

if TYPE_CHECKING:
    from regraft.backbones.names import BackboneName


def backbones(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            help="Only these, with their blocks; also as NAME-WIDTH@SIZE, or a .keras file or run folder. Default: all."
        ),
    ] = None,
    layers: Annotated[
        bool, typer.Option("--layers", help="Add every layer of those named, its shape, and where a cut is allowed.")
    ] = False,
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

    if layers and not names:
        raise InputError("--layers needs the name of a backbone.", hint="regraft backbones MobileNetV2 --layers")
    saved = [name for name in names or [] if _is_saved(name)]
    chosen = (
        [parse_backbone(name) for name in names if name not in saved] if names else list(map(BackboneName, CATALOGUE))
    )
    times = _measured(chosen) if measure else {}
    # The cards' figures are those of the usual width, the accuracies those of the usual size.
    rows: list[dict[str, Any]] = [
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
    if names:
        for name, row in zip(chosen, rows, strict=True):
            row |= _inside(name, layers)
        rows += [{"name": name, **_inside(name, layers)} for name in saved]
    if json:
        say_json({"backbones": rows})
        return
    if chosen:
        _table([row for row in rows if "size" in row], measure)
    for row in rows if names else []:
        say(f"\n{row['name']}" + (f": {row['source']}" if "source" in row else ""))
        if row.get("note"):
            say(str(row["note"]))
        _say_inside(row)


def _is_saved(name: str) -> bool:
    path = Path(name)
    try:
        return path.suffix == ".keras" or (path / "model.keras").is_file()
    except (OSError, ValueError):  # too long for a path, or with a zero in it
        return False


def _inside(name: BackboneName | str, with_layers: bool) -> dict[str, Any]:
    """The blocks of a network, and its layers where they are asked for, for JSON."""
    choose_keras_backend(training=False)
    from regraft.backbones.base import open_base
    from regraft.backbones.layer_rows import block_rows, layer_rows, network_outline
    from regraft.backbones.networks import load_saved_model

    if isinstance(name, str):
        model, card = load_saved_model(open_base(name).weights.path), None
    else:
        model, card = network_outline(name), name.card
    inside: dict[str, Any] = {"blocks": [asdict(row) for row in block_rows(model, card)]}
    if with_layers:
        inside["layers"] = [asdict(row) for row in layer_rows(model, card)]
    return inside


def _say_inside(row: dict[str, Any]) -> None:
    lines = [["--blocks", "block", "begins after", "activations there", "parameters"]]
    for left, block in zip(range(len(row["blocks"]), 0, -1), row["blocks"], strict=True):
        numbers = _shape(block["activations"]), f"{block['parameters']:,}"
        lines.append([str(left), block["name"], block["cut"], *numbers])
    say()
    _aligned(lines, right=(0, 4))
    if "layers" not in row:
        note("--blocks N trains the last N blocks. All layers and allowed cuts: add --layers.")
        return
    lines = [["layer", "kind", "output", "parameters", "block", "cut"]]
    for layer in row["layers"]:
        numbers = _shape(layer["output_shape"]), f"{layer['parameters']:,}"
        lines.append([layer["name"], layer["kind"], *numbers, layer["block"], "cut" if layer["cut"] else ""])
    say()
    _aligned(lines, right=(3,))
    note("cut: the network can be cut after this layer; all that comes later needs nothing but its output.")


def _shape(sizes: tuple[int | None, ...]) -> str:
    return "×".join("?" if size is None else str(size) for size in sizes)


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
    _aligned(lines, right=range(1, len(heads) - 1))
    note("here: its ImageNet weights are on this machine; others are downloaded at first use, or given with --weights.")


def _aligned(lines: list[list[str]], right: Collection[int]) -> None:
    """Prints columns; those in `right` (numbers) to the right."""
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    for line in lines:
        cells = [
            cell.rjust(width) if column in right else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ]
        say("  ".join(cells).rstrip())


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
