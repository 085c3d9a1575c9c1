from __future__ import annotations

import pytest
from checked_texts import checked, plain, texts_of
from made_documents import HOSTILE
from made_finetuned import augmentation_facts, finetune_facts, finetune_rows, made_config, make_finetuned
from made_runs import SETTINGS, make_run
from strict_page import StrictPage

from regraft.reports._run_finetuning import finetuning_figures, finetuning_references, trained_words
from regraft.reports.document import Figure
from regraft.reports.html import document_html
from regraft.reports.numbering import numbering
from regraft.reports.pdf import document_pdf
from regraft.reports.run_document import run_document


def text_of(document) -> str:
    return plain(StrictPage(document_html(document)).text)


def titles(document) -> list[str]:
    return [section.title for section in document.sections if section.level == 1]


def test_the_report_of_a_fine_tuned_run_has_its_sections_figures_and_sources(tmp_path):
    run, images = make_finetuned(tmp_path, augmentation=augmentation_facts(views=8, test_views=2))
    document = run_document(run, images)
    assert titles(document) == [
        "Result", "Data", "Augmentation", "Training", "Fine-tuning", "Errors", "Method", "Limits",
        "How to reproduce it",
    ]  # fmt: skip
    figures = [block.label for block in document.blocks() if isinstance(block, Figure)]
    assert figures == ["views", "loss", "accuracy", "cut", "finetuning", "confusion"]
    numbering(document)  # every reference has its place
    text = text_of(document)
    assert document.subtitle == "Report of one training run: EfficientNetLite0, fine-tuned"
    assert "The last layers of EfficientNetLite0, with a new head, were fine-tuned to tell apart the 3 classes" in text
    assert "how the heads learnt, before fine-tuning: the chosen setting" in text
    assert "The recipe: adamw [2], lr 0.0002, cosine [3]. It was trained" in text
    assert "is frozen at first: it turns each image" in text
    assert "At first only a new head" in text
    assert "Fine-tuning begins from the head, and the lowest validation loss chooses its epoch, too." in text
    assert "that one is the classifier" not in text
    assert "Chosen head" in text
    assert "Figure 5 shows how it went." in text
    for words in texts_of(document):
        checked(words)
    assert document_pdf(document, tmp_path / "report.pdf") <= 4


def test_a_run_that_kept_the_frozen_network_is_called_so(tmp_path):
    same = {"validation_loss": 0.42, "validation_accuracy": 0.8}
    facts = finetune_facts(best_epoch=0, frozen=same, tuned=same)
    document = run_document(*make_finetuned(tmp_path, facts=facts, rows=finetune_rows(3, best=0)))
    assert document.subtitle == "Report of one training run on frozen features of EfficientNetLite0"
    assert "A new head was trained on the frozen features" in document.abstract
    assert "fine-tuning was no better than the frozen network" in text_of(document)


def test_a_run_without_either_has_neither(tmp_path):
    document = run_document(*make_run(tmp_path))
    assert not {"Fine-tuning", "Augmentation"} & set(titles(document))
    assert "ine-tun" not in text_of(document)
    assert finetuning_references({}) == []


def test_views_of_the_heads_alone(tmp_path):
    run, images = make_run(tmp_path, changes={"augmentation": augmentation_facts(views=4)})
    document = run_document(run, images)
    assert "Augmentation" in titles(document)
    assert "Fine-tuning" not in titles(document)
    assert "one of its 4 views" in text_of(document)
    assert "No training image was at hand" in text_of(document)


@pytest.mark.parametrize(
    ("facts", "chosen", "drawn"),
    [
        ({}, {}, ["cut", "finetuning"]),
        ({}, {"hidden": [128]}, ["cut", "finetuning"]),
        ({}, {"hidden": [128, 64]}, ["finetuning"]),
        ({"cut": "input", "activations": [224, 224, 3]}, {}, ["finetuning"]),
        ({"activations": [1280]}, {}, ["finetuning"]),
    ],
)
def test_the_cut_is_drawn_where_there_is_one_inside_the_network(facts, chosen, drawn):
    metrics = {
        "finetune": finetune_facts(**facts), "chosen": SETTINGS | chosen, "collection": {"classes": ["a", "b", "c"]},
        "backbone": {"name": "Lite0", "size": [224, 224], "features": 1280},
    }  # fmt: skip
    figures = finetuning_figures(metrics, finetune_rows(), made_config())
    assert [figure.name for figure in figures] == drawn
    if drawn[0] == "cut":
        head = 1281 * 3 if not chosen else 1281 * 128 + 129 * 3
        assert f"{2_812_345 + head:,} parameters" in figures[0].drawn.svg
    assert finetuning_figures(metrics | {"backbone": {}}, [], made_config()) == []


def test_what_was_trained_in_words():
    assert trained_words({}, "") == "A new head was trained on frozen features"
    assert trained_words({"finetune": finetune_facts()}, "").startswith("The last layers of a pretrained network, with")
    assert trained_words({"finetune": finetune_facts(cut="input")}, "x.keras").startswith("All layers of x.keras, with")


def test_names_from_outside_are_text(tmp_path):
    facts = finetune_facts(cut=HOSTILE[7], blocks=[*HOSTILE[:6], *HOSTILE[7:9]])
    backbone = {"name": HOSTILE[4], "size": 32, "features": 8, "precision": "f32"}
    run, images = make_finetuned(tmp_path, facts=facts, changes={"backbone": backbone})
    document = run_document(run, images)
    text = text_of(document)
    for name in (HOSTILE[7], HOSTILE[0], HOSTILE[4]):
        assert name in text
    assert document_pdf(document, tmp_path / "report.pdf") <= 5
