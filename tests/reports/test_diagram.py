from __future__ import annotations

import pytest
from figure_results import HOSTILE, texts

from regraft.reports._svg import inline_svg
from regraft.reports.diagram import cut_diagram


def test_the_numbers_of_the_network_are_in_the_drawing():
    drawn = cut_diagram("MobileNetV2", 224, 1280, 5, frozen=2257984)
    words = {
        "MobileNetV2", "224 × 224 × 3", "2,257,984 parameters", "1,280", "features", "F(x)", "Dense 5", "softmax",
        "6,405 parameters", "5 class", "N(F(x))", "the cut", "base F, frozen", "top N, trained",
    }  # fmt: skip
    assert words <= set(texts(drawn))
    assert drawn.width == 1
    assert "2,257,984 parameters" in drawn.description


def test_a_hidden_layer_is_drawn_and_counted():
    words = texts(cut_diagram("Lite0", (240, 320), 1280, 1000, 128))
    assert {"Dense 128, ReLU", "Dense 1,000", f"{1281 * 128 + 129 * 1000:,} parameters", "⋮", "240 × 320 × 3"} <= set(
        words
    )


def test_one_sigmoid_unit_answers_for_two_classes():
    words = texts(cut_diagram("Lite0", 224, 1280, 2, activation="sigmoid"))
    assert {"Dense 1", "sigmoid", "1,281 parameters", "2 class"} <= set(words)
    assert "6 parameters" in texts(cut_diagram("Lite0", 224, 1280, 2, trainable=6))


@pytest.mark.parametrize("name", [HOSTILE, "a long name of a network " * 5])
def test_any_name_fits_and_every_colour_is_the_pages(name):
    drawn = cut_diagram(name, 224, 1, 2)
    assert "1" in texts(drawn)
    assert ": #" not in inline_svg(drawn.svg, "cut", drawn.description)
