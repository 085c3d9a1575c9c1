from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from small_studies import leave_out_the_model

from regraft.cli.train import show_run
from regraft.runs.config import TrainConfig, config_text, make_config
from regraft.runs.control_config import ControlConfig
from regraft.runs.finetune_config import AugmentationConfig, FinetuneConfig
from regraft.runs.folder import RunFolder

FEW = ("--epochs", "10")


@pytest.fixture(autouse=True)
def _without_the_model(monkeypatch: pytest.MonkeyPatch) -> None:
    """That `train` saves a model that agrees is shown in `tests/runs/test_pipeline.py` and by the README's commands."""
    leave_out_the_model(monkeypatch)


def test_train_prints_the_numbers_and_where_they_are(regraft: Callable, photos: Path, tmp_path: Path) -> None:
    done = regraft("train", photos, "--output", tmp_path / "run", *FEW)
    assert done.code == 0
    assert done.out.lstrip().startswith("Test accuracy ")
    assert "95 % interval" in done.out
    assert str(tmp_path / "run" / "report.html") in done.out


def test_json_is_one_object_and_nothing_else(regraft: Callable, photos: Path, tmp_path: Path) -> None:
    done = regraft("train", photos, "--output", tmp_path / "run", "--json", *FEW)
    content = json.loads(done.out)
    assert content["run"] == str(tmp_path / "run")
    assert content["test"] == json.loads((tmp_path / "run" / "metrics.json").read_text())["test"]


def test_a_config_file_repeats_a_run(regraft: Callable, photos: Path, tmp_path: Path) -> None:
    regraft("train", photos, "--output", tmp_path / "one", "--seed", 3, "--exact", *FEW)
    done = regraft("train", "--config", tmp_path / "one" / "config.toml", "--output", tmp_path / "two")
    assert done.code == 0
    assert (tmp_path / "one" / "config.toml").read_text() == (tmp_path / "two" / "config.toml").read_text()
    one, two = (
        [json.loads(line) | {"seconds": None} for line in (tmp_path / name / "history.jsonl").read_text().splitlines()]
        for name in ("one", "two")
    )
    assert one == two


def test_sizes_and_weights_can_be_named(regraft: Callable, photos: Path, tmp_path: Path) -> None:
    done = regraft("train", photos, "--backbone", "EfficientNetLite0@96", "--output", tmp_path / "run", "--json", *FEW)
    assert json.loads(done.out)["backbone"]["size"] == [96, 96]


def test_awkward_names_survive(regraft: Callable, photos: Path, tmp_path: Path) -> None:
    names = {"red": 'it\'s "red" & <hot>', "green": "grün 🌿", "blue": "two\nlines"}
    for old, new in names.items():
        shutil.copytree(photos / old, tmp_path / "p h o t o s" / new)
    done = regraft("train", tmp_path / "p h o t o s", "--output", tmp_path / "run", "--json", *FEW)
    assert done.code == 0, done.err
    assert sorted(json.loads(done.out)["collection"]["classes"]) == sorted(names.values())
    answer = regraft("predict", tmp_path / "run", next((photos / "blue").iterdir()), "--json")
    assert json.loads(answer.out)["predictions"][0]["label"] == "two\nlines"
    assert regraft("predict", tmp_path / "run", next((photos / "blue").iterdir())).code == 0


def test_a_symlink_loop_ends(regraft: Callable, photos: Path, tmp_path: Path) -> None:
    shutil.copytree(photos, tmp_path / "photos")
    (tmp_path / "photos" / "red" / "again").symlink_to(tmp_path / "photos" / "red")
    assert regraft("train", tmp_path / "photos", "--output", tmp_path / "run", *FEW).code == 0
    assert "again" in (tmp_path / "run" / "skipped.csv").read_text()


def make_empty(folder: Path, photos: Path) -> None:
    folder.mkdir()


def make_one_class(folder: Path, photos: Path) -> None:
    shutil.copytree(photos / "red", folder / "red")


def make_single_image(folder: Path, photos: Path) -> None:
    shutil.copytree(photos / "red", folder / "red")
    (folder / "blue").mkdir()
    shutil.copy(next((photos / "blue").iterdir()), folder / "blue")


