from __future__ import annotations

import math
import re

import numpy as np
import pytest
from figure_results import HOSTILE, strokes, texts

from regraft.reports._drawing import MAX_SERIES
from regraft.reports._svg import COLOURS, inline_svg
from regraft.reports.views_figure import draw_views

VIEWS = (0, 1, 2, 4, 8, 16)
FROZEN = [
    (views, 0.89 + 0.002 * place, 0.88 + 0.002 * place, 0.90 + 0.002 * place) for place, views in enumerate(VIEWS)
]
TUNED = [(views, 0.91 + 0.003 * place, 0.90, 0.93) for place, views in enumerate(VIEWS)]


def paths(drawn, index: int) -> list[np.ndarray]:
    found = strokes(drawn, COLOURS[f"series{index}"])
    return [np.array(re.findall(r"(-?[\d.]+) (-?[\d.]+)", path), float).T * [[1], [-1]] for path in found]


def test_a_line_through_the_means_and_an_interval_at_each_of_them():
    drawn = draw_views({"frozen": FROZEN, "fine-tuned": list(reversed(TUNED))})
    for index, points in ((1, FROZEN), (2, TUNED)):
        found = paths(drawn, index)
        line = next(path for path in found if path.shape[1] == len(VIEWS))
        intervals = [path for path in found if path.shape[1] == 2]
        assert np.corrcoef(line[1], [mean for _, mean, _, _ in points])[0, 1] > 0.99999
        assert np.ptp(np.diff(line[0])) < 1e-3  # equal distances
        assert len(intervals) == len(VIEWS)
        scale = np.ptp(line[1]) / np.ptp([mean for _, mean, _, _ in points])
        for path, (_, _, low, high) in zip(sorted(intervals, key=lambda p: p[0][0]), points, strict=True):
            assert np.ptp(path[0]) == 0
            assert np.ptp(path[1]) == pytest.approx(scale * (high - low), rel=1e-3)
    assert {*map(str, VIEWS), "frozen", "fine-tuned", "accuracy", "augmented views of each training image"} <= set(
        texts(drawn)
    )
    assert drawn.description.replace("\u202f", " ") == (
        "Accuracy by the number of augmented views. frozen: 89.0 % (88.0 % to 90.0 %) with 0 and 90.0 % (89.0 % to "
        "91.0 %) with 16; fine-tuned: 91.0 % (90.0 % to 93.0 %) with 0 and 92.5 % (90.0 % to 93.0 %) with 16."
    )


def test_no_interval_hides_another():
    drawn = draw_views({"a": FROZEN, "b": FROZEN, "c": FROZEN})
    places = [path[0][0] for index in (1, 2, 3) for path in paths(drawn, index) if path.shape[1] == 2]
    assert len(set(places)) == len(places) == 18


def test_lines_may_have_other_numbers_of_views_and_no_intervals():
    drawn = draw_views({"a": [(8, 0.9, math.nan, math.nan)], "b": [(0, 0.8, 0.7, 0.9), (1000, 0.85, math.nan, 0.9)]})
    assert [word for word in texts(drawn) if word in ("0", "8", "1,000")] == ["0", "8", "1,000"]
    assert "a: 90.0\u202f% with 8;" in drawn.description
    assert "85.0\u202f% with 1,000." in drawn.description


def test_accuracies_at_the_ends():
    drawn = draw_views({"all": [(0, 1.0, 1.0, 1.0)], "none": [(0, 0.0, 0.0, 0.0)]})
    shares = [float(word[:-2]) for word in texts(drawn) if word.endswith("%")]
    assert min(shares) >= 0
    assert max(shares) <= 100


@pytest.mark.parametrize("name", [HOSTILE, "a long name " * 20])
def test_any_name(name):
    drawn = draw_views({name: FROZEN, "other": TUNED})
    texts(drawn)
    assert ": #" not in inline_svg(drawn.svg, "views", drawn.description)


@pytest.mark.parametrize("lines", [{}, {"a": []}, {str(index): FROZEN for index in range(MAX_SERIES + 1)}])
def test_nothing_or_too_much(lines):
    with pytest.raises(ValueError, match=f"1 to {MAX_SERIES} lines"):
        draw_views(lines)
