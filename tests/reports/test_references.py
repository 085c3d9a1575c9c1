from __future__ import annotations

import re

import pytest

from regraft.backbones.catalogue import CATALOGUE
from regraft.reports import references
from regraft.reports.references import backbone_paper
from regraft.training.finetune_settings import FinetuneSettings


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("EfficientNetLite0", "tan2019"), ("EfficientNetB7", "tan2019"), ("EfficientNetV2B0", "tan2021"),
        ("MobileNet-0.75", "howard2017"), ("MobileNetV2-0.35@320", "sandler2018"), ("MobileNetV3Small", "howard2019"),
        ("ResNet50", "he2016"), ("ResNet101V2", "he2016b"), ("InceptionResNetV2", "szegedy2017"),
    ],
)  # fmt: skip
def test_a_backbone_has_the_paper_of_its_design(name, key):
    assert backbone_paper(name).key == key


def test_every_backbone_of_the_catalogue_has_one_and_a_file_has_none():
    assert [name for name in CATALOGUE if backbone_paper(name) is None] == []
    assert backbone_paper("/home/me/MobileNetV2.keras") is None


def test_keys_and_addresses_are_told_apart():
    papers = {backbone_paper(name) for name in CATALOGUE} | {references.WILSON, references.TRANSFER}
    papers |= set(references.RECIPES.values())
    assert len({paper.key for paper in papers}) == len({paper.url for paper in papers}) == len(papers)
    address = re.compile(r"https://(arxiv\.org/abs/\d{4}\.\d{4,5}|doi\.org/10\.\S+)")
    assert [paper.url for paper in papers if not address.fullmatch(paper.url)] == []
    assert [paper.key for paper in papers if re.search(r"\d{4}", paper.key)[0] not in paper.text] == []


def test_the_words_of_a_recipe_are_those_of_the_settings():
    label = FinetuneSettings(layer_decay=3.0, l2_sp=0.1).label
    assert [word for word in references.RECIPES if word not in label] == []
    assert [
        word for word in references.RECIPES if word in FinetuneSettings(optimizer="sgd", schedule="constant").label
    ] == []