def make_unreadable(folder: Path, photos: Path) -> None:
    for name in ("a", "b"):
        (folder / name).mkdir(parents=True)
        for number in range(40):
            (folder / name / f"{number}.jpg").write_text(f"text {name} {number}")


def make_no_classes(folder: Path, photos: Path) -> None:
    shutil.copytree(photos / "red", folder)


def make_nothing(folder: Path, photos: Path) -> None:
    pass


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (make_empty, "Expected"),
        (make_one_class, "only one class"),
        (make_single_image, "blue"),
        (make_unreadable, "None of the 80 images can be read"),
        (make_no_classes, "Expected"),
        (make_nothing, "digits"),
    ],
)
def test_bad_folders_are_explained(regraft: Callable, photos: Path, tmp_path: Path, make: Callable, says: str) -> None:
    make(tmp_path / "images", photos)
    done = regraft("train", tmp_path / "images", "--output", tmp_path / "run")
    assert done.code == 2
    assert says in done.err
    assert not done.out
    assert "Traceback" not in done.err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--backbone", "MobilNetV2"), "MobileNetV2"),
        (("--backbone", "EfficientNetLite0@7"), "pixels"),
        (("--backbone", "nowhere.keras"), "no Keras model"),
        (("--learning-rate", "-1"), "learning rate"),
        (("--learning-rate", "nan"), "learning rate"),
        (("--precision", "f8"), "precision"),
        (("--epochs", "0"), "epochs"),
        (("--validation", "0.6", "--test", "0.6"), ""),
        (("--activation", "sigmoid"), "2 classes"),
        (("--classes", "red,purple"), "purple"),
        (("--weights", "nowhere.h5"), "no weight file"),
        (("--config", "nowhere.toml"), "no config file"),
    ],
)
def test_bad_settings_are_explained(
    regraft: Callable, photos: Path, tmp_path: Path, arguments: tuple[str, ...], says: str
) -> None:
    done = regraft("train", photos, "--output", tmp_path / "run", *arguments)
    assert done.code == 2, done
    assert says in done.err
    assert "Traceback" not in done.err
    assert not (tmp_path / "run" / "metrics.json").exists()


def test_weights_of_another_architecture_are_refused(regraft: Callable, photos: Path, tmp_path: Path) -> None:
    from regraft.backbones.efficientnet_lite import packaged_weights

    wrong = packaged_weights("EfficientNetLite1")
    done = regraft("train", photos, "--weights", wrong, "--output", tmp_path / "run")
    assert done.code == 2
    assert "does not hold the weights of" in done.err


def test_a_folder_with_files_is_not_written_into(regraft: Callable, photos: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("precious")
    done = regraft("train", photos, "--output", tmp_path)
    assert done.code == 2
    assert "exists already" in done.err
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_a_finished_run_is_not_resumed(regraft: Callable, photos: Path, tmp_path: Path) -> None:
    regraft("train", photos, "--output", tmp_path / "run", *FEW)
    assert regraft("train", "--resume", tmp_path / "run").code == 2
    assert regraft("train", "--resume", tmp_path / "nowhere").code == 2
    assert regraft("train", photos, "--resume", tmp_path / "run").code == 2


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("file,label\na.jpg,x\n", "file_name"),
        ("file_name,label,split\na.jpg,x,later\n", "later"),
        ("file_name,label\nnowhere.jpg,x\nnowhere2.jpg,y\n", ""),
        ("", ""),
    ],
)
def test_bad_manifests_are_explained(regraft: Callable, tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "photos.csv").write_text(text)
    done = regraft("train", tmp_path / "photos.csv", "--output", tmp_path / "run")
    assert done.code == 2
    assert says in done.err
    assert "Traceback" not in done.err


def test_a_manifest_trains(regraft: Callable, photos: Path, tmp_path: Path) -> None:
    lines = [f"{path},{path.parent.name}" for path in sorted(photos.rglob("*.jpg"))]
    (tmp_path / "list.csv").write_text("\n".join(["file_name,label", *lines]) + "\n")
    assert regraft("train", tmp_path / "list.csv", "--output", tmp_path / "run", *FEW).code == 0


