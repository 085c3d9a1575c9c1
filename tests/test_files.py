import errno
import hashlib
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from regraft._files import (
    atomic_folder,
    atomic_path,
    cache_folder,
    error_number,
    explained_disk_errors,
    sha256_of_file,
    write_bytes,
    write_text,
)
from regraft.errors import InputError


@pytest.mark.parametrize(
    ("regraft_cache", "xdg", "expected"),
    [
        ("/somewhere", "/xdg", Path("/somewhere")),
        ("~/mine", None, Path.home() / "mine"),
        ("", "/xdg", Path("/xdg/regraft")),
        (None, "~/xdg", Path.home() / "xdg" / "regraft"),
        (None, None, Path.home() / ".cache" / "regraft"),
    ],
)
def test_cache_folder(
    regraft_cache: str | None, xdg: str | None, expected: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("REGRAFT_CACHE", regraft_cache), ("XDG_CACHE_HOME", xdg)):
        if value is None:
            monkeypatch.delenv(name, raising=False)
        else:
            monkeypatch.setenv(name, value)
    assert cache_folder() == expected


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=3000))
def test_bytes_are_written_whole_and_hashed(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "new" / "folder" / "file.bin"
    write_bytes(path, content)
    assert path.read_bytes() == content
    assert sha256_of_file(path) == hashlib.sha256(content).hexdigest()
    assert [entry.name for entry in path.parent.iterdir()] == ["file.bin"]


def test_text_is_utf_8_as_it_is(tmp_path: Path) -> None:
    write_text(tmp_path / "a.txt", "größer\r\n≥ 3\n")
    assert (tmp_path / "a.txt").read_bytes() == "größer\r\n≥ 3\n".encode()


def test_a_failed_file_leaves_the_old_one_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "model.weights.h5"
    path.write_text("old")

    def fail() -> None:
        with atomic_path(path) as temporary:
            assert temporary.parent == tmp_path
            assert temporary.name.startswith(".")
            assert temporary.name.endswith(".weights.h5")
            temporary.write_text("ha")
            raise RuntimeError("halfway")

    with pytest.raises(RuntimeError, match="halfway"):
        fail()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_an_interrupted_file_is_removed(tmp_path: Path) -> None:
    def interrupted() -> None:
        with atomic_path(tmp_path / "file") as temporary:
            temporary.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_appears_whole(tmp_path: Path) -> None:
    path = tmp_path / "parent" / "folder"
    with atomic_folder(path) as temporary:
        (temporary / "a").write_text("a")
        assert not path.exists()
        (temporary / "b").write_text("b")
    assert sorted(entry.name for entry in path.iterdir()) == ["a", "b"]
    assert list(path.parent.iterdir()) == [path]


def test_a_failed_folder_leaves_nothing(tmp_path: Path) -> None:
    def fail() -> None:
        with atomic_folder(tmp_path / "folder") as temporary:
            (temporary / "inner").mkdir()
            (temporary / "inner" / "a").write_text("a")
            raise RuntimeError("halfway")

    with pytest.raises(RuntimeError, match="halfway"):
        fail()
    assert list(tmp_path.iterdir()) == []


def test_of_two_folders_the_first_stays(tmp_path: Path) -> None:
    path = tmp_path / "folder"
    with atomic_folder(path) as slower:
        (slower / "who").write_text("slower")
        with atomic_folder(path) as faster:
            (faster / "who").write_text("faster")
    assert (path / "who").read_text() == "faster"
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_in_the_way_of_a_folder(tmp_path: Path) -> None:
    path = tmp_path / "folder"
    path.write_text("a file")
    with pytest.raises(InputError, match="cannot be made there"), atomic_folder(path) as temporary:
        (temporary / "a").write_text("a")
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_a_full_disk_is_explained(tmp_path: Path, code: int) -> None:
    def fail() -> None:
        with atomic_path(tmp_path / "file.bin") as temporary:
            temporary.write_bytes(b"half")
            raise OSError(code, os.strerror(code))

    with pytest.raises(InputError, match=r"disk is full[\s\S]*file\.bin[\s\S]*--output") as caught:
        fail()
    assert caught.value.exit_code == 2
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("code", [errno.EACCES, errno.EPERM, errno.EROFS])
def test_a_place_that_cannot_be_written_is_explained(tmp_path: Path, code: int) -> None:
    message = r"No permission to write[\s\S]*another --output"
    with pytest.raises(InputError, match=message), explained_disk_errors(tmp_path):
        raise OSError(code, os.strerror(code))


def test_other_errors_stay_what_they_are(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="Input/output") as caught, explained_disk_errors(tmp_path):
        raise OSError(errno.EIO, os.strerror(errno.EIO))
    assert caught.value.errno == errno.EIO


def test_a_folder_that_cannot_be_entered_is_explained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, "not here")

    monkeypatch.setattr(Path, "write_bytes", refuse)
    monkeypatch.setattr(Path, "unlink", refuse)
    with pytest.raises(InputError, match="No permission to write"):
        write_bytes(tmp_path / "file", b"content")


@pytest.mark.parametrize("text", ["Error: I/O error: No space left (os error 28)", "write failed (errno = 28, ...)"])
def test_a_full_disk_that_a_library_reports_in_its_own_words(tmp_path: Path, text: str) -> None:
    with pytest.raises(InputError, match="disk is full"), explained_disk_errors(tmp_path):
        raise RuntimeError(text)
    assert error_number(RuntimeError("no number")) is None


def test_hints_depend_on_the_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REGRAFT_CACHE", str(tmp_path / "cache"))
    for code in (errno.ENOSPC, errno.EACCES, errno.ENOTDIR):
        for place, hint in (("cache/graphs", "REGRAFT_CACHE"), ("run", "--output")):
            with pytest.raises(InputError, match=hint) as caught, explained_disk_errors(tmp_path / place):
                raise OSError(code, os.strerror(code))
            assert ("--output" in str(caught.value)) == (place == "run")


@pytest.mark.parametrize("place", ["/dev/null/x/file", "/proc/xx/file", "file/inside", "a" * 300])
def test_places_where_nothing_can_be_made(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").write_text("in the way")
    for write in (lambda path: write_text(path, ""), lambda path: atomic_folder(path).__enter__()):
        with pytest.raises(InputError):
            write(tmp_path / place)
    assert list(tmp_path.iterdir()) == [tmp_path / "file"]


def test_another_missing_file_is_no_fault_of_the_place(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), atomic_path(tmp_path / "file"):
        (tmp_path / "elsewhere").read_bytes()


def test_names_that_are_no_text_are_written_escaped(tmp_path: Path) -> None:
    write_text(tmp_path / "a.txt", "caf\udce9")
    assert (tmp_path / "a.txt").read_text() == "caf\\udce9"
