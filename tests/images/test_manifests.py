import json
import shutil

import pytest

from regraft.errors import InputError
from regraft.images.manifests import read_manifest
from regraft.images.reading import read_image


@pytest.fixture
def three(tmp_path, make_image):
    for name in ("a.png", "sub/b.png", "c, d.png"):
        make_image(tmp_path / name)
    return tmp_path


def write(path, text, encoding="utf-8"):
    path.write_bytes(text.encode(encoding))
    return path


def test_csv(three):
    text = 'file_name,label,split,group,extra\na.png,daisy,train,g1,x\nsub/b.png,roses,Valid,,\n"c, d.png",roses,,,\n'
    collection = read_manifest(write(three / "list.csv", text))
    assert collection.name == "list"
    assert collection.classes == ("daisy", "roses")
    assert [(i.name, i.label, i.split, i.group) for i in collection.images] == [
        ("a.png", "daisy", "train", "g1"),
        ("c, d.png", "roses", None, None),
        ("sub/b.png", "roses", "validation", None),
    ]
    assert all(read_image(image.source).shape == (6, 8, 3) for image in collection.images)


@pytest.mark.parametrize(
    "text", ["file_name,label\r\na.png,x\r\nsub/b.png,y\r\n", " file_name , label \na.png, x \n\nsub/b.png,y"]
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_csv_as_spreadsheets_write_it(three, text, encoding):
    collection = read_manifest(write(three / "list.csv", text, encoding))
    assert [(i.name, i.label) for i in collection.images] == [("a.png", "x"), ("sub/b.png", "y")]


def test_jsonl(three):
    rows = [
        {"file_name": "a.png", "label": 7, "group": 12, "note": [1]},
        {"file_name": "sub/b.png", "label": "8", "split": "test"},
        {"file_name": str(three / "c, d.png"), "label": "ünï", "split": None},
    ]
    text = "\n".join(json.dumps(row) for row in rows) + "\n\n"
    collection = read_manifest(write(three / "list.jsonl", text))
    assert collection.classes == ("7", "8", "ünï")
    assert {(i.label, i.split, i.group) for i in collection.images} == {
        ("7", None, "12"),
        ("8", "test", None),
        ("ünï", None, None),
    }


def test_rows_that_cannot_be_used_are_reported(three):
    (three / "empty.png").touch()
    shutil.copy(three / "a.png", three / "copy.png")
    (three / "folder.png").mkdir()
    text = "file_name,label\na.png,x\ncopy.png,x\nsub/b.png,\n,y\nmissing.png,y\nempty.png,y\nfolder.png,x\na.png,x\n"
    collection = read_manifest(write(three / "list.csv", text))
    assert [image.name for image in collection.images] == ["a.png"]
    assert sorted((file.name, file.reason) for file in collection.skipped) == [
        ("a.png", "listed more than once"),
        ("copy.png", "duplicate of a.png"),
        ("empty.png", "empty file"),
        ("folder.png", "not a regular file"),
        ("line 5", "no file_name"),
        ("missing.png", "no such file"),
        ("sub/b.png", "no label (line 4)"),
    ]


def test_labels_without_a_usable_image_are_named(three):
    collection = read_manifest(write(three / "list.csv", "file_name,label\na.png,x\ngone.png,y\n,z\nsub/b.png,\n"))
    assert (collection.classes, collection.lost_classes) == (("x",), ("y", "z"))


def test_asked_classes_alone_are_read(three):
    text = "file_name,label\na.png,daisy\na.png,roses\nsub/b.png,roses\ngone.png,roses\ngone.png,tulips\nc,\n"
    collection = read_manifest(write(three / "list.csv", text), ["daisy", "tulips"])
    assert [(i.name, i.label) for i in collection.images] == [("a.png", "daisy")]
    assert {file.name: file.reason for file in collection.skipped} == {
        "c": "no label (line 7)",
        "gone.png": "no such file",
    }
    assert collection.lost_classes == ("tulips",)
    with pytest.raises(InputError, match=r"no class 'lilies'[\s\S]*daisy, roses, tulips"):
        read_manifest(three / "list.csv", ["lilies"])


def test_one_image_with_two_labels(three):
    collection = read_manifest(write(three / "list.csv", "file_name,label\na.png,x\na.png,y\n"))
    assert collection.images == ()
    assert {file.reason for file in collection.skipped} == {"same image under the labels 'x' and 'y'"}


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("l.csv", "name,label\na.png,x\n", r"lacks the column file_name\.[\s\S]*Received: name, label"),
        ("l.csv", "file_name;label\na.png;x\n", r"columns file_name and label[\s\S]*commas"),
        ("l.csv", "", "empty file"),
        ("l.csv", "file_name,label\n", "no rows"),
        ("l.csv", "file_name,label\nc, d.png,x\n", r"Line 2 .*more fields[\s\S]*quotes"),
        ("l.csv", 'file_name,label\n"a.png,x\n', "is not CSV"),
        ("l.csv", "file_name,label,split\na.png,x,train\nsub/b.png,x,dev\n", r"Line 3 [\s\S]*validation[\s\S]*'dev'"),
        ("l.csv", "file_name,label\nno.png,x\nnope.png,y\n", r"None of the 2 files[\s\S]*'no.png', 'nope.png'"),
        ("l.jsonl", "", "no rows"),
        ("l.jsonl", '{"file": "a.png", "label": 1}\n', r"lacks the column file_name[\s\S]*Received: file, label"),
        ("l.jsonl", '{"file_name": "a.png", "label": 1}\n{"file_name"\n', "Line 2 .* is not JSON"),
        ("l.jsonl", '["a.png", 1]\n', "Line 1 .* not a JSON object"),
        ("l.jsonl", '{"file_name": "a.png", "label": ["x"]}\n', "Line 1 .* no text as its label"),
        ("l.jsonl", '{"file_name": "a.png", "label": 1, "split": 3}\n', r"unknown split[\s\S]*'3'"),
    ],
)
def test_faults_name_what_is_wrong(three, name, text, message):
    with pytest.raises(InputError, match=message):
        read_manifest(write(three / name, text))


def test_other_encodings_and_missing_manifests(three):
    with pytest.raises(InputError, match="not in UTF-8"):
        read_manifest(write(three / "l.csv", "file_name,label\na.png,rosé\n", "latin-1"))
    with pytest.raises(InputError, match="cannot be read"):
        read_manifest(three / "none.csv")


def test_strange_names_in_json_do_not_break_it(three):
    rows = [{"file_name": name, "label": "x"} for name in ("a\0b.png", "\ud800.png", "a.png", "x" * 5000 + ".png")]
    collection = read_manifest(write(three / "l.jsonl", "\n".join(json.dumps(row) for row in rows)))
    assert [image.name for image in collection.images] == ["a.png"]
    assert len(collection.skipped) == 3
    repr(collection).encode()