def limited() -> None:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000))


def test_a_full_disk_is_said_and_loses_nothing(regraft: Callable, photos: Path, tmp_path: Path) -> None:
    """The features of a shard take more than the process may write."""
    first = ("train", photos, "--backbone", "EfficientNetLite0@96", "--output", tmp_path / "first", *FEW)
    assert regraft(*first).code == 0  # the graph is in the cache now
    copy = tmp_path / "photos"
    shutil.copytree(photos, copy)
    for number, path in enumerate(copy.rglob("*.jpg")):
        path.write_bytes(path.read_bytes() + number.to_bytes(4, "big"))
    again = ["train", str(copy), "--backbone", "EfficientNetLite0@96", "--output", str(tmp_path / "run")]
    command = [sys.executable, "-m", "regraft.cli.main", *again]
    done = subprocess.run(command, preexec_fn=limited, capture_output=True, text=True, env=os.environ, check=False)
    assert done.returncode == 2
    assert "disk is full" in done.stderr
    assert regraft(*again).code == 0


def test_momentum_zero_is_plain_sgd(regraft: Callable, photos: Path, tmp_path: Path) -> None:
    done = regraft("train", photos, "--momentum", 0, "--output", tmp_path / "run", "--json", *FEW)
    assert done.code == 0, done.err
    assert json.loads(done.out)["chosen"]["momentum"] == 0


def test_a_refused_command_leaves_no_folder_behind(regraft: Callable, photos: Path, tmp_path: Path) -> None:
    for wrong in (("--learning-rate", "nan"), ("--activation", "sigmoid"), ("--backbone", "nothing.keras")):
        assert regraft("train", photos, "--output", tmp_path / "run", *wrong).code == 2
        assert not (tmp_path / "run").exists()
    assert regraft("train", photos, "--output", tmp_path / "run", *FEW).code == 0


@pytest.mark.parametrize("how", ["empty", "text"])
def test_a_class_is_never_lost_in_silence(regraft: Callable, photos: Path, tmp_path: Path, how: str) -> None:
    shutil.copytree(photos, tmp_path / "photos")
    (tmp_path / "photos" / "violet").mkdir()
    if how == "text":
        for number in range(60):
            (tmp_path / "photos" / "violet" / f"{number}.jpg").write_text(f"no picture {number}")
    done = regraft("train", tmp_path / "photos", "--output", tmp_path / "without", *FEW)
    assert done.code == 0, done.err
    assert "No image of 'violet' could be used" in done.err
    assert "violet" in (tmp_path / "without" / "skipped.csv").read_text()
    assert "violet" in (tmp_path / "without" / "report.html").read_text()
    done = regraft("train", tmp_path / "photos", "--classes", "red, green,blue", "--output", tmp_path / "run", *FEW)
    assert done.code == 0, done.err


