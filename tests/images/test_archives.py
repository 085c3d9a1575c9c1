import io
import tarfile
import zipfile

import pytest

from regraft.errors import InputError
from regraft.images._archives import extract


def anything(folder):
    """A check that is content."""


def make_tar(path, members):
    with tarfile.open(path, "w:gz") as bundle:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            if isinstance(content, tuple):
                info.type, info.linkname = content
                bundle.addfile(info)
            else:
                info.size = len(content)
                bundle.addfile(info, io.BytesIO(content))
    return path


def make_zip(path, members):
    with zipfile.ZipFile(path, "w") as bundle:
        for name, content in members.items():
            bundle.writestr(name, content)
    return path


@pytest.fixture(params=["tgz", "zip"])
def make(request, tmp_path):
    function = make_tar if request.param == "tgz" else make_zip
    return lambda members: function(tmp_path / f"x.{request.param}", members)


def left_over(tmp_path):
    return [path.name for path in tmp_path.iterdir() if path.suffix not in (".tgz", ".zip")]


def test_the_folder_gets_its_name(make, tmp_path):
    archive = make({"top/a/1.jpg": b"one", "top/b/2.jpg": b"two", "LICENSE": b"text"})
    extract(archive, "top", tmp_path / "set" / "flowers", anything)
    assert (tmp_path / "set" / "flowers" / "a" / "1.jpg").read_bytes() == b"one"
    assert [path.name for path in (tmp_path / "set").iterdir()] == ["flowers"]


def test_a_folder_another_process_has_finished_meanwhile_stays(make, tmp_path):
    def meanwhile(folder):
        (tmp_path / "flowers").mkdir()
        (tmp_path / "flowers" / "theirs.jpg").write_bytes(b"theirs")

    extract(make({"top/1.jpg": b"one"}), "top", tmp_path / "flowers", meanwhile)
    assert [path.name for path in (tmp_path / "flowers").iterdir()] == ["theirs.jpg"]
    assert left_over(tmp_path) == ["flowers"]


@pytest.mark.parametrize("name", ["../evil", "top/../../evil", "/evil", "C:/evil", "top\\..\\evil"])
def test_names_that_lead_out_are_refused(make, tmp_path, name):
    archive = make({"top/1.jpg": b"one", name: b"evil"})
    with pytest.raises(InputError, match="refused"):
        extract(archive, "top", tmp_path / "flowers", anything)
    assert left_over(tmp_path) == []
    assert not (tmp_path.parent / "evil").exists()


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE])
def test_links_and_devices_are_refused(tmp_path, kind):
    archive = make_tar(tmp_path / "x.tgz", {"top/1.jpg": b"one", "top/link": (kind, "/etc/hosts")})
    with pytest.raises(InputError, match="refused"):
        extract(archive, "top", tmp_path / "flowers", anything)
    assert left_over(tmp_path) == []


def test_links_in_zip_are_refused(tmp_path):
    link = zipfile.ZipInfo("top/link")
    link.external_attr = 0o120777 << 16
    with pytest.raises(InputError, match="refused"):
        extract(
            make_zip(tmp_path / "x.zip", {"top/1.jpg": b"one", link: "/etc/hosts"}), "top", tmp_path / "f", anything
        )
    assert left_over(tmp_path) == []


def test_damaged_archives_leave_nothing(make, tmp_path):
    archive = make({"top/1.jpg": bytes(range(256)) * 40})
    content = bytearray(archive.read_bytes())
    content[len(content) // 2] ^= 255
    archive.write_bytes(content)
    with pytest.raises(InputError, match="is damaged"):
        extract(archive, "top", tmp_path / "flowers", anything)
    archive.write_bytes(b"no archive")
    with pytest.raises(InputError, match="is damaged"):
        extract(archive, "top", tmp_path / "flowers", anything)
    assert left_over(tmp_path) == []


def test_a_full_disk_leaves_nothing(make, tmp_path, monkeypatch):
    def refuse(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("shutil.copyfileobj", refuse)
    with pytest.raises(InputError, match="disk is full"):
        extract(make({"top/1.jpg": b"one"}), "top", tmp_path / "flowers", anything)
    assert left_over(tmp_path) == []


def test_the_folder_must_be_there_and_pass_the_check(make, tmp_path):
    archive = make({"top/1.jpg": b"one"})
    with pytest.raises(InputError, match="does not hold the folder other/"):
        extract(archive, "other", tmp_path / "flowers", anything)

    def refuse(folder):
        assert (folder / "1.jpg").is_file()
        raise InputError("wrong")

    with pytest.raises(InputError, match="wrong"):
        extract(archive, "top", tmp_path / "flowers", refuse)
    assert left_over(tmp_path) == []
