"""`regraft backbones`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from regraft._keras_backend import choose_keras_backend
from regraft.cli._layer_table import CONVENTION, PAIRS, aligned, say_blocks, say_comparison, say_layers, say_pairs
from regraft.cli._output import note, say, say_json
from regraft.errors import InputError

if TYPE_CHECKING:
    from regraft.backbones.costs import LayerCost
    from regraft.backbones.layer_rows import LayerRow
    from regraft.backbones.names import BackboneName

MAXIMUM_SIDE = 10_000
"""Pixels; beyond it a typing error is likelier than a wish."""


def backbones(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            help="Only these, with what each layer costs and their blocks; also as NAME-WIDTH@SIZE, or a .keras file "
            "or run folder. Default: all."
        ),
    ] = None,
    layers: Annotated[
        bool, typer.Option("--layers", help="Every layer of those named, its block, and where a cut is allowed.")
    ] = False,
    size: Annotated[
        str | None,
        typer.Option(metavar="PIXELS", help="Input of a saved model that leaves its size open: 224, or 224x160."),
    ] = None,
    measure: Annotated[
        bool,
        typer.Option(
            "--measure", help="Add this machine's milliseconds an image (random weights; takes minutes for all)."
        ),
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """List the backbones; of those named show what each layer costs: filters, parameters, multiply-accumulates."""
    from regraft.backbones.catalogue import CATALOGUE
    from regraft.backbones.names import BackboneName, parse_backbone
    from regraft.backbones.weights import can_be_fetched, local_weights

    if layers and not names:
        raise InputError("--layers needs the name of a backbone.", hint="regraft backbones MobileNetV2 --layers")
    open_size = _read_size(size)
    saved = [name for name in names or [] if _is_saved(name)]
    chosen = (
        [parse_backbone(name) for name in names if name not in saved] if names else list(map(BackboneName, CATALOGUE))
    )
    if open_size and not saved:
        raise InputError("--size is for saved models.", hint="write NAME@SIZE for a network of the catalogue")
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
            "weights_to_download": can_be_fetched(name),
            "ms_per_image": times.get(str(name)),
            "source": card.source,
            "note": card.note,
        }
        for name, card in ((name, name.card) for name in chosen)
    ]
    if names:
        for name, row in zip(chosen, rows, strict=True):
            row |= _inside_network(name)
        rows += [{"name": name, **_inside_saved(name, open_size)} for name in saved]
    if json:
        say_json({"backbones": rows})
        return
    if chosen:
        _table([row for row in rows if "size" in row], measure)
    for row in rows if names else []:
        say(f"\n{row['name']}" + (f": {row['source']}" if "source" in row else ""))
        if row.get("note"):
            say(str(row["note"]))
        _say_inside(row, layers)
    if names:
        if len(rows) > 1:
            say_comparison(rows)
        _notes(rows, layers)


def _is_saved(name: str) -> bool:
    path = Path(name)
    try:
        return path.suffix == ".keras" or (path / "model.keras").is_file()
    except (OSError, ValueError):  # too long for a path, or with a zero in it
        return False


def _inside_network(name: BackboneName) -> dict[str, Any]:
    """A network of the catalogue: its layers as it was published, its blocks and cuts as regraft cuts it."""
    choose_keras_backend(training=False)
    from regraft.backbones.costs import layer_costs, network_costs, totals
    from regraft.backbones.layer_rows import block_rows, layer_rows, network_outline

    outline = network_outline(name)
    return {
        **_costs(network_costs(name), layer_rows(outline, name.card)),
        "totals_without_top": asdict(totals(layer_costs(outline))),
        "blocks": [asdict(row) for row in block_rows(outline, name.card)],
    }


def _inside_saved(name: str, size: tuple[int, ...] | None) -> dict[str, Any]:
    """A saved Keras model: all its layers; without blocks and cuts where it cannot be cut."""
    choose_keras_backend(training=False)
    from regraft.backbones.costs import layer_costs
    from regraft.backbones.layer_rows import block_rows, layer_rows
    from regraft.backbones.networks import load_saved_model

    path = Path(name) if Path(name).suffix == ".keras" else Path(name) / "model.keras"
    if not path.is_file():
        raise InputError(f"There is no Keras model {path}.", hint="check the path")
    model = load_saved_model(path)
    costs = layer_costs(model, size)
    try:
        cuttable, blocks = layer_rows(model), block_rows(model)
    except InputError as error:
        note(f"{name}: no blocks and no cuts: {error}")
        cuttable, blocks = [], []
    return {**_costs(costs, cuttable), "blocks": [asdict(row) for row in blocks]}


def _costs(costs: list[LayerCost], cuttable: list[LayerRow]) -> dict[str, Any]:
    """The counted layers with the block of each and whether there is a cut after it, the totals, and the pairs."""
    from regraft.backbones._topology import INPUT
    from regraft.backbones.costs import totals
    from regraft.backbones.separable import separable_pairs

    known = {row.name: row for row in cuttable}
    ends = {}  # of a nested model, whose cut is after the last of its layers
    for position, cost in enumerate(costs):
        ends[cost.name.partition("/")[0]] = position
    layers: list[dict[str, Any]] = []
    for position, cost in enumerate(costs):
        name = INPUT if position == 0 and INPUT in known else cost.name
        outer = name.partition("/")[0]
        row = known.get(outer)
        cut = row is not None and row.cut and ends.get(outer, position) == position
        layers.append({**asdict(cost), "name": name, "block": row.block if row else "", "cut": outer if cut else None})
    return {
        "layers": layers,
        "totals": asdict(totals(costs)),
        "separable_pairs": [
            {**asdict(pair), "ratio": pair.ratio, "formula": pair.formula} for pair in separable_pairs(costs)
        ],
    }


def _read_size(text: str | None) -> tuple[int, ...] | None:
    if text is None:
        return None
    sides = text.lower().replace("×", "x").split("x")
    if not all(side.isascii() and side.isdecimal() and 0 < int(side[:6]) <= MAXIMUM_SIDE for side in sides):
        raise InputError("--size is not a size.", expected="pixels, as 224 or 224x160", received=repr(text[:20]))
    numbers = [int(side[:6]) for side in sides]
    return tuple(numbers * 2 if len(numbers) == 1 else numbers)


def _say_inside(row: dict[str, Any], every: bool) -> None:
    say_layers(row, every)
    say_pairs(row["separable_pairs"], all_known=not _has_open_sizes(row))
    if row["blocks"]:
        say_blocks(row["blocks"])


def _has_open_sizes(row: dict[str, Any]) -> bool:
    from regraft.backbones._layer_macs import OPEN_SIZE

    return any(layer["uncounted"] == OPEN_SIZE for layer in row["layers"])


def _notes(rows: list[dict[str, Any]], layers: bool) -> None:
    note(CONVENTION)
    if any(row["separable_pairs"] for row in rows):
        note(PAIRS)
    if any(map(_has_open_sizes, rows)):
        note("?: the size is open; --size 224 gives it.")
    if layers:
        note("cut: the network can be cut after this layer; all that comes later needs nothing but its output.")
    elif any(row["blocks"] for row in rows):
        note("--blocks N trains the last N blocks. All layers and allowed cuts: add --layers.")


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
            "yes" if row["weights_here"] else "no" if row["weights_to_download"] else "file",
            row["licence"],
        ]
        if measure:
            cells.insert(-1, "-" if row["ms_per_image"] is None else f"{row['ms_per_image']:.1f}")
        lines.append(cells)
    aligned(lines, right=range(1, len(heads) - 1))
    note(
        "here: its ImageNet weights are on this machine; others are downloaded at first use, or given with --weights "
        "(file: only so)."
    )


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
