from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import pytest
from made_finetuned import augmentation_facts, finetune_facts, finetune_rows, make_finetuned
from made_runs import SETTINGS, history_rows, make_run
from strict_page import StrictPage

from regraft.errors import InputError
from regraft.images.labelled import SkippedFile
from regraft.reports.page import write_report
from regraft.runs.folder import RunFolder

HOSTILE = [
    "<script>alert(1)</script>",
    "\"'><img src=x onerror=alert(1)>.jpg",
    "{{ 7 * 7 }}.jpg",
    "line\nfeed.jpg",
    "&amp;.jpg",
    "👩\u200d🌾 玫瑰.jpg",
    "\u202egpj.exe",
    "javascript:alert(1)",
]


class Page(StrictPage):
    """With a blank between the cells of a table."""

    def handle_endtag(self, tag):
        super().handle_endtag(tag)
        if tag in ("td", "th"):
            self._texts.append(" ")


def report(made) -> Page:
    run, images = made
    return Page(write_report(run, images).read_text(encoding="utf-8"))


def test_the_page_shows_the_numbers_of_the_run(tmp_path):
    run, images = make_run(tmp_path, wrong=4, skipped=[SkippedFile("a.jpg", "empty file")])
    path = write_report(run, images)
    assert path == run.report
    page, test = Page(path.read_text(encoding="utf-8")), run.metrics()["test"]
    assert "26 of 30 test images right." in page.text
    low, high = (f"{100 * end:.1f} %" for end in test["accuracy_interval"])
    assert f"lies between {low} and {high}" in page.text
    assert f"{100 * test['accuracy']:.1f} % test accuracy" in page.text
    assert f"Always answering “daisy” would give {100 * test['baseline']['accuracy']:.1f} %." in page.text
    for row in test["per_class"]:
        values = " ".join(f"{100 * row[name]:.1f} %" for name in ("precision", "recall", "f1"))
        assert f"{row['class']} {row['images']} {values}" in page.text
    assert f"Log loss on the test images: {test['log_loss']:.3f}." in page.text
    assert "90 to train, 30 to validate, 30 to test, 1 skipped" in page.text
    assert "All 4 wrong answers on the test images" in page.text
    assert "1 file was left out." in page.text
    assert "regraft train 'my photos/'" in page.text
    assert "with seed 7" in page.text


