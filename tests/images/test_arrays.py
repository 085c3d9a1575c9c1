from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.io import savemat

from regraft.errors import InputError
from regraft.images.arrays import read_arrays
from regraft.images.labelled import sha256_of_pixels
from regraft.images.opening import open_images

PIXELS = np.random.default_rng(0).integers(0, 256, (12, 5, 7), dtype=np.uint8)
LABELS = np.arange(12) % 3


def saved(path: Path, **arrays: object) -> Path:
    if path.suffix == ".mat":
        savemat(path, arrays)
    else:
        np.savez(path, **arrays)
    return path


def contents(path: Path) -> dict[str, str]:
    return {image.sha256: image.label for image in read_arrays(path).images}


EXPECTED = {sha256_of_pixels(image): str(label) for image, label in zip(PIXELS, LABELS, strict=True)}


@pytest.mark.parametrize("suffix", [".npz", ".mat"])
@pytest.mark.parametrize("names", [("x", "y"), ("X", "t"), ("images", "labels"), ("train_images", "train_labels")])
def test_every_image_keeps_its_label(tmp_path: Path, suffix: str, names: tuple[str, str]) -> None:
    path = saved(tmp_path / f"some{suffix}", **dict(zip(names, (PIXELS, LABELS), strict=True)))
    assert contents(path) == EXPECTED


@pytest.mark.parametrize("labels", [LABELS[:, None], LABELS[None], LABELS.astype(float), LABELS.astype("u1")])
def test_labels_may_be_rows_and_columns(tmp_path: Path, labels: np.ndarray) -> None:
    assert contents(saved(tmp_path / "some.mat", X=PIXELS, t=labels)) == EXPECTED


@pytest.mark.parametrize("suffix", [".npz", ".mat"])
def test_matlabs_order_has_the_images_last(tmp_path: Path, suffix: str) -> None:
    colour = np.random.default_rng(1).integers(0, 256, (12, 5, 7, 3), dtype=np.uint8)
    for pixels in (PIXELS, colour, colour[..., :1]):
        plain = saved(tmp_path / "plain.npz", x=pixels, y=LABELS)
        moved = saved(tmp_path / f"moved{suffix}", x=np.moveaxis(pixels, 0, -1), y=LABELS)
        assert contents(moved) == contents(plain)


def test_where_both_orders_fit_the_kind_of_file_decides(tmp_path: Path) -> None:
    cube = PIXELS[:5, :, :5]
    labels = np.array([0, 1, 0, 1, 0])
    assert contents(saved(tmp_path / "a.npz", x=cube, y=labels)) == contents(
        saved(tmp_path / "a.mat", x=np.moveaxis(cube, 0, -1), y=labels)
    )


def test_names_in_a_cell_array_and_in_numpy_text(tmp_path: Path) -> None:
    names = np.array(["rose", "tulip"])[np.arange(12) % 2]
    cells = np.empty(12, object)
    cells[:] = names
    for path, labels in ((tmp_path / "some.npz", names), (tmp_path / "some.mat", cells)):
        assert sorted(contents(saved(path, x=PIXELS, y=labels)).values()) == ["rose"] * 6 + ["tulip"] * 6


def test_splits_come_from_the_names(tmp_path: Path) -> None:
    parts = {"trn05": slice(0, 4), "tst05": slice(4, 6), "val": slice(6, 8), "x1": slice(8, 12)}
    arrays = {f"X_{name}": PIXELS[part] for name, part in parts.items()}
    arrays |= {f"t_{name}": LABELS[part] for name, part in parts.items()}
    found = {image.name: image.split for image in open_images(saved(tmp_path / "digits.mat", **arrays)).images}
    assert found["digits/trn05/3"] == "train"
    assert found["digits/tst05/0"] == "test"
    assert found["digits/val/1"] == "validation"
    assert found["digits/x1/2"] is None


@given(st.sampled_from(["f4", "f8", "i2", "i8"]))
def test_whole_numbers_are_bytes_whatever_their_type(tmp_path_factory: pytest.TempPathFactory, dtype: str) -> None:
    path = saved(tmp_path_factory.mktemp("a") / "some.npz", x=PIXELS.astype(dtype), y=LABELS)
    assert contents(path) == EXPECTED


def test_fractions_and_truth_values_are_stretched(tmp_path: Path) -> None:
    assert contents(saved(tmp_path / "a.npz", x=PIXELS / 255, y=LABELS)) == EXPECTED
    halves = PIXELS > 127
    black = {sha256_of_pixels(image * np.uint8(255)) for image in halves}
    assert set(contents(saved(tmp_path / "b.npz", x=halves, y=LABELS))) == black


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"x": PIXELS - 128.0, "y": LABELS}, "not on a scale"),
        ({"x": PIXELS.astype("u2") * 4, "y": LABELS}, "not on a scale"),
        ({"x": PIXELS.astype(complex), "y": LABELS}, "not on a scale"),
        ({"x": PIXELS, "y": LABELS[:-1]}, "images of .* cannot be used"),
        ({"x": PIXELS.reshape(12, -1), "y": LABELS}, "images of .* cannot be used"),
        ({"x": PIXELS, "y": np.eye(3)[LABELS]}, "labels of .* cannot be used"),
        ({"x": PIXELS, "y": LABELS + 0.5}, "labels of .* cannot be used"),
        ({"x": PIXELS, "y": LABELS + np.inf}, "labels of .* cannot be used"),
        ({"x": PIXELS, "z": LABELS}, "no images with labels"),
    ],
)
def test_what_cannot_be_is_refused(tmp_path: Path, arrays: dict[str, np.ndarray], words: str) -> None:
    with pytest.raises(InputError, match=words):
        read_arrays(saved(tmp_path / "some.npz", **arrays))


@pytest.mark.parametrize("name", ["some.npz", "some.mat"])
@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 but no more", b"MATLAB 5.0 MAT-file" + bytes(200)])
def test_broken_files_are_refused(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError):
        read_arrays(tmp_path / name)


def test_nothing_pickled_is_read(tmp_path: Path) -> None:
    path = saved(tmp_path / "some.npz", x=np.array([{"a": 1}], object), y=LABELS[:1])
    with pytest.raises(InputError, match="cannot be read"):
        read_arrays(path)


def test_version_73_is_named(tmp_path: Path) -> None:
    header = b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM"
    (tmp_path / "some.mat").write_bytes(header + bytes(512))
    with pytest.raises(InputError, match=r"7\.3"):
        read_arrays(tmp_path / "some.mat")


def test_some_classes_only(tmp_path: Path) -> None:
    path = saved(tmp_path / "some.npz", x=PIXELS, y=LABELS)
    assert read_arrays(path, ["0", "2"]).classes == ("0", "2")
    with pytest.raises(InputError, match="no class '7'"):
        read_arrays(path, ["7"])


def test_images_without_labels_are_said_to_be_left_out(tmp_path: Path) -> None:
    found = read_arrays(saved(tmp_path / "some.npz", x_train=PIXELS, y_train=LABELS, x_test=PIXELS, note=np.zeros(3)))
    assert len(found.images) == 12
    ((name, reason),) = [(file.name, file.reason) for file in found.skipped]
    assert (name, reason) == ("some/x_test", "images without an array of labels")
