from __future__ import annotations

from pathlib import Path

import pytest
from huggingface_hub import ModelCard
from made_runs import make_run
from markdown_it import MarkdownIt

from regraft.errors import InputError
from regraft.images.labelled import SkippedFile
from regraft.reports.model_card import without_folders, write_model_card
from regraft.runs.config import make_config
from regraft.runs.folder import RunFolder

HOSTILE = ["<b>bold</b>", "a|b", "line\nfeed", "`code`", '"quoted": [x](javascript:y)']
EXPORT = {
    "name": "my-flowers",
    "exports": {
        "onnx f32": {
            "format": "onnx", "precision": "f32", "file": "model.onnx", "any_size": True, "bytes": 14_100_000,
            "top1_agreement": 1.0, "largest_difference": 2e-6, "accuracy": 0.925, "images": 202, "run_accuracy": 0.925,
            "test": {"images": 1020, "top1_agreement": 1.0, "accuracy": 0.91, "run_accuracy": 0.91},
        },
        "litert int8": {
            "format": "litert", "precision": "int8", "file": "model.int8.tflite", "any_size": False,
            "bytes": 4_000_000, "top1_agreement": 0.985, "largest_difference": 0.21, "accuracy": 0.92, "images": 202,
            "test": {"images": 1020, "top1_agreement": 0.98, "accuracy": 0.897, "run_accuracy": 0.91},
        },
    },
}  # fmt: skip


def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8").replace("\u202f", " ")


def test_the_hubs_own_library_reads_the_numbers_of_the_run(tmp_path: Path) -> None:
    run, _ = make_run(tmp_path)
    path = write_model_card(run, run.path)
    assert path == run.path / "README.md"
    card, test = ModelCard.load(path), run.metrics()["test"]
    accuracy, f1 = card.data.eval_results
    assert (accuracy.task_type, accuracy.dataset_name, accuracy.dataset_split) == (
        "image-classification",
        "photos",
        "test",
    )
    assert accuracy.metric_value == pytest.approx(test["accuracy"], abs=1e-6)
    low, high = test["accuracy_interval"]
    assert accuracy.metric_name == f"Test accuracy (95 % interval {100 * low:.1f} to {100 * high:.1f} %, 30 images)"
    assert accuracy.metric_args["interval_low"] == pytest.approx(low, abs=1e-6)
    assert (f1.metric_type, f1.metric_args, f1.verified) == ("f1", {"average": "macro"}, False)
    assert f1.metric_value == pytest.approx(test["macro"]["f1"], abs=1e-6)
    assert (card.data.library_name, card.data.pipeline_tag, card.data.license) == (
        "keras",
        "image-classification",
        None,
    )
    assert card.data.model_name == "photos-EfficientNetLite0"
    assert not ({"datasets", "base_model"} & set(card.data.to_dict()))


def test_the_body_says_what_was_measured(tmp_path: Path) -> None:
    run, _ = make_run(tmp_path, skipped=[SkippedFile("a.jpg", "empty file")])
    text = text_of(write_model_card(run, run.path))
    assert "26 of 30 test images right." in text
    for row in run.metrics()["test"]["per_class"]:
        values = " | ".join(f"{100 * row[name]:.1f} %" for name in ("precision", "recall", "f1"))
        assert f"| {row['class']} | 0 | 10 | {row['images']} | {values} |" in text
    assert "| empty file | 1 |" in text
    assert "seed 7" in text
    assert "| EfficientNetLite0 | the package | – | Apache-2.0 | 1,280 |" in text
    assert "Test is measured once" in text
    assert "“daisy” has 10 test images" in text
    assert "(calibration) was not measured" in text
    assert 'regraft train "my photos"' in text or "regraft train 'my photos/'" in text
    assert 'keras.saving.load_model("model.keras")' in text


def test_names_are_text_whatever_they_hold(tmp_path: Path) -> None:
    collection = {"name": HOSTILE[0], "classes": HOSTILE}
    made = make_run(tmp_path, classes=HOSTILE, wrong=8, images=25, changes={"collection": collection})
    path = write_model_card(made[0], made[0].path)
    assert ModelCard.load(path).data.eval_results[0].dataset_name == "<b>bold</b>"
    body = MarkdownIt("commonmark", {"html": True}).enable("table").render(ModelCard.load(path).text)
    assert "&lt;b&gt;bold&lt;/b&gt;" in body
    for forbidden in ("<b>", "<script", "<a ", 'href="javascript'):
        assert forbidden not in body
    for name in ("a|b", "line\\nfeed", "`code`"):
        assert f"<td>{name}</td>" in body


