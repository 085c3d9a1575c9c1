"""The method as a drawing: the network cut into a frozen base and a trained top, with the features cached between."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Literal

from regraft.reports._drawing import FULL_WIDTH, LEGEND_SIZE, NORMAL, SMALL, Drawn, drawn, new_figure
from regraft.reports._svg import COLOURS, figure_style
from regraft.reports._words import count, shortened

_HIGH = 2.12  # inches
_MIDDLE = 1.14  # of what flows from left to right
_MAX_BARS = 5  # of the probabilities
_BLOCKS = ((0.92, 0.055), (0.74, 0.08), (0.56, 0.11), (0.4, 0.14), (0.26, 0.18))  # convolutions: height and depth
_KEPT = 3  # so many of these are the base's where the others are fine-tuned


def cut_diagram(
    backbone: str,
    size: int | tuple[int, int],
    features: int,
    classes: int,
    hidden: int | None = None,
    *,
    frozen: int | None = None,
    trainable: int | None = None,
    activation: Literal["softmax", "sigmoid"] = "softmax",
    blocks: int = 0,
    activations: Sequence[int] = (),
) -> Drawn:
    """The cut: image, base F, cached features F(x), top N, probabilities, with the numbers of one network.

    With `blocks` it is the cut of fine-tuning: the top begins with the last blocks of the network.

    Args:
        backbone: name of the network.
        size: height and width of the images it is given, in pixels; one number where they are the same.
        features: how many numbers F(x) has.
        classes: how many there are.
        hidden: units of a hidden layer in N, if it has one.
        frozen: parameters of the base; not written where it is not given.
        trainable: parameters of the top; counted from its Dense layers where it is not given.
        activation: of the last layer; with `sigmoid` it has one unit for two classes.
        blocks: of the network that are trained with the head; 0 where the head is all of the top.
        activations: shape of what is cached at the cut in front of them: (height, width, channels).
    """
    height, width = (size, size) if isinstance(size, int) else size
    outputs = 1 if activation == "sigmoid" else classes
    if trainable is None:
        sizes = [features, *([hidden] if hidden else []), outputs]
        trainable = sum((inputs + 1) * units for inputs, units in pairwise(sizes))
    layers = [f"Dense {hidden:,}" if blocks else f"Dense {hidden:,}, ReLU"] if hidden else []
    layers += [f"Dense {outputs:,}", activation]
    with figure_style():
        figure = new_figure(FULL_WIDTH, _HIGH)
        axes = figure.add_axes((0, 0, 1, 1))
        axes.set_xlim(0, FULL_WIDTH)
        axes.set_ylim(0, _HIGH)
        axes.set_axis_off()
        _draw_image(axes, f"{height} × {width} × 3")
        _arrow(axes, 0.79, 0.98)
        _arrow(axes, 5.38, 5.61)
        _draw_probabilities(axes, classes)
        if blocks:
            return _tuned(
                figure, axes, backbone, (height, width), classes, layers, frozen, trainable, blocks, activations
            )
        _draw_base(axes, shortened(backbone, 24), frozen)
        _arrow(axes, 3.12, 3.51)
        _draw_features(axes, features)
        _arrow(axes, 3.77, 4.14)
        _draw_top(axes, layers, trainable)
        _brace(axes, 0.06, 3.98, "once for each image, then cached", "frozen")
        _brace(axes, 4.12, 6.24, "for every setting, seed and fold", "trained")
        parts = f"{shortened(backbone, 60)} with {count(frozen, 'parameter')}" if frozen else shortened(backbone, 60)
        return drawn(
            figure,
            f"The network cut in two. The frozen base F ({parts}) turns an image of {height} by {width} pixels into "
            f"{count(features, 'feature')} F(x), once for each image, and they are cached. The top N "
            f"({', '.join(layers)}; {count(trainable, 'parameter')}) turns these into the probabilities of {classes:,} "
            "classes, and is trained for every setting, seed and fold.",
        )


def _tuned(
    figure: Any, axes: Any, backbone: str, size: tuple[int, int], classes: int, layers: Sequence[str],
    frozen: int | None, trainable: int, blocks: int, activations: Sequence[int],
) -> Drawn:  # fmt: skip
    """The rest of the diagram where blocks of the network are trained with the head."""
    shape = " × ".join(map(str, activations))
    some = count(blocks, "block")
    _draw_base(axes, shortened(backbone, 20), frozen, tuned=True)
    _arrow(axes, 2.4, 2.84)
    _draw_activations(axes, shape)
    _arrow(axes, 3.21, 3.5)
    _draw_tuned_top(axes, layers, trainable, some)
    _brace(axes, 0.06, 3.42, "once for each image and view, then cached", "frozen")
    _brace(axes, 3.52, 6.24, "fine-tuned together", "trained")
    parts = f"{shortened(backbone, 60)} with {count(frozen, 'parameter')}" if frozen else shortened(backbone, 60)
    return drawn(
        figure,
        f"The network cut in two for fine-tuning. The frozen base F, the start of {parts}, turns an image of {size[0]} "
        f"by {size[1]} pixels into activations F(x) of {shape}, once for each image and view, and they are cached. The "
        f"top N, the last {some} of the network, the pooling and the head ({', '.join(layers)}), with "
        f"{count(trainable, 'parameter')}, is trained, and turns these into the probabilities of {classes:,} classes.",
    )


def _draw_image(axes: Any, size: str) -> None:
    from matplotlib.patches import Circle, Polygon

    left, side = 0.1, 0.62
    bottom = _MIDDLE - side / 2
    for step in (2, 1, 0):  # one of many: the others behind it
        _box(axes, left + 0.035 * step, bottom + 0.035 * step, side, side, "other", fill=0.0, paper=True, rounding=0.03)
    axes.add_patch(Circle((left + 0.17, bottom + 0.45), 0.07, facecolor=COLOURS["series5"], linewidth=0, zorder=3))
    hills = ((0.04, 0.04), (0.22, 0.3), (0.33, 0.17), (0.45, 0.36), (0.58, 0.04))
    corners = [(left + x, bottom + y) for x, y in hills]
    axes.add_patch(Polygon(corners, facecolor=COLOURS["series3"], alpha=0.6, linewidth=0, zorder=3))
    _text(axes, left + side / 2, bottom - 0.1, "image x", weight="bold")
    _text(axes, left + side / 2, bottom - 0.24, size, SMALL, "muted")


def _draw_base(axes: Any, backbone: str, frozen: int | None, *, tuned: bool = False) -> None:
    """The whole network without its last layer, or all but its last blocks."""
    left, wide = 1.0, 1.38 if tuned else 2.1
    _box(axes, left, 0.42, wide, 1.4, "frozen", fill=0.07)
    _text(axes, left + 0.1, 1.7, "base F, frozen", NORMAL, "frozen", "bold", "left")
    _text(axes, left + 0.1, 1.57, backbone, SMALL, "muted", at="left")
    _box(axes, left + 0.1, _MIDDLE - 0.31, 0.19, 0.62, "frozen", fill=0.2, rounding=0.03)
    _text(axes, left + 0.195, _MIDDLE, "preprocess", SMALL, rotation=90)
    x = left + (0.5 if tuned else 0.42)
    for high, deep in _BLOCKS[:_KEPT] if tuned else _BLOCKS:
        _block(axes, x, 0.6 * high, deep)
        x += deep + 0.15
    if not tuned:
        _box(axes, left + 1.81, _MIDDLE - 0.31, 0.19, 0.62, "frozen", fill=0.2, rounding=0.03)
        _text(axes, left + 1.905, _MIDDLE, "pooling", SMALL, rotation=90)
    _text(axes, left + wide / 2, 0.66, "convolution blocks", SMALL)
    if frozen is not None:
        _text(axes, left + wide / 2, 0.51, count(frozen, "parameter"), SMALL, "muted")


def _block(axes: Any, x: float, high: float, deep: float, role: str = "frozen") -> None:
    """A feature map as a solid in oblique projection: the deeper in the network, the smaller and the thicker."""
    from matplotlib.colors import to_rgba
    from matplotlib.patches import Polygon

    low, top, slope = _MIDDLE - high / 2, _MIDDLE + high / 2, 0.09
    faces = (
        ([(x, low), (x + deep, low), (x + deep, top), (x, top)], 0.42),
        ([(x, top), (x + deep, top), (x + deep + slope, top + slope), (x + slope, top + slope)], 0.2),
        ([(x + deep, low), (x + deep + slope, low + slope), (x + deep + slope, top + slope), (x + deep, top)], 0.62),
    )
    for corners, strength in faces:
        axes.add_patch(Polygon(corners, facecolor=COLOURS["paper"], linewidth=0, zorder=2))
        face = to_rgba(COLOURS[role], strength)
        axes.add_patch(
            Polygon(corners, facecolor=face, edgecolor=COLOURS[role], linewidth=0.6, joinstyle="round", zorder=3)
        )


def _draw_features(axes: Any, features: int) -> None:
    from matplotlib.colors import to_rgba
    from matplotlib.patches import Rectangle

    x, cells = 3.55, (0.55, 0.12, 0.3, 0.08, 0.7, 0.2, 0.4, 0.1)  # shades that look like numbers
    side = 0.115
    bottom = _MIDDLE - side * len(cells) / 2
    for row, strength in enumerate(cells):
        face = to_rgba(COLOURS["ink"], strength)
        axes.add_patch(
            Rectangle((x, bottom + row * side), 0.16, side, facecolor=face, edgecolor=COLOURS["muted"], linewidth=0.6)
        )
    _cut_line(axes, 3.31)
    _text(axes, x + 0.08, 1.76, "F(x)", NORMAL, weight="bold")
    number, noun = count(features, "feature").split(" ")
    _text(axes, x + 0.1, 0.53, number, SMALL)
    _text(axes, x + 0.1, 0.4, noun, SMALL)


def _draw_activations(axes: Any, shape: str) -> None:
    """What is cached in front of the blocks that are trained: still a map with a height and a width."""
    x, side = 2.88, 0.26
    _block(axes, x, side, 0.15, "ink")
    _cut_line(axes, 2.51)
    middle = x + 0.12
    _text(axes, middle, 1.76, "F(x)", NORMAL, weight="bold")
    _text(axes, middle, 0.53, shape, SMALL)
    _text(axes, middle, 0.4, "activations", SMALL)


def _cut_line(axes: Any, x: float) -> None:
    axes.plot([x, x], [0.36, 1.92], color=COLOURS["ink"], linewidth=1.2, linestyle=(0, (4, 2.5)))
    _text(axes, x, 2.0, "the cut", LEGEND_SIZE, weight="bold")


def _draw_tuned_top(axes: Any, layers: Sequence[str], trainable: int, blocks: str) -> None:
    left, wide = 3.52, 1.84
    _box(axes, left, 0.42, wide, 1.4, "trained", fill=0.07)
    _text(axes, left + 0.1, 1.7, "top N, trained", NORMAL, "trained", "bold", "left")
    x = left + 0.13
    for high, deep in _BLOCKS[_KEPT:]:
        _block(axes, x, 0.6 * high, deep, "trained")
        x += deep + 0.15
    _text(axes, left + 0.36, 0.66, blocks, SMALL)
    _box(axes, left + 0.76, _MIDDLE - 0.31, 0.19, 0.62, "trained", fill=0.2, rounding=0.03)
    _text(axes, left + 0.855, _MIDDLE, "pooling", SMALL, rotation=90)
    _layer_stack(axes, layers, left + 1.03, wide - 1.11)
    _text(axes, left + wide / 2, 0.51, count(trainable, "parameter"), SMALL, "muted")


def _draw_top(axes: Any, layers: Sequence[str], trainable: int) -> None:
    left, wide = 4.16, 1.2
    _box(axes, left, 0.42, wide, 1.4, "trained", fill=0.07)
    _text(axes, left + 0.1, 1.7, "top N, trained", NORMAL, "trained", "bold", "left")
    _layer_stack(axes, layers, left + 0.08, wide - 0.16)
    _text(axes, left + wide / 2, 0.51, count(trainable, "parameter"), SMALL, "muted")


def _layer_stack(axes: Any, layers: Sequence[str], left: float, wide: float) -> None:
    """The layers of the head below each other, an arrow from each to the next."""
    many = len(layers) > 2
    tall = 0.24 if many else 0.28
    gap = 0.09
    top = _MIDDLE - 0.04 * many + (len(layers) * tall + (len(layers) - 1) * gap) / 2
    for row, layer in enumerate(layers):
        bottom = top - tall - row * (tall + gap)
        _box(axes, left, bottom, wide, tall, "trained", fill=0.2, rounding=0.03)
        _text(axes, left + wide / 2, bottom + tall / 2, layer, SMALL)
        if row:
            axes.annotate(
                "", xy=(left + wide / 2, bottom + tall), xytext=(left + wide / 2, bottom + tall + gap),
                arrowprops={"arrowstyle": "-|>,head_width=0.12,head_length=0.2", "color": COLOURS["trained"],
                            "linewidth": 0.8, "shrinkA": 0, "shrinkB": 0},
            )  # fmt: skip


def _draw_probabilities(axes: Any, classes: int) -> None:
    from matplotlib.patches import Rectangle

    x, shares = 5.68, (0.08, 0.72, 0.11, 0.05, 0.04)[:classes]
    pitch = 0.17
    top = _MIDDLE + pitch * len(shares) / 2
    for row, share in enumerate(shares):
        y = top - (row + 1) * pitch + 0.03
        wide = max(0.62 * share, 0.025)
        colour = COLOURS["trained"] if share == max(shares) else COLOURS["other"]
        axes.add_patch(Rectangle((x, y), wide, pitch - 0.06, facecolor=colour, linewidth=0))
    axes.plot([x, x], [top, top - pitch * len(shares)], color=COLOURS["muted"], linewidth=0.8)
    if classes > _MAX_BARS:
        _text(axes, x + 0.03, top - pitch * len(shares) - 0.07, "⋮", NORMAL, "muted", at="left")
    _text(axes, 5.93, 1.76, "N(F(x))", NORMAL, weight="bold")
    _text(axes, 5.93, 0.53, f"{classes:,} class", SMALL)
    _text(axes, 5.93, 0.4, "probabilities", SMALL)


def _brace(axes: Any, left: float, right: float, text: str, role: str) -> None:
    axes.plot([left, left, right, right], [0.27, 0.21, 0.21, 0.27], color=COLOURS[role], linewidth=1)
    _text(axes, (left + right) / 2, 0.1, text, LEGEND_SIZE, role, "bold")


def _box(
    axes: Any, left: float, bottom: float, wide: float, high: float, role: str,
    *, fill: float, paper: bool = False, rounding: float = 0.06,
) -> None:  # fmt: skip
    from matplotlib.colors import to_rgba
    from matplotlib.patches import FancyBboxPatch

    face = COLOURS["paper"] if paper else to_rgba(COLOURS[role], fill)
    axes.add_patch(
        FancyBboxPatch(
            (left, bottom), wide, high, boxstyle=f"round,pad=0,rounding_size={rounding}", facecolor=face,
            edgecolor=COLOURS[role], linewidth=0.9, zorder=2 if paper else 1,
        )
    )  # fmt: skip


def _arrow(axes: Any, start: float, end: float) -> None:
    axes.annotate(
        "", xy=(end, _MIDDLE), xytext=(start, _MIDDLE),
        arrowprops={"arrowstyle": "-|>,head_width=0.2,head_length=0.35", "color": COLOURS["ink"], "linewidth": 1.1,
                    "shrinkA": 0, "shrinkB": 0},
    )  # fmt: skip


def _text(
    axes: Any, x: float, y: float, text: str, points: float = LEGEND_SIZE, role: str = "ink", weight: str = "normal",
    at: str = "center", rotation: float = 0,
) -> None:  # fmt: skip
    axes.text(
        x, y, text, fontsize=points, color=COLOURS[role], fontweight=weight, ha=at,
        va="center" if rotation else "center_baseline", rotation=rotation, zorder=6,
    )  # fmt: skip
