from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from checked_texts import checked, plain
from made_results import made_results
from made_studies import made_run

from regraft.images.labelled import ImageCollection, LabelledImage, Split
from regraft.reports import _study_parts as parts
from regraft.reports.document import Figure, Paragraph
from regraft.reports.references import WILSON
from regraft.runs.folder import RunFolder
from regraft.studies.declaration import Study, make_study
from regraft.studies.results import Results

TAKES_NO_PART = "They took no part in any comparison: only the recommended setting is measured on them, and only once."
DRAWN = (
    "The test images were drawn once, with seed 7, by a hash of each image’s content, so that equal images never lie "
    f"in two splits. {TAKES_NO_PART}"
)
BETWEEN = (
    "A seed also fixes the order of the batches and the initial weights, so that within a repetition two settings "
    "differ in nothing but what the study varies."
)


def declared(**parts: Any) -> Study:
    return make_study({"seed": 7, "images": {"source": "photos"}, **parts})


def collection(*splits: Split | None, classes: int = 2) -> ImageCollection:
    names = tuple(f"class {number}" for number in range(classes))
    images = tuple(
        LabelledImage(f"{i}.jpg", names[i % classes], f"{i:064x}", Path(f"{i}.jpg"), split=split)
        for i, split in enumerate(splits or (None,) * classes)
    )
    return ImageCollection("photos", images, (), names)


def made(settings: int, repetitions: int, **options: Any) -> Results:
    return made_results(np.full((settings, repetitions), 0.8), **options)


def split_text(study: Study, results: Results, images: ImageCollection | None) -> str:
    return checked(parts.split_paragraph(study, results, images).text)


def test_names_with_a_comma_or_an_and_are_quoted():
    assert parts.quoted("learning rate 0.1") == "learning rate 0.1"
    assert parts.quoted("learning rate 0.1, momentum 0") == "“learning rate 0.1, momentum 0”"
    assert parts.quoted("salt and pepper") == "“salt and pepper”"
    assert plain(parts.quoted("[[cut]]\n")) == "[[cut]]\\n"
    assert "[[cut]]" not in parts.quoted("[[cut]]")


def test_citations_by_name_become_references():
    text = "used (Nadeau and Bengio, 2003; for others, Bouckaert and Frank, 2004), by Holm’s method (1979)."
    assert parts.cited(text) == (
        "used (Nadeau and Bengio [[cite:nadeau2003]]; for others, Bouckaert and Frank [[cite:bouckaert2004]]), by "
        "Holm’s method [[cite:holm1979]]."
    )
    keys = [reference.key for reference in parts.SHARED_REFERENCES]
    assert len(keys) == len(set(keys)) == 9
    assert WILSON in parts.SHARED_REFERENCES


def test_folds_and_seeds():
    study = declared(seeds=3, folds=5)
    assert split_text(study, made(2, 15, images=160, train_images=640), collection()) == (
        f"{DRAWN} The other images were divided into five folds, each of which validates once while the others train; "
        "this was repeated with three seeds, which gives 15 repetitions of 640 training and 160 validation images. "
        f"{BETWEEN}"
    )
    assert (
        "divided into two folds, each of which validates once while the other trains, which gives two repetitions of "
        "800 training and 200 validation images."
    ) in split_text(declared(seeds=1, folds=2), made(2, 2), collection())


def test_seeds_without_folds():
    several = split_text(declared(seeds=3), made(2, 3, images=1500, train_images=6000), collection())
    assert (
        "For each of three seeds, the other images were divided anew into 6,000 training and 1,500 validation images."
    ) in several
    once = split_text(declared(seeds=1), made(1, 1), collection())
    assert once.endswith(
        "The other images were divided once, into 800 training and 200 validation images. A seed also fixes the order "
        "of the batches and the initial weights."
    )


