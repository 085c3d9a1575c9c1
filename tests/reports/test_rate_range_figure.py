from __future__ import annotations

import re

import numpy as np
import pytest
from figure_results import HOSTILE, strokes, texts
from PIL import Image

from regraft.errors import InputError
from regraft.reports._svg import COLOURS, inline_svg
from regraft.reports.rate_range_figure import SUFFIXES, TITLE, check_suffix, draw_rate_range, write_rate_range
from regraft.training.rate_range import RateRange

RATES = np.geomspace(1e-6, 1.0, 61)
SMOOTHED = 1.0 + 0.05 * (np.log10(RATES) + 2.0) ** 2
NOISE = 0.05 * np.sin(np.arange(61))


def found(suggested: float | None = 1e-3, *, lost: int = 0) -> RateRange:
    """The lowest loss is at 0.01; the last so many losses are no numbers."""
    losses, smoothed = SMOOTHED + NOISE, SMOOTHED.copy()
    if lost:
        losses[-lost:] = smoothed[-lost:] = np.nan
    return RateRange(RATES, losses, smoothed, suggested)


def curve(drawn, role: str) -> np.ndarray:
    (path,) = strokes(drawn, COLOURS[role])
    return np.array(re.findall(r"(-?[\d.]+) (-?[\d.]+)", path), float).T * [[1], [-1]]


def test_losses_are_thin_their_average_is_bold_and_the_axis_is_logarithmic():
    drawn = draw_rate_range(found())
    smoothed = curve(drawn, "train")
    expected = np.interp(smoothed[0], np.linspace(smoothed[0][0], smoothed[0][-1], 61), SMOOTHED)
    assert np.corrcoef(smoothed[1], expected)[0, 1] > 0.9999
    assert curve(drawn, "other").shape[1] > 30
    widths = [
        float(re.search(rf"stroke: {COLOURS[role]}; stroke-width: ([\d.]+)", drawn.svg)[1])
        for role in ("other", "train")
    ]
    assert widths[1] > 2 * widths[0]
    words = texts(drawn)
    assert {TITLE, "loss of a batch", "moving average", "suggested rate", "0.001", "loss"} <= set(words)
    assert "learning rate (logarithmic)" in words
    assert drawn.description == (
        "The loss while the learning rate rose from 1e-6 to 1: its moving average was lowest, 1, at 0.01; the "
        "suggested rate is 0.001."
    )


@pytest.mark.parametrize("rate", [1e-6, 3.14159e-4, 1.0, 1e-9])
def test_the_suggested_rate_is_marked_where_it_is_with_its_value(rate):
    drawn = draw_rate_range(found(rate))
    (line,) = (part for path in strokes(drawn, COLOURS["validation"]) for part in [path] if "L" in part)
    x = {float(place) for place, _ in re.findall(r"(-?[\d.]+) (-?[\d.]+)", line)}
    assert len(x) == 1
    smoothed = curve(drawn, "train")
    expected = np.interp(np.log(rate), np.log(RATES[[0, -1]]), smoothed[0][[0, -1]])
    if rate >= 1e-6:
        assert abs(x.pop() - expected) < 0.5
    value = f"{rate:.2g}".replace("e-0", "e-")
    assert value in texts(drawn)
    assert drawn.description.endswith(f"the suggested rate is {value}.")


def test_where_no_rate_lowered_the_loss_it_says_so():
    drawn = draw_rate_range(found(None))
    words = texts(drawn)
    assert "no rate lowered the loss" in words
    assert "suggested rate" not in words
    assert drawn.description.endswith(": no rate lowered the loss.")
    assert strokes(drawn, COLOURS["validation"]) == []


def test_losses_that_are_no_numbers_end_the_curve_with_a_mark():
    assert "diverged" in texts(draw_rate_range(found(lost=5)))
    assert "diverged" not in texts(draw_rate_range(found()))
    infinite = RateRange(RATES[:3], np.array([1.0, 2.0, np.inf]), np.array([1.0, 1.5, np.inf]), None)
    assert "diverged" in texts(draw_rate_range(infinite))
    nothing = RateRange(RATES[:1], np.array([np.nan]), np.array([np.nan]), None)
    assert "no rate lowered the loss" in texts(draw_rate_range(nothing))


def test_one_wild_batch_does_not_flatten_the_average():
    wild = found()
    wild.losses[30] = 1e6
    ticks = [float(word) for word in texts(draw_rate_range(wild)) if re.fullmatch(r"\d+\.\d+", word)]
    assert max(ticks) < 3


@pytest.mark.parametrize("title", [HOSTILE, "a long title " * 20, ""])
def test_any_title(title):
    drawn = draw_rate_range(found(), title)
    texts(drawn)
    assert ": #" not in inline_svg(drawn.svg, "range", drawn.description)


@pytest.mark.parametrize("suffix", [*SUFFIXES, ".PNG"])
def test_the_suffix_names_the_format_and_the_bytes_are_the_same_again(tmp_path, suffix):
    one, other = tmp_path / f"a{suffix}", tmp_path / "folder" / f"b{suffix}"
    for path in (one, other):
        write_rate_range(found(), path)
    content = one.read_bytes()
    assert content == other.read_bytes()
    assert check_suffix(one) == suffix.lower()
    assert content.startswith({".svg": b"<?xml", ".png": b"\x89PNG", ".pdf": b"%PDF"}[suffix.lower()])
    if suffix == ".png":
        with Image.open(one) as image:
            assert 800 < image.width < 1100
    if suffix == ".svg":
        assert content.decode() == draw_rate_range(found()).svg
    assert sorted(path.name for path in tmp_path.iterdir()) == [one.name, "folder"]


@pytest.mark.parametrize("name", ["plot.jpg", "plot", "plot.svg.zip"])
def test_another_suffix_is_refused_and_nothing_is_written(tmp_path, name):
    with pytest.raises(InputError) as raised:
        write_rate_range(found(), tmp_path / name)
    assert all(suffix in str(raised.value.expected) for suffix in SUFFIXES)
    assert name in raised.value.problem
    with pytest.raises(InputError):
        check_suffix(tmp_path / name)
    assert list(tmp_path.iterdir()) == []
