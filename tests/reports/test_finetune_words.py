from __future__ import annotations

import pytest
from checked_texts import checked
from hypothesis import given
from hypothesis import strategies as st
from made_documents import HOSTILE
from made_finetuned import finetune_facts, finetune_rows, made_config

from regraft.reports._finetune_words import finetuning, finetuning_caption, finetuning_fact, is_tuned, is_whole


def paragraphs(facts, rows=None, config=None, images=30) -> list[str]:
    metrics = {"finetune": facts, "validation": {"images": images}}
    texts = finetuning(metrics, finetune_rows() if rows is None else rows, config or made_config())
    return [checked(text) for text in texts]


def test_a_usual_run_is_told_from_its_facts():
    assert paragraphs(finetune_facts()) == [
        "First a head was trained on the features of the frozen network. Then the network was cut after "
        "“stages_4_block_2_add”, and behind the cut 37 layers of 2 blocks (stages_5, stages_6) with 2,812,345 "
        "parameters were trained together with the head. All other weights stayed as they were pretrained. What "
        "reaches the cut, 14 × 14 × 112 numbers for an image, was computed once for every image, and for 8 augmented "
        "views of each training and validation image, and kept on the disk: 351 MB.",
        "The recipe: adamw, lr 0.0002, cosine. It was trained for 8 epochs, at 262 images a second. The lowest "
        "validation loss chose epoch 5. Then all was trained once more in the same way, for 5 epochs on the training "
        "and validation images together: that network is the classifier.",
        "On the 30 validation images the accuracy went from 80.0 %, of the frozen network with its head, to 90.0 % (3 "
        "more of them right); the loss went from 0.420 to 0.300. Both networks were measured on the same images, in "
        "one training, and these images also chose the epoch: that may make the fine-tuned one look better than it is. "
        "Whether the difference would be there for other images was not tested.",
    ]


def test_no_better_than_the_frozen_network():
    same = {"validation_loss": 0.42, "validation_accuracy": 0.8}
    facts = finetune_facts(best_epoch=0, frozen=same, tuned=same)
    _, how, change = paragraphs(facts, finetune_rows(4, best=0))
    assert "No epoch had a lower validation loss than the frozen network with its head, so that one is kept." in how
    assert how.endswith("Its head is the one that was trained on training and validation images together.")
    assert "Then all was trained" not in how
    assert change == (
        "On the 30 validation images the frozen network with its head has an accuracy of 80.0 % and a loss of 0.420. "
        "After epoch 1, where fine-tuning had its lowest loss, they were 89.0 % and 0.520. By the loss, which chooses, "
        "fine-tuning was no better than the frozen network."
    )
    assert "Its head" not in paragraphs(facts | {"refit": False}, finetune_rows(4, best=0))[1]


def test_a_divergence_is_said_and_nothing_finite_is_no_number():
    same = {"validation_loss": None, "validation_accuracy": 0.2}
    facts = finetune_facts(best_epoch=0, frozen=same, tuned=same, stopped_early=True, images_per_second=None)
    _, how, change = paragraphs(facts, finetune_rows(1, best=0, diverged=1))
    assert "It was trained for 1 epoch of at most 8. It ended there because the loss of epoch 1 was no finite" in how
    assert "stopped early" not in how
    assert "a loss of no finite number. By the loss" in change


def test_answers_that_were_softened_are_said_to_be():
    said = "their logits are divided by 1.40, the temperature that suits the validation images"
    assert said in paragraphs(finetune_facts(temperature=1.4))[1]
    assert "temperature" not in paragraphs(finetune_facts())[1]


def test_early_stopping_names_the_patience():
    facts = finetune_facts(stopped_early=True, epochs=30, refit=False)
    how = paragraphs(facts, config=made_config(finetune={"patience": 3}))[1]
    assert (
        "for 8 epochs of at most 30, at 262 images a second. It stopped early: the validation loss had not become"
        in how
    )
    assert "lower for 3 epochs. The lowest validation loss chose epoch 5." in how
    assert how.endswith("The weights of that epoch are the classifier’s.")


@pytest.mark.parametrize(
    ("views", "words"),
    [(None, "read the images anew, each time in a new augmented view."), (0, "read the images anew, as they are.")],
)
def test_the_whole_network_keeps_no_activations(views, words):
    facts = finetune_facts(cut="input", activations=[224, 224, 3], views=None, bytes=0)
    config = made_config(augmentation={"views": views})
    first = paragraphs(facts, config=config)[0]
    assert "Then the whole network was trained with it: 37 layers of 2 blocks" in first
    assert first.endswith(words)
    assert is_whole(facts)
    assert ("augmented" in finetuning_caption(facts, config)) is (views is None)