def test_a_run_goes_on_from_another_folder_and_with_its_own_images(
    regraft: Callable, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(photos, tmp_path / "here" / "photos")
    (tmp_path / "there").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    assert regraft("train", "photos", "--output", "run", *FEW).code == 0
    run = tmp_path / "here" / "run"
    before = json.loads((run / "metrics.json").read_text())
    (run / "report.html").unlink()
    extra = Path("photos/red/extra.jpg")
    extra.write_bytes(next(Path("photos/red").iterdir()).read_bytes() + b"another")
    monkeypatch.chdir(tmp_path / "there")
    assert regraft("train", "--resume", run).code == 0
    after = json.loads((run / "metrics.json").read_text())
    assert after["test"] == before["test"]
    assert after["images"] == {**before["images"], "skipped": 1}
    assert (run / "skipped.csv").read_text().splitlines()[1].startswith("red/extra.jpg,not one of the images")
    (run / "report.html").unlink()
    shutil.rmtree(tmp_path / "here" / "photos" / "red")
    done = regraft("train", "--resume", run)
    assert done.code == 2
    assert json.loads((run / "metrics.json").read_text()) == after


@pytest.mark.parametrize("text", ['images = "photos"\n', "head = 3\n"])
def test_a_config_of_another_shape_is_explained(regraft: Callable, photos: Path, tmp_path: Path, text: str) -> None:
    (tmp_path / "config.toml").write_text(text)
    done = regraft("train", photos, "--config", tmp_path / "config.toml")
    assert done.code == 2
    assert "table" in done.err


def test_a_place_that_cannot_be_written_is_explained(regraft: Callable, photos: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = regraft("train", photos, "--output", tmp_path / "file" / "run", *FEW)
    assert done.code == 2
    assert "Traceback" not in done.err


def test_heads_of_other_kinds(regraft: Callable, photos: Path, tmp_path: Path) -> None:
    options = ("--hidden", "8,4", "--hidden", "none", "--hidden-activation", "tanh", "--dropout", "0.1")
    more = ("--optimizer", "adam", "--label-smoothing", "0.1", "--class-weight", "balanced", "--sampling", "balanced")
    done = regraft("train", photos, "--output", tmp_path / "run", "--json", *options, *more, *FEW)
    assert done.code == 0, done.err
    assert "Adam" in json.loads(done.out)["chosen"]["label"]
    config = (tmp_path / "run" / "config.toml").read_text()
    for line in ('class_weight = "balanced"', 'sampling = "balanced"', "dropout = [", "label_smoothing = ["):
        assert line in config
    rows = [json.loads(line) for line in (tmp_path / "run" / "history.jsonl").read_text().splitlines()]
    assert {(tuple(row.get("hidden", ())), row.get("hidden_activation")) for row in rows} >= {
        ((8, 4), "tanh"),
        ((), None),
    }


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--hidden", "8,x"), "hidden layers cannot be read"),
        (("--hidden", "8,0"), "There is no such head"),
        (("--hidden-activation", "tanh"), "for heads with hidden layers"),
        (("--optimizer", "adam", "--momentum", "0.9"), "Momentum is a setting of SGD"),
        (("--dropout", "nan"), "dropout cannot be used"),
        (("--sampling", "twice"), "sampling"),
        (("--activation", "sigmoid", "--hidden", "8"), "two classes"),
    ],
)
def test_heads_that_cannot_be_are_refused(
    regraft: Callable, photos: Path, tmp_path: Path, options: tuple[str, ...], said: str
) -> None:
    done = regraft("train", photos, "--output", tmp_path / "run", *options)
    assert done.code == 2
    assert said in done.err
    assert not (tmp_path / "run").exists()


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[TrainConfig]:
    """The configs that were to be carried out, in the place of carrying them out."""
    found: list[TrainConfig] = []

    def note(config: TrainConfig, *_: object, **__: object) -> None:
        found.append(config)
        raise KeyboardInterrupt

    monkeypatch.setattr("regraft.api.run_config", note)
    return found


def test_several_backbones_are_handed_on_as_one_name(regraft: Callable, asked: list[TrainConfig]) -> None:
    regraft("train", "photos", "--backbone", "EfficientNetLite0", "--backbone", "MobileNetV2@320")
    regraft("train", "photos", "--backbone", "EfficientNetLite0+MobileNetV2@320")
    regraft("train", "photos", "--backbone", "auto")
    names = [config.backbone.name for config in asked]
    assert names == [*["EfficientNetLite0+MobileNetV2@320"] * 2, "auto"]


def test_augmentation_pooling_and_fine_tuning_are_handed_on(regraft: Callable, asked: list[TrainConfig]) -> None:
    regraft("train", "photos")
    assert (asked[0].finetune, asked[0].augmentation, asked[0].backbone.pooling) == (
        None,
        AugmentationConfig(),
        "average",
    )
    options = ("--views", 4, "--test-views", 2, "--vertical-flip", "--zoom", "0.9,1.1", "--colour", 0.5)
    regraft("train", "photos", "--pooling", "both", *options)
    assert asked[1].augmentation == AugmentationConfig(
        views=4, test_views=2, vertical_flip=True, zoom=(0.9, 1.1), colour=0.5
    )
    assert (asked[1].backbone.pooling, asked[1].finetune) == ("both", None)
    for options, wanted in (
        (("--finetune",), FinetuneConfig()),
        (("--blocks", 2), FinetuneConfig(blocks=2)),
        (("--finetune", "--last", 7), FinetuneConfig(last=7)),
        (("--from", "block5_add"), FinetuneConfig(from_layer="block5_add")),
    ):
        regraft("train", "photos", *options)
        assert asked[-1].finetune == wanted