def test_numbers_that_differ_between_repetitions_are_about_that():
    results = made(2, 2)
    results.images[:] = 43, 45
    assert "into 800 training and about 44 validation images" in split_text(declared(seeds=2), results, collection())


def test_splits_of_the_collection():
    given = collection("train", "test", "validation", classes=3)
    text = split_text(declared(seeds=3), made(2, 3), given)
    assert text == (
        f"The test images are those that the collection names. {TAKES_NO_PART} The 200 validation images, too, are "
        "those that the collection names; 800 images train. The three repetitions differ in the order of the batches "
        f"and in the initial weights alone. {BETWEEN}"
    )
    assert "repetitions" not in split_text(declared(seeds=1), made(1, 1), given)
    only_test = split_text(declared(seeds=2, folds=2), made(2, 4), collection("train", "test"))
    assert only_test.startswith("The test images are those that the collection names. They took")
    assert "divided into two folds" in only_test
    only_validation = split_text(declared(seeds=1), made(2, 1), collection("train", "validation"))
    assert only_validation.startswith("The test images were drawn once")
    assert "The 200 validation images, too, are" in only_validation


def test_without_the_images_nobody_knows_which_splits_they_brought():
    assert split_text(declared(seeds=1), made(2, 1), None).startswith(
        "The test images are those that the collection names, or else were drawn once, with seed 7, by a hash of each "
        f"image’s content. {TAKES_NO_PART}"
    )


def test_numbers_of_the_first_setting_are_called_so():
    results = made(2, 2, axes={"images.validation": (0.1, 0.2)})
    assert "These numbers are those of the first setting. A seed" in split_text(declared(seeds=2), results, None)


def test_the_table_counts_images_by_class_and_split(tmp_path: Path):
    run = made_run(tmp_path / "run", classes=("daisy", "[[cut]]", "<b>\n"), images=6)
    assert parts.split_table(run, "Images.").rows == (
        ("<b>\\n", "0", "2", "2", "4"),
        ("[[cut]]", "0", "2", "2", "4"),
        ("daisy", "0", "2", "2", "4"),
        ("all", "0", "6", "6", "12"),
    )
    many = made_run(tmp_path / "many", classes=[f"class {number:02}" for number in range(13)], images=13)
    table = parts.split_table(many, "Images.")
    assert (len(table.rows), table.rows[-1][-1], table.note) == (13, "26", "1 further class not shown.")


def photographs(photos: Path) -> ImageCollection:
    collection = parts.images_at_hand(make_study({"images": {"source": str(photos)}}))
    assert collection is not None
    return collection


def run_that_trained(folder: Path, images: ImageCollection, train: int) -> RunFolder:
    """A run whose first images of each class trained."""
    folder.mkdir()
    run = RunFolder(folder)
    of_class = dict.fromkeys(images.classes, 0)
    splits: list[Split] = []
    for image in images.images:
        of_class[image.label] += 1
        splits.append("train" if of_class[image.label] <= train else "test")
    run.write_splits(images.images, splits)
    return run


def test_examples_are_training_images_of_each_class(photos: Path, tmp_path: Path):
    images = photographs(photos)
    shown = parts.example_pictures(images, run_that_trained(tmp_path / "run", images, 4))
    assert shown is not None
    assert [picture.text for picture in shown.pictures] == ["blue", "blue", "green", "green", "red", "red"]
    assert checked(shown.caption) == "Examples: two training images of each class."
    assert all(picture.jpeg.startswith(b"\xff\xd8") for picture in shown.pictures)
    again = parts.example_pictures(images, run_that_trained(tmp_path / "again", images, 4))
    assert again == shown
    assert parts.example_pictures(images, run_that_trained(tmp_path / "none", images, 0)) is None
    assert parts.example_pictures(None, run_that_trained(tmp_path / "gone", images, 4)) is None


