from __future__ import annotations

import io

import pytest
from made_runs import make_run
from PIL import Image

from regraft.images.labelled import LabelledImage, sha256_of_pixels
from regraft.reports._run_errors import errors_sections
from regraft.reports.document import Details, Figure, Paragraph, Pictures, Table


def sections(made, *, images="own", class_rows=15):
    run, own = made
    return errors_sections(run, run.metrics(), own if images == "own" else images, class_rows)


def words(section) -> str:
    return " ".join(block.text for block in section.blocks if isinstance(block, Paragraph))


def one(section, kind):
    (block,) = (block for block in section.blocks if isinstance(block, kind))
    return block


def test_the_parts_and_their_numbers(tmp_path):
    start, confused, classes, mistakes = sections(make_run(tmp_path, wrong=4))
    assert [section.level for section in (start, confused, classes, mistakes)] == [1, 2, 2, 2]
    assert words(start) == "4 of 30 test images were answered wrongly."
    assert "[[confusion]]" in words(confused)
    assert "26 of 30 test images lie on the diagonal." in one(confused, Figure).description
    table = one(classes, Table)
    assert [row[:2] for row in table.rows] == [("daisy", "10"), ("roses", "10"), ("tulips", "10")]
    # Wrong are images 0 to 3: two of daisy taken for roses, one of roses for tulips, one of tulips for daisy.
    assert table.rows[0][3].startswith("80.0")
    assert table.rows[1][2].startswith("81.8")  # 9 of 11
    assert "“daisy”" in words(classes)
    assert "All wrong answers on the test images, the surest first, are in [[mistakes]]." in words(mistakes)


def test_pictures_are_jpeg_and_say_answer_and_truth(tmp_path):
    pictures = one(sections(make_run(tmp_path, wrong=20))[3], Pictures)
    assert len(pictures.pictures) == 12
    assert pictures.pictures[0].text.startswith("roses 9")
    assert pictures.pictures[0].text.endswith("in truth daisy")
    with Image.open(io.BytesIO(pictures.pictures[0].jpeg)) as image:
        assert (image.format, image.size) == ("JPEG", (90, 60))


def test_tiny_pictures_are_enlarged_pixel_by_pixel(tmp_path):
    run, images = make_run(tmp_path, wrong=1)
    image = next(iter(images.values()))
    import numpy as np

    pixels = np.array([[0, 255], [255, 0]], np.uint8)
    tiny = LabelledImage(image.name, image.label, image.sha256, pixels)
    assert sha256_of_pixels(pixels) != image.sha256  # arrays are not hashed again
    picture = one(sections((run, {image.sha256: tiny}))[3], Pictures).pictures[0]
    with Image.open(io.BytesIO(picture.jpeg)) as large:
        assert large.size == (160, 160)
        assert [large.convert("L").getpixel(at) > 128 for at in ((40, 40), (120, 40))] == [False, True]


def test_mistakes_without_pictures_are_listed_with_the_reason(tmp_path):
    made = make_run(tmp_path, wrong=3)
    mistakes = sections(made, images=None)[3]
    assert not [block for block in mistakes.blocks if isinstance(block, Pictures)]
    rows = one(mistakes, Table).rows
    assert [row[0] for row in rows] == ["daisy/0.jpg", "roses/1.jpg", "tulips/2.jpg"]
    assert {row[4] for row in rows} == {"picture not at hand"}
    assert "in [[unseen]]." in words(mistakes)
    next(iter(made[1].values())).source.unlink()
    assert "in [[mistakes]] and [[unseen]]." in words(sections(made)[3])


def test_nothing_wrong(tmp_path):
    parts = sections(make_run(tmp_path, wrong=0))
    assert words(parts[0]) == "No test image was answered wrongly."
    assert [section.title for section in parts] == ["Errors", "Confused classes", "Class by class"]
    assert "F1 is lowest" not in words(parts[2])


@pytest.mark.parametrize(("wrong", "sentence"), [(1, "The only wrong answer on the test images is in"),
                                                 (13, "The 12 wrong answers on test images of which")])  # fmt: skip
def test_one_mistake_and_more_than_fit(tmp_path, wrong, sentence):
    assert sentence in words(sections(make_run(tmp_path, wrong=wrong))[3])


def test_many_classes_are_listed_weakest_first_and_all_of_them_folded(tmp_path):
    names = [f"class {index:02}" for index in range(41)]
    _, confused, classes, _ = sections(make_run(tmp_path, classes=names, images=82, wrong=30))
    assert len(one(confused, Table).rows) == 10
    assert "41 classes are too many" in words(confused)
    weak = [float(row[4].rstrip("%\u202f")) for row in one(classes, Table).rows]
    assert len(weak) == 15
    assert weak == sorted(weak)
    assert len(one(classes, Details).blocks[0].rows) == 41
