from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import regraft
from regraft import api
from regraft.studies.declaration import Study


def test_train_takes_the_names_of_the_config(photos: Path, tmp_path: Path) -> None:
    run = regraft.train(
        photos,
        output=tmp_path / "run",
        backbone="EfficientNetLite0@96",
        seed=2,
        settings={"images": {"exact": True, "test": 0.4}, "head": {"epochs": 3, "repeats": 2}},
    )
    config = run.config()
    assert (config.seed, config.images.exact, config.images.test) == (2, True, 0.4)
    assert config.backbone.name == "EfficientNetLite0@96"
    assert run.metrics()["images"] == {"train": 30, "validation": 15, "test": 30, "skipped": 0}
    assert run.report.is_file()


def test_bad_settings_are_refused(photos: Path, tmp_path: Path) -> None:
    with pytest.raises(regraft.InputError, match="settings"):
        regraft.train(photos, output=tmp_path / "run", settings={"head": {"learning_rates": [1.0]}})
    assert not (tmp_path / "run").exists()


GRID = """
seeds = 4
[vary]
head.momentum = [0.0, 0.9]
[images]
source = "elsewhere"
exact = true
"""


@pytest.fixture
def declared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[tuple[Study, Path | None]]:
    """What grids were to be carried out, in the place of carrying them out."""
    asked: list[tuple[Study, Path | None]] = []
    monkeypatch.setattr(api, "_finish_grid", lambda study, output, resume=None: asked.append((study, output)))
    monkeypatch.chdir(tmp_path)
    Path("grid.toml").write_text(GRID)
    return asked


def test_a_study_takes_what_is_given_in_place_of_its_own(declared: list[tuple[Study, Path | None]]) -> None:
    regraft.study("grid.toml")
    regraft.study(
        Path("grid.toml"), images="here", path="copy", backbone="MobileNetV2", seed=0, seeds=1, folds=2, epochs=5,
        output="study",
    )  # fmt: skip
    (own, nowhere), (given, output) = declared
    assert own.images == {"source": "elsewhere", "exact": True}
    assert (own.seeds, own.folds, own.backbone, own.head, nowhere) == (4, None, {}, {}, None)
    assert given.images == {"source": "here", "exact": True, "path": str(Path("copy").absolute())}
    assert (given.backbone, given.head) == ({"name": "MobileNetV2"}, {"epochs": 5})
    assert (given.seed, given.seeds, given.folds, output) == (0, 1, 2, Path("study"))


@pytest.mark.parametrize(
    ("what", "options", "said"),
    [
        ("grid", {}, "There is no study called grid."),
        ("grid.toml", {"quick": True}, "belong to the flower study"),
        ("grid.toml", {"standard_epochs": 0}, "belong to the flower study"),
        ("grid.toml", {"epochs": 0}, "head.epochs: Input should be greater than or equal to 1"),
        ("varied.toml", {"epochs": 3}, "The study varies head.epochs, so it cannot be given as an option."),
        ("odd.toml", {"epochs": 3}, "vary: Input should be a valid dictionary"),
        ("odder.toml", {"epochs": 3}, "head: Input should be a valid dictionary"),
    ],
)
def test_what_cannot_be_given_is_refused_and_never_ignored(
    declared: list[tuple[Study, Path | None]], what: str, options: dict[str, Any], said: str
) -> None:
    Path("varied.toml").write_text('[vary.head]\nepochs = [1, 2]\n[images]\nsource = "here"\n')
    Path("odd.toml").write_text("vary = 3\n")
    Path("odder.toml").write_text("head = 3\n[vary]\nhead = 3\n")
    with pytest.raises(regraft.InputError, match=said):
        regraft.study(what, **options)
    assert declared == []


def test_a_study_is_gone_on_with_by_its_kind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(regraft.InputError, match="no study that was begun"):
        api.resume_study(tmp_path)
    gone_on: list[Any] = []
    monkeypatch.setattr(api, "_finish_grid", lambda *given: gone_on.append(given))
    monkeypatch.setattr(api, "_finish_flowers", gone_on.append)
    grid = regraft.StudyFolder(tmp_path / "grid")
    grid.write_settings('kind = "grid"\n')
    (grid.path / "grid.study.toml").write_text(GRID)
    api.resume_study(grid.path)
    ((study, output, begun),) = gone_on
    assert (study.seeds, output, begun.path) == (4, None, grid.path)
    flowers = regraft.StudyFolder(tmp_path / "flowers")
    flowers.write_settings(
        'kind = "flowers"\nimages = "digits"\nbackbone = "MobileNetV2"\nseed = 0\nseeds = 1\nfolds = 2\nepochs = 3\n'
        "standard_epochs = 0\nquick = false\n"
    )
    api.resume_study(str(flowers.path))
    assert gone_on[-1].options["seeds"] == 1
    for file in (flowers.html, flowers.pdf):
        flowers.write_facts(complete=True)
        api.resume_study(flowers.path)  # a finished study whose report is not there yet
        file.touch()
    flowers.write_facts(complete=True)
    with pytest.raises(regraft.InputError, match="finished: there is nothing to resume"):
        api.resume_study(flowers.path)


def test_comparing_hands_on_what_it_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    monkeypatch.setattr("regraft.runs.comparing.compare_runs", lambda runs, **options: asked.append((runs, options)))
    regraft.compare(["a", "b"])
    regraft.compare(["a", "b", "c"], split="validation", all_pairs=True)
    assert asked == [
        (["a", "b"], {"split": "test", "all_pairs": False}),
        (["a", "b", "c"], {"split": "validation", "all_pairs": True}),
    ]
