from __future__ import annotations

import inspect
import shutil
from pathlib import Path

import pytest
from small_mobilenet import begin, quickly, save_small_network

from regraft.errors import InputError
from regraft.studies import mobilenet_study
from regraft.studies.mobilenet import run_all
from regraft.studies.mobilenet_study import LIMIT, PLAN, QUICK, MobileNetStudy, usual_backbone
from regraft.study_api import OWN_STUDIES


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_small_network(tmp_path_factory.mktemp("network") / "small.keras")


def test_a_study_is_of_fewer_than_a_thousand_images(
    photos: Path, tmp_path: Path, network: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = MobileNetStudy(photos, tmp_path / "whole", backbone=str(network))
    assert (LIMIT, whole.plan, len(whole.collection.images)) == (1000, PLAN, 75)
    assert whole.config.images.per_class is None
    monkeypatch.setattr(mobilenet_study, "LIMIT", 75)
    part = MobileNetStudy(photos, tmp_path / "part", backbone=str(network))
    assert part.counts() == {"blue": 24, "green": 24, "red": 24}
    assert len(part.whole_collection.images) == 75
    other = MobileNetStudy(photos, tmp_path / "other", backbone=str(network), seed=1)
    assert {i.sha256 for i in other.collection.images} != {i.sha256 for i in part.collection.images}
    assert MobileNetStudy(photos, tmp_path / "quick", backbone=str(network), quick=True).plan == QUICK


def test_a_part_is_no_larger_than_the_smallest_class(photos: Path, tmp_path: Path, network: Path) -> None:
    shutil.copytree(photos, tmp_path / "photos")
    for file in sorted((tmp_path / "photos" / "red").iterdir())[7:]:
        file.unlink()
    with quickly():
        study = begin(tmp_path / "photos", tmp_path / "study", backbone=str(network))
    assert set(study.counts().values()) == {7}


def test_what_cannot_be_done_is_refused_before_there_is_a_folder(photos: Path, tmp_path: Path, network: Path) -> None:
    output, given = tmp_path / "study", {"backbone": str(network)}
    with pytest.raises(InputError, match="cannot be trained from scratch for that number"):
        begin(photos, output, scratch_epochs=-1, **given)
    with pytest.raises(InputError, match="There are no dogs"):
        begin(photos, output, dogs=photos, **given)
    shutil.copytree(photos / "red", tmp_path / "dogs", ignore=lambda _, names: sorted(names)[2:])
    for file in (tmp_path / "dogs").iterdir():
        file.write_bytes(file.read_bytes() + b"another")
    with pytest.raises(InputError, match="at least"):
        begin(photos, output, dogs=tmp_path / "dogs", **given)
    with pytest.raises(InputError):
        begin(tmp_path / "nothing", output, **given)
    with pytest.raises(InputError, match="There is no Keras model"):
        begin(photos, output, backbone=str(tmp_path / "none.keras"))
    assert not output.exists()


def test_a_study_is_gone_on_with_as_it_was_begun_and_with_the_same_images(
    photos: Path, tmp_path: Path, network: Path
) -> None:
    shutil.copytree(photos, tmp_path / "photos")
    with quickly():
        study = begin(tmp_path / "photos", tmp_path / "study", backbone=str(network), seed=3, scratch_epochs=7)
        again = MobileNetStudy(resume=study.folder.path)
        assert again.options == study.options
        assert (again.seed, again.plan.scratch) == (3, 7)
        image = study.collection.images[0]
        assert isinstance(image.source, Path)
        image.source.unlink()
        with pytest.raises(InputError, match="are not those that the study began with"):
            MobileNetStudy(resume=study.folder.path)


def test_where_the_usual_weights_are_not_to_be_had_a_narrower_network_takes_its_place(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    opened: list[str] = []

    def nowhere(name: str) -> None:
        opened.append(name)
        raise InputError("The weights are not on this machine.")

    monkeypatch.setattr(mobilenet_study, "open_base", opened.append)
    assert usual_backbone() == ("MobileNet@160", None)
    monkeypatch.setattr(mobilenet_study, "open_base", nowhere)
    monkeypatch.setattr(mobilenet_study, "local_weights", lambda name: (Path(f"{name}.h5"), "weights folder"))
    assert usual_backbone() == ("MobileNet-0.75@160", "MobileNet@160")
    monkeypatch.setattr(mobilenet_study, "local_weights", lambda name: None)
    with pytest.raises(InputError, match="are not on this machine"):
        usual_backbone()
    assert set(opened) == {"MobileNet@160"}


@pytest.mark.parametrize(
    ("given", "small"),
    [("MobileNet-0.75@160", "MobileNet-0.75@96"), ("MobileNet@64", "MobileNet@64"), ("a/b.keras", "a/b.keras")],
)
def test_a_quick_study_is_of_small_images(given: str, small: str) -> None:
    assert mobilenet_study._small(given) == small


def test_the_command_knows_the_study_and_its_options() -> None:
    own = OWN_STUDIES["mobilenet"]
    assert own.load() == (MobileNetStudy, run_all)
    assert set(own.options.values()) <= set(inspect.signature(MobileNetStudy.__init__).parameters)
    assert "tell" in inspect.signature(run_all).parameters
    assert own.takes == "tell"
