import numpy as np
import pytest
from test_named import write_mnist

from regraft.errors import InputError
from regraft.images.opening import open_images


@pytest.fixture
def photos(tmp_path, make_image):
    for label in ("daisy", "roses", "tulips"):
        make_image(tmp_path / "photos" / label / "1.png")
    return tmp_path / "photos"


def test_folder_by_path_and_text(photos, monkeypatch):
    monkeypatch.chdir(photos.parent)
    for spec in (photos, str(photos), "photos", "photos/", "./photos"):
        collection = open_images(spec)
        assert (collection.name, collection.classes) == ("photos", ("daisy", "roses", "tulips"))


@pytest.mark.parametrize("name", ["list.csv", "LIST.JSONL"])
def test_manifest(photos, name):
    rows = ["daisy", "roses"]
    if name.endswith("csv"):
        text = "file_name,label\n" + "".join(f"{label}/1.png,{label}\n" for label in rows)
    else:
        text = "".join(f'{{"file_name": "{label}/1.png", "label": "{label}"}}\n' for label in rows)
    (photos / name).write_text(text)
    assert open_images(photos / name).classes == ("daisy", "roses")


def test_name():
    assert open_images("digits").name == "digits"


def test_a_folder_called_like_a_set_wins_a_file_does_not(photos, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "digits").touch()
    assert len(open_images("digits").images) == 1797
    with pytest.raises(InputError, match="neither a folder of images nor a manifest"):
        open_images("./digits")
    (tmp_path / "digits").unlink()
    photos.rename(tmp_path / "digits")
    assert open_images("digits").classes == ("daisy", "roses", "tulips")


def test_a_run_called_like_a_set_does_not_win(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "digits" / "figures").mkdir(parents=True)
    for name in ("environment.json", "config.toml"):
        (tmp_path / "digits" / name).write_text("")
    assert open_images("digits").name == "digits"
    assert len(open_images("digits").classes) == 10


def test_a_folder_of_idx_files_is_mnist(tmp_path):
    folder = write_mnist(tmp_path / "download")
    assert open_images(folder).name == "mnist"
    assert len(open_images("mnist", path=folder).images) == 50


def test_a_local_copy_of_no_named_set(photos):
    with pytest.raises(InputError, match=r"no named data set[\s\S]*give the folder alone"):
        open_images("photos", path=photos)


def test_classes_keep_their_images_only(photos):
    collection = open_images(photos, classes=["tulips", "daisy"])
    assert collection.classes == ("daisy", "tulips")
    assert {image.label for image in collection.images} == {"daisy", "tulips"}
    assert collection.skipped == ()
    with pytest.raises(InputError, match=r"no class 'lilies'[\s\S]*daisy, roses, tulips"):
        open_images(photos, classes=["daisy", "lilies"])


@pytest.mark.parametrize("classes", [[], [""], ["daisy", " "], ["daisy", "", "roses"]])
def test_classes_without_a_name(photos, classes):
    with pytest.raises(InputError, match="lack a name"):
        open_images(photos, classes=classes)


def test_blanks_around_classes_and_repeats_do_not_count(photos):
    assert open_images(photos, classes=[" daisy", "roses ", "daisy"]).classes == ("daisy", "roses")


def test_what_is_not_asked_for_is_no_conflict(photos):
    (photos / "tulips" / "copy.png").write_bytes((photos / "daisy" / "1.png").read_bytes())
    (photos / "tulips" / "notes.txt").write_text("x")
    assert open_images(photos).lost_classes == ("daisy",)
    collection = open_images(photos, classes=["daisy", "roses"])
    assert (collection.classes, collection.skipped, collection.lost_classes) == (("daisy", "roses"), (), ())


def test_one_class_left_names_the_lost_ones(photos):
    for label in ("daisy", "tulips"):
        (photos / label / "1.png").write_bytes(b"")
    with pytest.raises(InputError, match=r"1 images of 'roses', no usable image of 'daisy', 'tulips'"):
        open_images(photos)


def test_a_manifest_without_usable_files_is_not_told_about_folders(tmp_path):
    (tmp_path / "1.png").touch()
    (tmp_path / "list.csv").write_text("file_name,label\n1.png,a\n")
    with pytest.raises(InputError, match=r"no usable image[\s\S]*1 × empty file"):
        open_images(tmp_path / "list.csv")


def test_digits_with_a_path(tmp_path):
    with pytest.raises(InputError, match="digits is embedded"):
        open_images("digits", path=tmp_path)


def test_one_class_trains_nothing_but_may_be_evaluated(photos):
    with pytest.raises(InputError, match=r"only one class[\s\S]*FOLDER/daisy/1.jpg[\s\S]*1 images of 'roses'"):
        open_images(photos, classes=["roses"])
    assert open_images(photos, classes=["roses"], minimum_classes=1).classes == ("roses",)


def test_empty_folder(tmp_path):
    with pytest.raises(InputError, match=r"is empty[\s\S]*FOLDER/daisy/1.jpg"):
        open_images(tmp_path)


def test_images_without_class_folders(tmp_path, make_image):
    make_image(tmp_path / "1.png")
    make_image(tmp_path / "2.jpg")
    with pytest.raises(InputError, match=r"no folder of a class[\s\S]*2 images directly inside[\s\S]*manifest"):
        open_images(tmp_path)


def test_nothing_usable(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "1.jpg").touch()
    (tmp_path / "a" / "2.jpg").touch()
    (tmp_path / "a" / "x.txt").write_text("x")
    with pytest.raises(InputError, match=r"no usable image[\s\S]*2 × empty file; 1 × not an image"):
        open_images(tmp_path)


def test_what_is_not_there(tmp_path, photos, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=r"data set called 'flower'[\s\S]*cats-and-dogs[\s\S]*did you mean flowers\?"):
        open_images("flower")
    with pytest.raises(InputError, match=r"did you mean photos\?"):
        open_images("phtos")
    with pytest.raises(InputError, match=r"no folder or manifest called './digits'"):
        open_images("./digits")
    with pytest.raises(InputError, match=r"no folder or manifest called 'gone/list.csv'"):
        open_images("gone/list.csv")
    with pytest.raises(InputError):
        open_images("")


def test_a_single_image_is_for_predicting(photos):
    with pytest.raises(InputError, match="regraft predict"):
        open_images(photos / "daisy" / "1.png")


def test_real_flowers(real_data):
    collection = open_images(real_data / "small_flower_dataset")
    assert collection.classes == ("daisy", "dandelion", "roses", "sunflowers", "tulips")
    assert np.unique([image.label for image in collection.images], return_counts=True)[1].tolist() == [200] * 5
