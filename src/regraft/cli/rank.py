"""`regraft rank`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from regraft.cli._layer_table import aligned
from regraft.cli._output import note, percent, say, say_json, shown
from regraft.errors import InputError

if TYPE_CHECKING:
    from regraft.transfer.ranked import RankedBackbone, Ranking

_MOST_PAIRS = 15  # that are written out: beyond, those with the most accurate one

_SCORES = {
    "log_me": "LogME",
    "h_score": "H-score",
    "neighbour_accuracy": "nearest neighbours",
    "top1": "ImageNet top-1 (the baseline)",
    "parameters": "parameters",
    "macs": "MACs",
}


def rank(
    images: Annotated[
        str,
        typer.Argument(
            help="A folder of class folders, a CSV or JSONL manifest, or digits, mnist, flowers, cats-and-dogs."
        ),
    ],
    backbone: Annotated[
        list[str] | None,
        typer.Option(
            help="A candidate, such as MobileNetV2-0.35@320; may be given several times. Default: every network whose "
            "weights are on this machine."
        ),
    ] = None,
    within: Annotated[
        str | None,
        typer.Option(help="Be done in this time (30s, 2m): the cheapest first, none begun that would not fit."),
    ] = None,
    figure: Annotated[Path | None, typer.Option(help="Draw accuracy against time into this SVG file.")] = None,
    path: Annotated[Path | None, typer.Option(help="A local copy of a named set.")] = None,
    seed: Annotated[int, typer.Option(help="Of the parts that the probe is measured on.")] = 0,
    json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Rank backbones for these images: accuracy of a linear probe, cheap scores, cost, and time on this machine."""
    from regraft.images.opening import open_images
    from regraft.transfer.ranking import rank_backbones

    if figure is not None and figure.suffix.lower() != ".svg":
        raise InputError("Figures are drawn as SVG.", expected="a name that ends with .svg", received=shown(figure))
    if within is not None:
        from regraft.transfer.time_budget import parse_duration

        parse_duration(within)  # before the images are looked at
    ranking = rank_backbones(
        open_images(images, path=path), candidates=backbone or None, within=within, seed=seed, tell=note
    )
    if figure is not None:
        from regraft._files import write_text
        from regraft.reports.ranking_figure import ranking_figure

        write_text(figure, ranking_figure(ranking.backbones).svg)
    if json:
        say_json(ranking.as_dict() | {"figure": None if figure is None else str(figure)})
        return
    _show(ranking)
    if figure is not None:
        say(f"Figure     {figure}")


def _show(ranking: Ranking) -> None:
    from regraft.transfer.probe import FOLDS

    say()
    heads = ["", "backbone", "probe", "95 % interval", "neighbours", "LogME", "H-score", "top-1", "params", "MB"]
    aligned([[*heads, "MACs", "ms/image"], *map(_line, ranking.backbones)], right=range(2, 12))
    say()
    say(f"{ranking.images:,} images, {len(ranking.classes)} classes")
    say(f"probe: logistic regression, {ranking.folds}-fold: each image is answered by the one fitted without its part")
    if ranking.folds < FOLDS:
        note(f"Only {ranking.folds} parts, in place of {FOLDS}: a class has no more images (or groups of images).")
    if len(ranking.backbones) > 1:
        say("*: on the front, no other is as accurate and as fast, and better in one of the two")
        _show_differences(ranking)
        _show_agreement(ranking)
    if ranking.skipped:
        note(f"Left out of every comparison: {len(ranking.skipped)} files, such as {shown(_first(ranking))}")
    if ranking.not_tried:
        names = ", ".join(ranking.not_tried)
        say(f"Not tried, as they would not have fitted into {ranking.within:g} s: {names}")
    for one in ranking.failed:
        say(f"Could not be measured: {one.name}: {one.reason}")
    say(f"Time       {ranking.seconds:.1f} s")


def _line(one: RankedBackbone) -> list[str]:
    low, high = one.accuracy_interval
    return [
        "*" if one.on_front else "",
        one.name,
        percent(one.accuracy),
        f"{100 * low:.1f} to {percent(high)}",
        percent(one.neighbour_accuracy),
        f"{one.log_me:.3f}",
        f"{one.h_score:.2f}",
        "-" if one.top1 is None else f"{one.top1:g}",
        "-" if one.parameters is None else f"{one.parameters / 1e6:.1f} M",
        "-" if one.size_mb is None else f"{one.size_mb:.1f}",
        "-" if one.macs is None else f"{one.macs / 1e6:,.0f} M",
        f"{one.ms_per_image:.1f}",
    ]


def _show_differences(ranking: Ranking) -> None:
    say()
    best = ranking.backbones[0].name
    pairs = ranking.differences
    if len(pairs) > _MOST_PAIRS:
        pairs = tuple(pair for pair in pairs if best in (pair.first, pair.second))
        note(f"Of {len(ranking.differences)} pairs those with {best} are shown; --json has all.")
    for pair in pairs:
        say(pair.words)


def _show_agreement(ranking: Ranking) -> None:
    say()
    say("Agreement with the probe's order (Kendall's tau: 1 the same, 0 none, -1 the opposite)")
    lines = []
    for name, found in ranking.agreement.items():
        tau = "-" if found.tau is None else f"{found.tau:+.2f}"
        part = "" if found.backbones == len(ranking.backbones) else f"over the {found.backbones} that have one"
        lines.append([f"  {_SCORES[name]}", tau, part])
    aligned(lines, right=(1,))
    if len(ranking.backbones) < 6:
        note("With so few backbones a tau says little: docs/choosing-a-backbone.md has it over more.")


def _first(ranking: Ranking) -> str:
    return f"{ranking.skipped[0].name} ({ranking.skipped[0].reason})"
