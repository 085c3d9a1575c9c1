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


def test_of_fine_tuning_the_top_begins_with_blocks_of_the_network():
    drawn = cut_diagram("Lite0", 224, 1280, 5, trainable=2_818_750, blocks=3, activations=(14, 14, 112))
    words = texts(drawn)
    assert {"14 × 14 × 112", "activations", "3 blocks", "pooling", "Dense 5", "2,818,750 parameters"} <= set(words)
    assert {"once for each image and view, then cached", "fine-tuned together"} <= set(words)
    assert "features" not in words
    assert "the last 3 blocks of the network, the pooling and the head (Dense 5, softmax)" in drawn.description


@pytest.mark.parametrize("name", [HOSTILE, "a long name of a network " * 5])
def test_a_fine_tuned_network_of_any_size_has_room(name):
    drawn = cut_diagram(
        name, (320, 320), 2048, 1000, 1024, trainable=98_765_432, frozen=12_345_678, blocks=117,
        activations=(112, 112, 256),
    )  # fmt: skip
    assert {"117 blocks", "Dense 1,024", "12,345,678 parameters", "112 × 112 × 256"} <= set(texts(drawn))
    assert ": #" not in inline_svg(drawn.svg, "cut", drawn.description)
