from __future__ import annotations

import numpy as np
import pytest
from checked_texts import checked
from figure_results import texts
from made_finetuned import POLICY, augmentation_facts, finetune_facts, made_config, make_finetuned
from PIL import Image

from regraft._files import sha256_of_file
from regraft.images.labelled import LabelledImage, sha256_of_pixels
from regraft.reports._augmentation_parts import augmentation_preview, augmentation_words
from regraft.reports.augmentation_figure import preview_augmentation


def words(facts=None, *, tuned=None, config=None, is_shown=True) -> str:
    metrics = {"augmentation": facts or augmentation_facts()} | ({"finetune": tuned} if tuned else {})
    return checked(augmentation_words(metrics, config or made_config(), is_shown=is_shown))


def test_heads_and_fine_tuning_on_views():
    start = "A view is an image that was changed at random, in ways that leave its label as it is. "
    drawn = "learnt from views: in every epoch each image came as itself or as one of its 8 views, drawn at random."
    before = " The heads before it saw the plain images only."
    assert words(augmentation_facts(views=8)) == f"{start}The heads {drawn}"
    assert words(augmentation_facts(views=8), tuned=finetune_facts()) == f"{start}The heads and fine-tuning {drawn}"
    assert words(tuned=finetune_facts()) == f"{start}Fine-tuning {drawn}{before}"
    both = words(augmentation_facts(views=1), tuned=finetune_facts())
    assert "The heads learnt from views: in every epoch each image came as itself or as one of its 1 view," in both
    assert f"Fine-tuning {drawn}" in both
    whole = finetune_facts(cut="input", views=None)
    assert words(tuned=whole) == f"{start}Fine-tuning saw every image in a new view in every epoch.{before}"


def test_answers_over_test_views():
    plain = words(augmentation_facts(test_views=4), config=made_config(augmentation={"views": 0}))
    assert plain.endswith(
        "Every answer, here as for new images, is an average: of the probabilities for the plain image and for 4 views "
        "of it."
    )
    assert "learnt" not in plain
    assert "average" not in words()


def test_the_policy_is_in_the_text_where_no_figure_has_it():
    text = words(is_shown=False)
    assert "The policy: horizontal flip, rotation ±10°, crop 50–100 % of the area, brightness ±20 % (seed 0)." in text
    assert "No training image was at hand" in text
    assert "policy" not in words()


def test_the_first_training_image_by_hash_is_shown(tmp_path):
    run, images = make_finetuned(tmp_path, changes={"backbone": {"size": 32}})
    trained = sorted((image for image in images.values() if "train-" in image.name), key=lambda image: image.sha256)
    drawn, caption = augmentation_preview(run, run.metrics(), images)
    assert drawn == preview_augmentation(trained[0].source, POLICY, 32)
    assert f"The image is “{trained[0].name}”, of the training images." in checked(caption)
    assert "view 9" in texts(drawn)
    # What is gone, has changed or cannot be decoded is passed over.
    trained[0].source.unlink()
    Image.new("RGB", (8, 8)).save(trained[1].source)
    drawn, caption = augmentation_preview(run, run.metrics(), images)
    assert trained[2].name in caption
    trained[2].source.write_bytes(b"no image")
    assert augmentation_preview(run, run.metrics(), images) is None
    assert augmentation_preview(run, run.metrics(), None) is None


def test_an_image_that_cannot_be_decoded_is_passed_over(tmp_path):
    run, _ = make_finetuned(tmp_path, photos=0)
    file = tmp_path / "photos" / "broken.jpg"
    file.write_bytes(b"no image")
    image = LabelledImage("broken.jpg", "daisy", sha256_of_file(file), file)
    run.write_splits([image], ["train"])
    assert augmentation_preview(run, run.metrics(), {image.sha256: image}) is None


@pytest.mark.parametrize("size", [32, [48, 64]])
def test_images_that_are_no_files_and_any_size(tmp_path, size):
    run, images = make_finetuned(tmp_path, photos=1, changes={"backbone": {"size": size}})
    pixels = np.random.default_rng(0).integers(0, 255, (9, 9), np.uint8)
    image = next(image for image in images.values() if "train-" in image.name)
    images[image.sha256] = LabelledImage("digits/1", "1", sha256_of_pixels(pixels), pixels)
    preview = augmentation_preview(run, run.metrics(), images)
    assert preview is not None
    assert preview.drawn == preview_augmentation(pixels, POLICY, size if isinstance(size, int) else (48, 64))