def test_without_views_and_with_one_of_everything():
    facts = finetune_facts(
        views=0, layers=1, parameters=1, blocks=["top"], bytes=12_000, epochs=1, best_epoch=1,
        frozen={"validation_loss": 0.42, "validation_accuracy": 1.0},
        tuned={"validation_loss": 0.3, "validation_accuracy": 0.0},
    )  # fmt: skip
    first, how, change = paragraphs(facts, finetune_rows(1, best=1), images=1)
    assert "behind the cut 1 layer of 1 block (top) with 1 parameter was trained together" in first
    assert first.endswith("was computed once for every image and kept on the disk: 12 kB.")
    assert "for 1 epoch, at" in how
    assert change.startswith("On the one validation image the accuracy went from 100.0 %")
    assert "(1 fewer of them right)" in change


def test_with_test_views_the_numbers_are_those_of_the_plain_images():
    config = made_config(augmentation={"test_views": 4})
    assert "from 0.420 to 0.300 (of the plain images alone, without" in paragraphs(finetune_facts(), config=config)[2]


def test_an_accuracy_that_stayed():
    same = {"validation_loss": 0.41, "validation_accuracy": 0.8}
    assert (
        "of the fine-tuned one is the same, 80.0 %; the loss went from 0.420 to 0.410."
        in paragraphs(finetune_facts(tuned=same))[2]
    )


@pytest.mark.parametrize(
    ("blocks", "words"), [([""], "37 layers with"), ([*"abcdefgh"], "(a, b, c, d, e, f and 2 more)")]
)
def test_blocks_without_a_name_and_many_of_them(blocks, words):
    assert words in paragraphs(finetune_facts(blocks=blocks))[0]


def test_names_are_shown():
    first = finetuning(
        {"finetune": finetune_facts(cut="a\nb", blocks=list(HOSTILE)), "validation": {"images": 3}}, [], made_config()
    )[0]
    assert "a\\nb" in first
    assert "\n" not in first
    assert "\u202e" not in first


def test_the_caption_says_what_the_training_loss_is_of():
    assert "the penalty" not in checked(finetuning_caption(finetune_facts(), made_config()))
    config = made_config(finetune={"label_smoothing": 0.1, "l2_sp": 0.01})
    caption = checked(finetuning_caption(finetune_facts(views=0), config))
    assert "The training loss, with label smoothing and the penalty L2-SP, is a mean over an epoch, while" in caption


def test_the_key_fact():
    assert finetuning_fact(finetune_facts()) == (
        "2 blocks, 2,812,345 parameters", "epoch 5; adamw, lr 0.0002, cosine",
    )  # fmt: skip
    assert finetuning_fact(finetune_facts(cut="input"))[0] == "the whole network, 2,812,345 parameters"
    value, detail = finetuning_fact(finetune_facts(best_epoch=0))
    assert (value, detail[:12]) == ("no better than the frozen network", "that is kept")
    assert is_tuned({"finetune": finetune_facts()})
    assert not is_tuned({"finetune": finetune_facts(best_epoch=0)})
    assert not is_tuned({})


SHARES = st.integers(0, 30).map(lambda right: right / 30)
LOSSES = st.one_of(st.none(), st.floats(0, 20))


@given(
    st.integers(0, 8), SHARES, SHARES, LOSSES, LOSSES, st.booleans(), st.booleans(), st.sampled_from([None, 0, 1, 8]),
    st.sampled_from([None, 0.4, 1.0, 12345.6]), st.sampled_from(["input", "block_5"]),
)  # fmt: skip
def test_whatever_the_facts_the_sentences_are_sound(best, before, now, first, last, early, refit, views, speed, cut):
    facts = finetune_facts(
        best_epoch=best, frozen={"validation_loss": first, "validation_accuracy": before}, cut=cut, views=views,
        tuned={"validation_loss": last, "validation_accuracy": now}, stopped_early=early, refit=refit,
        images_per_second=speed,
    )  # fmt: skip
    texts = paragraphs(facts, finetune_rows(8, best=best))
    right = round(now * 30) - round(before * 30)
    if best and right:
        assert f"({abs(right)} {'more' if right > 0 else 'fewer'} of them right)" in texts[2]
    checked(finetuning_caption(facts, made_config()))