def test_of_many_classes_there_is_one_example_each(photos: Path, tmp_path: Path):
    file = next((photos / "red").iterdir())
    images = tuple(LabelledImage(f"{i}.jpg", f"class {i}", f"{i:064x}", file) for i in range(9))
    nine = ImageCollection("photos", images, (), tuple(f"class {i}" for i in range(9)))
    shown = parts.example_pictures(nine, run_that_trained(tmp_path / "run", nine, 1))
    assert shown is not None
    assert (len(shown.pictures), shown.per_row) == (8, 8)
    assert checked(shown.caption) == "Examples: a training image of each of the first eight classes."


def test_a_long_name_is_shortened_below_its_picture(photos: Path, tmp_path: Path):
    file = next((photos / "red").iterdir())
    name = "[[cut]]" + " very" * 30 + " long"
    long = ImageCollection("photos", (LabelledImage("0.jpg", name, "0" * 64, file),), (), (name,))
    shown = parts.example_pictures(long, run_that_trained(tmp_path / "run", long, 1))
    assert shown is not None
    assert shown.pictures[0].text == "[[cut]] very ve…very very long"


def test_images_that_are_gone_or_would_have_to_be_downloaded(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("REGRAFT_CACHE", str(tmp_path / "cache"))
    assert parts.images_at_hand(make_study({"images": {"source": str(tmp_path / "nowhere")}})) is None
    assert parts.images_at_hand(make_study({"images": {"source": "flowers"}})) is None
    assert not (tmp_path / "cache").exists()
    copied = parts.images_at_hand(make_study({"images": {"source": "flowers", "path": str(photos)}}))
    assert copied is not None
    assert len(copied.images) == 75


def test_a_picture_that_cannot_be_read_any_more_is_left_out(tmp_path: Path):
    file = tmp_path / "broken.jpg"
    file.write_bytes(b"no image")
    images = (LabelledImage("broken.jpg", "a", "0" * 64, file),)
    broken = ImageCollection("photos", images, (), ("a",))
    assert parts.example_pictures(broken, run_that_trained(tmp_path / "run", broken, 1)) is None


def recommended(folder: Path, *subject: str, **options: Any) -> list[Any]:
    return parts.recommended_blocks(made_run(folder, **options), *subject)


def test_what_the_recommended_setting_does_on_the_test_images(tmp_path: Path):
    text, figure = recommended(tmp_path / "run", wrong=4)
    assert isinstance(text, Paragraph)
    assert checked(text.text) == (
        "The recommended setting was trained as a run of its own (lr 0.1, momentum 0.9): for 5 epochs, as validation "
        "chose, and then afresh on the training and validation images together. It answered 26 of 30 test images "
        "rightly: a test accuracy of 86.7 % (95 % interval 70.3 % to 94.7 %, Wilson [[cite:wilson1927]]), where always "
        "answering “daisy” gives 33.3 %. Averaged over the classes, precision is 86.9 % and recall 86.7 %. Most often "
        "confused: “daisy” taken for “roses” (2 of 10 images), “roses” taken for “tulips” (1 of 10 images) and "
        "“tulips” taken for “daisy” (1 of 10 images). [[confusion]] shows all answers."
    )
    assert isinstance(figure, Figure)
    assert checked(figure.caption) == (
        "Confusion matrix of the recommended setting on the 30 test images: true classes in rows, answers in columns."
    )
    other, _ = recommended(tmp_path / "best", "the best setting", wrong=0)
    assert checked(other.text).startswith("The best setting was trained")


def test_many_classes_have_no_confusion_matrix_and_hostile_ones_do_no_harm(tmp_path: Path):
    (text,) = recommended(tmp_path / "many", classes=[f"class {number}" for number in range(31)], images=31)
    assert "[[confusion]]" not in checked(text.text)
    names = ("[[cut]]", "<b>$x_1", "#import")
    text, _ = recommended(tmp_path / "hostile", classes=names, wrong=1)
    assert "where always answering “[[cut]]” gives" in checked(text.text)
    assert "[[cut]]" not in text.text
