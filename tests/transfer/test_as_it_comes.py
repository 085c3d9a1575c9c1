from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from regraft.backbones.imagenet import imagenet_classes
from regraft.errors import InputError, UnreadableImageError
from regraft.features.classification import Answer
from regraft.images.reading import read_image
from regraft.transfer import as_it_comes as module
from regraft.transfer.as_it_comes import classify_as_it_comes

DAISY = 985


def classify(_: Any, sources: Sequence[Any], *, top: int) -> list[Any]:
    """An image's grey level is the index of the first answer, in fives; then come `DAISY` and the first classes."""
    found: list[Any] = []
    for source in sources:
        try:
            first = 5 * int(read_image(source)[0, 0, 0])
        except UnreadableImageError as error:
            found.append(error)
            continue
        ranked = dict.fromkeys((first, DAISY, *range(top)))
        found.append(tuple(Answer(imagenet_classes()[index], 0.5 / (1 + n)) for n, index in enumerate(ranked))[:top])
    return found


@pytest.fixture(autouse=True)
def stubbed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "classify_images", classify)


def save(path: Path, first: int, mark: int = 0) -> Path:
    """An image whose first answer is that class."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.full((4, 4), first // 5, np.uint8)
    pixels[3, 3] = mark  # so that no two files are equal
    Image.fromarray(pixels).save(path)
    return path


@pytest.fixture
def garden(tmp_path: Path) -> Path:
    """4 daisies (2 called daisy, 1 a class of 310, 1 of 715), 2 tulips, 2 dogs, and two files that are no images."""
    for number, first in enumerate((DAISY, DAISY, 310, 715)):
        save(tmp_path / "garden" / "daisy" / f"{number}.png", first, number)
    for number, first in enumerate((DAISY, 715)):
        save(tmp_path / "garden" / "tulips" / f"{number}.png", first, 10 + number)
    for number, first in enumerate((160, 310)):  # a breed of dogs, a bee's neighbour
        save(tmp_path / "garden" / "dogs" / f"{number}.png", first, 20 + number)
    (tmp_path / "garden" / "dogs" / "broken.png").write_text("text")
    (tmp_path / "garden" / "dogs" / "notes.txt").write_text("text")
    return tmp_path / "garden"


def test_single_images(tmp_path: Path) -> None:
    image = save(tmp_path / "a.png", 715)
    found = classify_as_it_comes([image, tmp_path / "none.png"], top=2)
    names = [imagenet_classes()[index] for index in (715, DAISY)]
    assert found["backbone"] == "EfficientNetLite0"
    assert found["images"] == [
        {
            "image": str(image),
            "answers": [
                {"wordnet_id": one.wordnet_id, "name": one.name, "probability": probability}
                for one, probability in zip(names, (0.5, 0.25), strict=True)
            ],
        }
    ]
    assert found["skipped"] == [{"image": str(tmp_path / "none.png"), "reason": "no such file"}]
    assert found["collection"] is None
    assert set(found["weights"]) == {"file", "sha256", "origin"}
    assert classify_as_it_comes(str(image), top=2)["images"] == found["images"]


def test_a_folder_of_images_without_labels(tmp_path: Path) -> None:
    folder = tmp_path / "loose"
    save(folder / "b.png", 5)
    save(folder / "a.PNG", 10)
    save(folder / ".hidden.png", 10)
    (folder / "notes.txt").touch()
    found = classify_as_it_comes([folder, folder / "b.png"])
    assert [Path(image["image"]).name for image in found["images"]] == ["a.PNG", "b.png", "b.png"]
    assert {Path(file["image"]).name: file["reason"] for file in found["skipped"]} == {
        ".hidden.png": "a hidden file",
        "notes.txt": "not an image, by its extension",
    }


def test_how_often_the_head_is_right(garden: Path) -> None:
    found = classify_as_it_comes(garden, top=1)
    rows = {row["class"]: row for row in found["collection"]["classes"]}
    assert found["collection"]["name"] == "garden"
    assert found["collection"]["images"] == 8 == len(found["images"])
    assert {len(image["answers"]) for image in found["images"]} == {1}
    assert sorted(Path(file["image"]).name for file in found["skipped"]) == ["broken.png", "notes.txt"]

    daisy, dogs, tulips = rows["daisy"], rows["dogs"], rows["tulips"]
    assert (daisy["imagenet"], daisy["images"], daisy["top1"], daisy["top5"]) == ("name", 4, 0.5, 1.0)
    assert daisy["imagenet_classes"] == [{"wordnet_id": "n11939491", "name": "daisy"}]
    # The commonest first, of equals the earlier class; all of them.
    assert [(answer["wordnet_id"], answer["images"], answer["share"]) for answer in daisy["answers"]] == [
        ("n11939491", 2, 0.5),
        (imagenet_classes()[310].wordnet_id, 1, 0.25),
        (imagenet_classes()[715].wordnet_id, 1, 0.25),
    ]
    assert (dogs["imagenet"], dogs["word"], dogs["images"], dogs["top1"], dogs["top5"]) == ("kinds", "dog", 2, 0.5, 0.5)
    assert len(dogs["imagenet_classes"]) == 118
    assert (tulips["imagenet"], tulips["top1"], tulips["top5"]) == ("none", None, None)
    assert [answer["name"] for answer in tulips["answers"]] == [
        imagenet_classes()[index].name for index in (715, DAISY)
    ]
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_one_class_and_a_class_without_readable_images(tmp_path: Path) -> None:
    save(tmp_path / "one" / "daisy" / "a.png", DAISY)
    assert classify_as_it_comes(tmp_path / "one")["collection"]["classes"][0]["top1"] == 1.0
    (tmp_path / "one" / "dogs").mkdir()
    (tmp_path / "one" / "dogs" / "a.png").write_text("text")
    rows = classify_as_it_comes(tmp_path / "one")["collection"]["classes"]
    assert [(row["class"], row["images"], row["top1"], row["answers"]) for row in rows][1] == ("dogs", 0, None, [])


def test_named_sets_and_manifests(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert module._is_collection("digits")
    assert not module._is_collection(Path("digits"))
    (tmp_path / "flowers").touch()  # a file that is called like a set
    assert not module._is_collection("flowers")
    save(tmp_path / "a.png", DAISY)
    (tmp_path / "list.csv").write_text("file_name,label\na.png,daisy\n")
    assert classify_as_it_comes(["list.csv"])["collection"]["classes"][0]["top1"] == 1.0
    save(tmp_path / "mine" / "daisy" / "a.png", DAISY)
    assert classify_as_it_comes("flowers", path=tmp_path / "mine")["collection"]["name"] == "flowers"


def test_what_cannot_be(garden: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="by itself"):
        classify_as_it_comes([garden, garden / "daisy" / "0.png"])
    with pytest.raises(InputError, match=r"None of the 7 images[\s\S]*no such file.*and 2 more") as caught:
        classify_as_it_comes([tmp_path / f"{number}.png" for number in range(7)])
    assert caught.value.exit_code == 2
    for top in (0, 1001):
        with pytest.raises(InputError, match="1 to 1000"):
            classify_as_it_comes(garden, top=top)
    with pytest.raises(InputError, match="nothing to classify"):
        classify_as_it_comes([])
    with pytest.raises(InputError, match="cannot be read"):
        classify_as_it_comes("x" * 5000)
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="is empty"):
        classify_as_it_comes(tmp_path / "empty")
    with pytest.raises(InputError, match="regraft predict"):
        classify_as_it_comes(garden, "mine.keras")