def test_the_page_is_whole_in_itself(tmp_path):
    page = report(make_run(tmp_path))
    assert page.all("html") == [{"lang": "en"}]
    assert [name for name, _ in page.elements if name in ("script", "link", "iframe", "object", "base", "form")] == []
    loaded = [value for _, attributes in page.elements for name, value in attributes.items()
              if name in ("src", "href", "xlink:href", "srcset", "data", "action", "poster")]  # fmt: skip
    assert loaded
    own_files = {"config.toml", "metrics.json", "skipped.csv"}
    assert [link for link in loaded if not link.startswith(("#", "data:image/")) and link not in own_files] == []
    html = (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    assert "@import" not in html
    assert re.findall(r"url\((?!#)", html) == []
    names = {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}  # of namespaces: nothing is loaded
    assert set(re.findall(r"https?://[^\s\"<]+", html)) == names


def test_every_link_inside_the_page_has_its_place(tmp_path):
    page = report(make_run(tmp_path, changes={"warnings": ["few images"]}))
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    used = [attributes[name][1:] for _, attributes in page.elements for name in ("href", "xlink:href")
            if attributes.get(name, "").startswith("#")]  # fmt: skip
    labels = [attributes["aria-labelledby"] for _, attributes in page.elements if "aria-labelledby" in attributes]
    assert "warnings" in used
    assert set(used) | set(labels) <= set(ids)


def test_headings_and_pictures_can_be_heard(tmp_path):
    page = report(make_run(tmp_path))
    assert [name for name, _ in page.elements if name in ("h1", "h2", "h3")] == ["h1"] + ["h2"] * 9
    assert len(page.all("img")) == 4
    assert all(image["alt"] for image in page.all("img"))
    drawings = page.all("svg")
    assert len(drawings) == 3
    assert all(drawing["role"] == "img" and drawing["aria-label"] for drawing in drawings)


def test_names_are_text_whatever_they_hold(tmp_path):
    skipped = [SkippedFile(name, f"reason {name}") for name in HOSTILE]
    collection = {"name": HOSTILE[0], "classes": HOSTILE}
    changes = {"collection": collection, "warnings": HOSTILE, "chosen": SETTINGS | {"label": HOSTILE[0], "epoch": 5}}
    page = report(
        make_run(tmp_path, classes=HOSTILE, names=HOSTILE, wrong=8, images=32, skipped=skipped, changes=changes)
    )
    assert page.all("script") == []
    assert not [name for _, attributes in page.elements for name in attributes if name.startswith("on")]
    assert len(page.all("img")) == 8
    for name in ("<script>alert(1)</script>", "{{ 7 * 7 }}.jpg", "line\\nfeed.jpg", "&amp;.jpg", "👩\u200d🌾 玫瑰.jpg"):
        assert page.text.count(name) >= 4
    assert "\u202e" not in page.text
    assert "\\u202egpj.exe" in page.text


def test_figures_are_written_beside_the_page(tmp_path):
    run, images = make_run(tmp_path)
    write_report(run, images)
    files = sorted((run.path / "figures").iterdir())
    assert [file.name for file in files] == ["accuracy.svg", "confusion_matrix.svg", "loss.svg"]
    assert all(ET.parse(file).getroot().tag.endswith("}svg") for file in files)


def test_a_run_without_mistakes(tmp_path):
    page = report(make_run(tmp_path, wrong=0))
    assert "All 30 test images right." in page.text
    assert "None: every test image was answered rightly." in page.text
    assert "No class was taken for another." in page.text
    assert page.all("img") == []
    assert "Nothing: every file that was found was used." in page.text


def test_more_mistakes_than_fit_are_counted(tmp_path):
    page = report(make_run(tmp_path, wrong=20))
    assert "The 12 of 20 wrong answers on test images that the classifier was surest of" in page.text
    assert len(page.all("img")) == 12


def test_two_classes(tmp_path):
    page = report(make_run(tmp_path, classes=("cats", "dogs"), wrong=1))
    assert "The only wrong answer on the test images" in page.text
    assert "The only confusion: “cats” taken for “dogs” (1 of 15 images)." in page.text


def test_forty_one_classes_are_folded_and_not_drawn(tmp_path):
    classes = [f"class {index:02}" for index in range(41)]
    page = report(make_run(tmp_path, classes=classes, images=82, wrong=30))
    assert len(page.all("svg")) == 2
    assert not (tmp_path / "run" / "figures" / "confusion_matrix.svg").exists()
    assert "41 classes are too many to draw a matrix one could read." in page.text
    assert "10 further pairs of classes" in page.text
    assert "The 10 classes with the lowest F1:" in page.text
    assert "class 40" in page.text


def test_heads_that_diverged(tmp_path):
    chosen = SETTINGS | {"label": "lr 0.1", "epoch": 5, "heads": 3, "diverged": 2}
    page = report(make_run(tmp_path, history=history_rows(diverged=[1, 2]), changes={"chosen": chosen}))
    assert "2 heads diverged" in page.text
    assert len(page.all("svg")) == 3


def test_no_history_no_curves(tmp_path):
    page = report(make_run(tmp_path, history=[]))
    assert "Learning curves" not in page.text
    assert len(page.all("svg")) == 1


def test_images_that_are_not_at_hand(tmp_path):
    run, images = make_run(tmp_path)
    without = Page(write_report(run).read_text(encoding="utf-8"))
    assert without.text.count("picture not at hand") == 4
    assert "Where the collection names no splits" in without.text
    next(iter(images.values())).source.unlink()
    page = report((run, images))
    assert page.text.count("the file is gone") == 1
    assert len(page.all("img")) == 3


def test_hundreds_of_skipped_files_are_counted(tmp_path):
    skipped = [SkippedFile(f"{index}.jpg", "empty file") for index in range(1000)]
    page = report(make_run(tmp_path, skipped=skipped))
    assert "1,000 files were left out." in page.text
    assert "700 files more: see skipped.csv." in page.text
    assert "299.jpg" in page.text
    assert "300.jpg" not in page.text


def test_warnings_stand_at_the_end_and_are_announced_at_the_top(tmp_path):
    assert "warning" not in report(make_run(tmp_path)).text.lower()
    folder = tmp_path / "again"
    folder.mkdir()
    page = report(make_run(folder, changes={"warnings": ["The class 'x' is small."]}))
    assert page.text.index("1 warning about this run") < page.text.index("test accuracy")
    assert page.text.index("The class 'x' is small.") > page.text.index("How to get these numbers again")


def test_a_fine_tuned_run_shows_what_was_done_and_its_views(tmp_path):
    small = {"backbone": {"name": "Lite0", "size": [32, 32], "features": 1280}}
    views = augmentation_facts(views=8, test_views=4)
    run, images = make_finetuned(tmp_path, augmentation=views, changes=small, wrong=1, photos=1)
    page = report((run, images))
    assert "Augmentation A view is an image that was changed at random" in page.text
    assert "drawn at random. Every answer, here as for new images, is an average" in page.text
    assert "Learning curves of the heads" in page.text
    assert "Fine-tuning First a head was trained on the features of the frozen network." in page.text
    assert "2 blocks, 2,812,345 parametersepoch 5; adamw, lr 0.0002, cosine" in page.text
    assert "the accuracy went from 80.0 %, of the frozen network with its head, to 90.0 %" in page.text
    assert len(page.all("svg")) == 3 + 3
    assert len(page.all("image")) == 10
    assert all(image["xlink:href"].startswith("data:image/jpeg;base64,") for image in page.all("image"))
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    figures = {file.name for file in (run.path / "figures").iterdir()}
    assert {"augmentation.svg", "cut.svg", "finetuning.svg"} <= figures
    # A later report that has less to draw leaves no figure of the earlier one.
    write_report(run, None)
    assert "augmentation.svg" not in {file.name for file in (run.path / "figures").iterdir()}
    run.write_history(history_rows())
    run.write_json("metrics", {name: part for name, part in run.metrics().items() if name != "finetune"})
    assert "Fine-tuning" not in report((run, images)).text
    assert not {"cut.svg", "finetuning.svg"} & {file.name for file in (run.path / "figures").iterdir()}


def test_names_of_a_fine_tuned_network_are_text(tmp_path):
    facts = finetune_facts(cut=HOSTILE[0], blocks=HOSTILE[:5], settings=HOSTILE[4])
    augmentation = augmentation_facts(label=HOSTILE[0])
    page = report(make_finetuned(tmp_path, facts=facts, augmentation=augmentation, photos=0, rows=finetune_rows(1)))
    assert page.all("script") == []
    assert page.text.count(HOSTILE[0]) >= 3
    assert "line\\nfeed.jpg" in page.text


def test_the_same_run_gives_the_same_page(tmp_path):
    run, images = make_run(tmp_path)
    assert write_report(run, images).read_bytes() == write_report(run, images).read_bytes()


def test_a_folder_that_is_no_run(tmp_path):
    with pytest.raises(InputError, match="no finished run"):
        write_report(RunFolder(tmp_path))