def test_the_card_of_exports_lists_them_with_their_agreement(tmp_path: Path) -> None:
    run, _ = make_run(tmp_path)
    folder = tmp_path / "export"
    folder.mkdir()
    text = text_of(write_model_card(run, folder, EXPORT))
    assert "| `model.onnx` | ONNX Runtime | f32 | 14.1 | 100 % | 2.0e-06 | 92.5 % | 100 % | 91.0 % |" in text
    assert "| `model.int8.tflite` | LiteRT | int8 | 4.0 | 98.5 % | 0.210 | 92.0 % | 98.0 % | 89.7 % |" in text
    assert "compared with the run on 202 validation images" in text
    assert "the run’s own there is 92.5 %" in text
    assert "on 1,020 test images that took no part in making it; the run’s own network, in f32, reaches 91.0 %" in text
    assert "Of any height and width, resized inside: ONNX Runtime." in text
    assert "Of 224 × 224 pixels, to be resized before: LiteRT." in text
    assert "### LiteRT" in text
    card = ModelCard.load(folder / "README.md")
    assert {"onnx", "tflite"} <= set(card.data.tags)
    assert card.data.model_name == "my-flowers"
    untested = {name: {**one, "test": None} for name, one in EXPORT["exports"].items()}
    text = text_of(write_model_card(run, folder, {**EXPORT, "exports": untested}))
    assert "| 2.0e-06 | 92.5 % |\n" in text
    assert "that took no part in making it" not in text


def test_a_licence_that_the_user_wrote_is_kept(tmp_path: Path) -> None:
    run, _ = make_run(tmp_path)
    path = write_model_card(run, run.path)
    first = text_of(path)
    assert "# license: yours to choose" in first
    path.write_text(first.replace("# license: yours to choose", "license: mit\n#"), encoding="utf-8")
    again = text_of(write_model_card(run, run.path))
    assert ModelCard.load(path).data.license == "mit"
    assert again == text_of(write_model_card(run, run.path))


def test_a_named_set_that_is_on_the_hub(tmp_path: Path) -> None:
    run, _ = make_run(tmp_path)
    run.write_config(make_config({"images": {"source": "mnist"}, "augmentation": {"test_views": 4}}))
    path = write_model_card(run, run.path)
    card = ModelCard.load(path)
    assert card.data.datasets == ["ylecun/mnist"]
    assert card.data.eval_results[0].dataset_type == "ylecun/mnist"
    assert "averages over the picture and 4 views" in text_of(path)


def test_a_run_that_was_not_tested_says_so(tmp_path: Path) -> None:
    run, _ = make_run(tmp_path)
    run.write_json("metrics", {name: part for name, part in run.metrics().items() if name != "test"})
    path = write_model_card(run, run.path)
    assert "It was measured on validation images only" in text_of(path)
    assert "Test is measured once" not in text_of(path)
    assert ModelCard.load(path).data.eval_results[0].dataset_split == "validation"


def test_two_classes_of_one_sigmoid_unit(tmp_path: Path) -> None:
    run, _ = make_run(tmp_path, classes=("cats", "dogs"), wrong=1)
    assert "1 - probabilities" not in text_of(write_model_card(run, run.path))
    run.write_config(make_config({"images": {"source": "folder"}, "head": {"activation": "sigmoid"}}))
    assert "1 - probabilities" in text_of(write_model_card(run, run.path))


def test_several_backbones_each_with_its_licence(tmp_path: Path) -> None:
    members = [
        {"name": "Lite0", "weights_origin": "package", "weights_sha256": 64 * "a", "licence": "MIT", "features": 12},
        {"name": "/home/ada/own.keras", "weights_origin": "file", "licence": None, "features": 8},
    ]
    members = [member | {"resized_to": None} for member in members]
    backbone = {"name": "Lite0+/home/ada/own.keras", "size": [64, 64], "features": 20, "members": members}
    run, _ = make_run(tmp_path, changes={"backbone": backbone})
    text = text_of(write_model_card(run, run.path))
    assert "| Lite0 | package | `aaaaaaaaaaaaaaaa` | MIT | 12 |" in text
    assert "| own.keras | file | – | – | 8 |" in text
    assert "64 × 64 pixels" in text
    assert "/home" not in text


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("/home/ada/photos/", "photos"),
        ("--output=/home/ada/run", "--output=run"),
        ("photos/flowers", "photos/flowers"),
        ("C:\\Users\\ada\\photos", "photos"),
        ("~/photos", "photos"),
        ("EfficientNetLite0+/home/ada/own.keras", "EfficientNetLite0+own.keras"),
        ("../photos", "photos"),
        ("--seed", "--seed"),
    ],
)
def test_the_folders_of_this_machine_are_not_told(text: str, wanted: str) -> None:
    assert without_folders(text) == wanted


def test_a_folder_that_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no finished run"):
        write_model_card(RunFolder(tmp_path), tmp_path)
