"""The inside of a network as tables: what each layer costs, what its depthwise-separable pairs save, its blocks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from typing import Any

from regraft.cli._output import say
from regraft.reports._words import count

CONVENTION = (
    "MACs: multiply-accumulates for one image, of convolutions and Dense layers, padding included; adding biases, "
    "normalisation, activations, pooling and additions are not counted."
)


_LONGEST_NAME = 36
"""Characters; of the networks of the catalogue only ConvNeXt and InceptionResNetV2 have longer names."""

PAIRS = (
    "standard: MACs of one convolution with the same window, stride and channels in place of the two; "
    "N: channels out, D: side of the window (Howard et al. 2017, arXiv:1704.04861)."
)


def say_layers(row: dict[str, Any], every: bool) -> None:
    """Prints the layers of a network and the totals.

    Args:
        row: of a network, as `regraft backbones NAME --json` has it.
        every: all of them, with their blocks and cuts; else those with filters or windows, the others in one line.
    """
    layers, sums = row["layers"], row["totals"]
    shown = layers if every else [layer for layer in layers if _has_its_line(layer)]
    heads = ["layer", "type / stride", "filter", "input", "output", "parameters", "MACs"]
    lines = [
        [
            layer["name"] if every else short(layer["name"]),
            _kind(layer),
            _filters(layer),
            *_sizes(layer),
            *_numbers(layer),
        ]
        for layer in shown
    ]
    if every:
        # What it takes is what the one before it gives, in most cases; blocks and cuts need the room.
        heads = [*heads[:3], *heads[4:], "block", "cut"]
        lines = [[*line[:3], *line[4:], layer["block"], _cut(layer)] for line, layer in zip(lines, shown, strict=True)]
    others = [layer for layer in layers if layer not in shown and layer["kind"] != "InputLayer"]
    sums_at = heads.index("parameters")

    def sums_line(name: str, parameters: int, macs: str) -> list[str]:
        line = [name, *[""] * (len(heads) - 1)]
        line[sums_at : sums_at + 2] = [f"{parameters:,}", macs]
        return line

    if others:
        lines.append(sums_line(count(len(others), "other"), sum(one["parameters"] for one in others), "0"))
    lines.append(sums_line("total", sums["parameters"], macs_text(sums)))
    say()
    aligned([heads, *lines], right=(sums_at, sums_at + 1))
    if others:
        kinds = Counter(layer["kind"] for layer in others)
        say("others: " + ", ".join(f"{number} {kind}" for kind, number in kinds.most_common()))
    say(_totals_sentence(row))
    for layer in layers:
        if layer["uncounted"]:
            say(f"Not counted: {layer['name']} ({layer['kind']}): {layer['uncounted']}.")


def _totals_sentence(row: dict[str, Any]) -> str:
    sums = row["totals"]
    text = (
        f"{sums['parameters']:,} parameters, {sums['trainable']:,} of them trainable; "
        f"{macs_text(sums)} multiply-accumulates an image"
    )
    if base := row.get("totals_without_top"):
        text += f"; without the 1,000 classes {base['parameters']:,} and {macs_text(base)}"
    return text + "."


def macs_text(sums: dict[str, Any]) -> str:
    """The multiply-accumulates of a network; `at least` so many where some of its layers could not be counted."""
    return ("at least " if sums["uncounted"] else "") + f"{sums['macs']:,}"


def say_pairs(pairs: Sequence[dict[str, Any]], *, all_known: bool = True) -> None:
    """Prints what each depthwise-separable pair costs against the standard convolution it replaces.

    Args:
        pairs: of a network, as `regraft backbones NAME --json` has them.
        all_known: that no layer was left out of them because its size is open.
    """
    if not pairs:
        say("\nIt has no depthwise-separable convolutions" + ("." if all_known else " whose sizes are known."))
        return
    lines = [["depthwise + 1×1", "filter / stride", "in → out", "MACs", "standard", "ratio", "1/N + 1/D²"]]
    for pair in pairs:
        both = " + ".join(short(name) for name in dict.fromkeys((pair["depthwise"], pair["pointwise"])))
        times = "" if pair["multiplier"] == 1 else f" ×{pair['multiplier']}"
        lines.append(
            [
                both,
                f"{shape_text(pair['kernel'])}{times} / {_stride(pair['stride'])}",
                f"{pair['inputs']} → {pair['outputs']}",
                f"{pair['macs']:,}",
                f"{pair['standard_macs']:,}",
                f"{pair['ratio']:.4f}",
                f"{pair['formula']:.4f}",
            ]
        )
    macs, standard = (sum(pair[key] for pair in pairs) for key in ("macs", "standard_macs"))
    lines.append(["total", "", "", f"{macs:,}", f"{standard:,}", f"{macs / standard:.4f}", ""])
    say()
    aligned(lines, right=(3, 4, 5, 6))


def say_blocks(blocks: Sequence[dict[str, Any]]) -> None:
    """Prints the blocks of a network and where each begins."""
    lines = [["--blocks", "block", "begins after", "activations there", "parameters"]]
    for left, block in zip(range(len(blocks), 0, -1), blocks, strict=True):
        numbers = shape_text(block["activations"]), f"{block['parameters']:,}"
        lines.append([str(left), block["name"], block["cut"], *numbers])
    say()
    aligned(lines, right=(0, 4))


def say_comparison(rows: Sequence[dict[str, Any]]) -> None:
    """Prints the totals of several networks beside each other."""
    lines = [["network", "parameters", "MACs", "MACs in separable pairs", "the same as standard"]]
    for row in rows:
        sums, pairs = row["totals"], row["separable_pairs"]
        standard = sums["macs"] + sum(pair["standard_macs"] - pair["macs"] for pair in pairs)
        in_pairs = sum(pair["macs"] for pair in pairs)
        lines.append(
            [
                row["name"],
                f"{sums['parameters']:,}",
                macs_text(sums),
                f"{in_pairs:,} ({in_pairs / sums['macs']:.0%})" if pairs else "-",
                f"{standard:,} ({standard / sums['macs']:.1f} times)" if pairs else "-",
            ]
        )
    say()
    aligned(lines, right=(1, 2, 3, 4))


def _cut(layer: dict[str, Any]) -> str:
    """`cut`; after the last layer of a nested model, whose name the cut has, that name, too."""
    if layer["cut"] is None:
        return ""
    return "cut" if layer["cut"] == layer["name"] else f"cut {layer['cut']}"


def _has_its_line(layer: dict[str, Any]) -> bool:
    works = layer["filters"] or layer["window"] or layer["macs"] is None
    return bool(works) or layer["kind"].startswith("Global")


def _kind(layer: dict[str, Any]) -> str:
    """The class, the stride, and what is out of the usual: `Conv2D / s2`, `Conv2D / s1, dilation 2`."""
    text = str(layer["kind"])
    if layer["stride"]:
        text += f" / {_stride(layer['stride'])}"
    unusual = []
    if layer["padding"] == "valid" and layer["filters"] and any(side > 1 for side in layer["filters"][0][:-2]):
        unusual.append("valid")
    if layer["dilation"] and set(layer["dilation"]) != {1}:
        unusual.append(f"dilation {_one_or_all(layer['dilation'])}")
    if layer["groups"] not in (None, 1):
        unusual.append(f"{layer['groups']} groups")
    return ", ".join([text, *unusual])


def _stride(stride: Sequence[int]) -> str:
    return f"s{_one_or_all(stride)}"


def _one_or_all(sides: Sequence[int]) -> str:
    return str(sides[0]) if len(set(sides)) == 1 else shape_text(sides)


def _filters(layer: dict[str, Any]) -> str:
    if layer["window"]:
        return f"pool {shape_text(layer['window'])}"
    return " + ".join(shape_text(shape) for shape in layer["filters"])


def _sizes(layer: dict[str, Any]) -> tuple[str, str]:
    return shape_text(layer["input"]), shape_text(layer["output"])


def _numbers(layer: dict[str, Any]) -> tuple[str, str]:
    return f"{layer['parameters']:,}", "?" if layer["macs"] is None else f"{layer['macs']:,}"


def short(name: str) -> str:
    """The end of a long name: its beginning says the least (`convnext_tiny_stage_0_…`)."""
    return name if len(name) <= _LONGEST_NAME else "…" + name[1 - _LONGEST_NAME :]


def shape_text(sizes: Sequence[int | None]) -> str:
    """`112×112×32`; an open size as `?`."""
    return "×".join("?" if size is None else str(size) for size in sizes)


def aligned(lines: list[list[str]], right: Collection[int]) -> None:
    """Prints columns; those in `right` (numbers) to the right."""
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    for line in lines:
        cells = [
            cell.rjust(width) if column in right else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ]
        say("  ".join(cells).rstrip())