def test_a_control_is_asked_for_by_either_option_or_a_config_file(
    regraft: Callable, asked: list[TrainConfig], tmp_path: Path
) -> None:
    file = tmp_path / "config.toml"
    file.write_text("[images]\nsource = 'photos'\n[control]\ntrial = 0.5\n", encoding="utf-8")
    for options, wanted in (
        (("photos",), None),
        (("photos", "--control"), ControlConfig()),
        (("photos", "--control-epochs", 3), ControlConfig(epochs=3)),
        (("--config", file, "--control", "--control-epochs", 3), ControlConfig(epochs=3, trial=0.5)),
    ):
        regraft("train", *options)
        assert asked[-1].control == wanted
    done = regraft("train", "--resume", tmp_path, "--control")
    assert (done.code, "takes no other settings" in done.err) == (2, True)


def test_the_control_of_a_run_is_not_resumed_but_the_run(regraft: Callable, tmp_path: Path) -> None:
    control = RunFolder(tmp_path / "run" / "control")
    control.path.mkdir(parents=True)
    control.write_config(make_config({"images": {"source": "digits"}}))
    control.write_json("metrics", {"from_scratch": True})
    done = regraft("train", "--resume", control.path)
    assert done.code == 2
    assert f"regraft train --resume {tmp_path / 'run'}\n" in done.err


def test_what_the_control_says_is_shown(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    control = {
        "folder": "control", "accuracy": 0.5, "accuracy_interval": [0.4, 0.6], "best_epoch": 2, "epochs": 3,
        "tried": [{}, {}], "learning_rate": 0.001, "verdict": "Transfer helps here.", "warnings": ["Take care."],
    }  # fmt: skip
    run.write_json("metrics", {"seconds": {"total": 3.0, "control": 2.0}, "control": control})
    show_run(run)
    captured = capsys.readouterr()
    assert "Control    accuracy 50.0 %  (95 % interval 40.0 % to 60.0 %)\n" in captured.out
    assert "random weights, best epoch 2 of 3\n" in captured.out
    assert "learning rate 0.001, the best of 2 on validation" in captured.out
    assert "Verdict    Transfer helps here.\n" in captured.out
    assert captured.err == "Warning: Take care.\n"


def test_a_config_file_says_how_to_fine_tune(regraft: Callable, asked: list[TrainConfig], tmp_path: Path) -> None:
    given = make_config(
        {
            "images": {"source": "photos"},
            "finetune": {"blocks": 3, "staged": True, "l2_sp": 0.1, "patience": 0},
            "augmentation": {"views": 2, "crop": [0.3, 1.0]},
        }
    )
    (tmp_path / "config.toml").write_text(config_text(given))
    regraft("train", "--config", tmp_path / "config.toml")
    assert asked[0] == given
    regraft("train", "--config", tmp_path / "config.toml", "--last", 5, "--views", 6)
    assert asked[1].finetune == FinetuneConfig(last=5, staged=True, l2_sp=0.1, patience=0)
    assert asked[1].augmentation == AugmentationConfig(views=6, crop=(0.3, 1.0))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--finetune", "--blocks", "1", "--last", "2"), "more than one way"),
        (("--from", "nowhere"), "no layer of that name"),
        (("--blocks", "99"), "number of blocks"),
        (("--views", "-1"), "augmentation.views"),
        (("--views", "2", "--standard"), "plain images only"),
        (("--test-views", "2", "--rotation", "181"), "rotation"),
        (("--crop", "0.5"), "--crop cannot be read"),
        (("--pooling", "median"), "pooling"),
        (("--activation", "sigmoid", "--finetune"), "2 classes"),
    ],
)
def test_what_cannot_be_augmented_or_fine_tuned_is_refused(
    regraft: Callable, photos: Path, tmp_path: Path, options: tuple[str, ...], said: str
) -> None:
    done = regraft("train", photos, "--output", tmp_path / "run", *options)
    assert done.code == 2, done
    assert said in done.err
    assert not (tmp_path / "run").exists()
