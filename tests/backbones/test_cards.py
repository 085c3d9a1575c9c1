"""Every card is complete and its facts fit together."""

import dataclasses

import pytest

from regraft.backbones.cards import Card
from regraft.backbones.catalogue import CATALOGUE

CARDS = pytest.mark.parametrize("card", CATALOGUE.values(), ids=CATALOGUE)


@CARDS
def test_facts_fit_together(card: Card) -> None:
    assert 32 <= card.minimum_size <= card.size <= 600
    assert card.top1 is not None
    assert (56 if card.name == "AlexNet" else 65) < card.top1 < 90
    assert card.top5 is None or card.top1 < card.top5 < 100
    assert card.alphas == () or (1.0 in card.alphas and list(card.alphas) == sorted(set(card.alphas)))
    assert card.features % 8 == 0
    assert card.depth is None or card.depth > 0


@CARDS
def test_weights_take_four_bytes_a_parameter(card: Card) -> None:
    weights_mb = card.parameters * 4 / 2**20
    if card.name == "EfficientNetB0":
        assert "20" in card.note  # Keras' table is off there, and the card says so
        assert round(weights_mb) == 20
    else:
        # HDF5 adds something for every layer, most for the small networks of many layers.
        assert 0.98 * weights_mb <= card.size_mb <= 1.15 * weights_mb


@CARDS
def test_says_where_its_facts_and_its_licence_come_from(card: Card) -> None:
    assert card.licence in {"Apache-2.0", "MIT", "BSD", "BSD-3-Clause", "CC-BY-4.0"} or card.name == "AlexNet"
    assert "licence: " in card.source or "no licence: no weights" in card.source
    assert "top-1" in card.source
    if card.licence == "BSD":
        assert "BSD" in card.note


def test_a_card_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        CATALOGUE["VGG16"].size = 225  # type: ignore[misc]
