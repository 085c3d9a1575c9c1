from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer

from regraft.cli.classify import classify
from regraft.transfer import as_it_comes

DAISY = {"wordnet_id": "n11939491", "name": "daisy"}
FENCE = {"wordnet_id": "n03930313", "name": "picket fence"}
CLASSES: list[dict[str, Any]] = [
    {
        "class": "daisy",
        "images": 4,
        "imagenet": "name",
        "word": "daisy",
        "imagenet_classes": [DAISY],
        "top1": 0.75,
        "top5": 1.0,
        "answers": [{**DAISY, "images": 3, "share": 0.75}, {**FENCE, "images": 1, "share": 0.25}],
    },
    {
        "class": "dogs\x1b[31m",
        "images": 1200,
        "imagenet": "kinds",
        "word": "dog",
        "imagenet_classes": [DAISY, FENCE],
        "top1": 0.5,
        "top5": 0.5,
        "answers": [{**FENCE, "images": 1200, "share": 1.0}],
    },
    {
        "class": "薔薇",
        "images": 0,
        "imagenet": "none",
        "word": "",
        "imagenet_classes": [],
        "top1": None,
        "top5": None,
        "answers": [],
    },
]


@pytest.fixture(autouse=True)
def command(monkeypatch: pytest.MonkeyPatch) -> None:
    """The command line with this command alone."""
    app = typer.Typer(pretty_exceptions_enable=False)
    app.callback()(lambda: None)
    app.command("classify")(classify)
    monkeypatch.setattr("regraft.cli.main.app", app)


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the command is given to show; `asked` becomes what it asked for."""
    content: dict[str, Any] = {
        "backbone": "MobileNet",
        "images": [{"image": "a\x1b.jpg", "answers": [{**FENCE, "probability": 0.5}, {**DAISY, "probability": 0.062}]}],
        "skipped": [{"image": "b.jpg", "reason": "empty file"}],
        "collection": None,
    }
    asked: dict[str, Any] = {}

    def answer(images: list[str], backbone: str, **options: Any) -> dict[str, Any]:
        asked.update(images=images, backbone=backbone, **options)
        return content

    monkeypatch.setattr(as_it_comes, "classify_as_it_comes", answer)
    return {"content": content, "asked": asked}


def test_answers_for_images(regraft: Callable, found: dict[str, Any]) -> None:
    done = regraft("classify", "a.jpg", "b.jpg", "--backbone", "MobileNet", "--top", "2", "--weights", "w.h5")
    assert done.code == 0
    assert done.out.splitlines() == ["a\\x1b.jpg", "   50.0 %  n03930313  picket fence", "    6.2 %  n11939491  daisy"]
    assert done.err.splitlines() == ["Left out b.jpg: empty file"]
    assert found["asked"] == {
        "images": ["a.jpg", "b.jpg"],
        "backbone": "MobileNet",
        "weights": Path("w.h5"),
        "top": 2,
        "path": None,
    }


def test_the_picture_before_transfer(regraft: Callable, found: dict[str, Any]) -> None:
    found["content"]["collection"] = {"name": "photos", "images": 1204, "classes": CLASSES}
    done = regraft("classify", "flowers", "--path", "my copy")
    assert done.code == 0
    assert done.out.splitlines() == [
        "MobileNet as it comes: ImageNet's 1,000 classes on 1,204 images",
        "",
        "class         images  ImageNet has      top-1    top-5  commonest answers",
        "daisy              4  n11939491 daisy  75.0 %  100.0 %  daisy 75.0 %, picket fence 25.0 %",
        "dogs\\x1b[31m   1,200  2 kinds of dog   50.0 %   50.0 %  picket fence 100.0 %",
        "薔薇               0  no such class         –        –",
        "",
        "ImageNet has the class daisy and 2 kinds of dog, but none called 薔薇: for its 0 images the head has no right "
        "answer to give. What is to be learnt is a head for these 3 classes, and only that, on the features that the "
        "network has already: `regraft train flowers --path 'my copy'`.",
    ]
    content = json.loads(regraft("classify", "flowers", "--json").out)
    assert content["collection"]["classes"] == CLASSES
    assert content["images"] == found["content"]["images"]
    assert content["conclusion"].endswith("`regraft train flowers`.")


def test_json_and_errors(regraft: Callable, found: dict[str, Any]) -> None:
    assert json.loads(regraft("classify", "a.jpg", "--json").out) == {**found["content"], "conclusion": None}
    assert regraft("classify").code == 2
    assert regraft("classify", "a.jpg", "--top", "0").code == 2


def test_a_saved_model_is_refused(regraft: Callable, tmp_path: Path) -> None:
    done = regraft("classify", "a.jpg", "--backbone", tmp_path / "mine.keras")
    assert done.code == 2
    assert "regraft predict" in done.err
    assert done.out == ""
