from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_studies import leave_out_the_model

import regraft
from regraft import api, study_api
from regraft.runs.config import make_config
from regraft.runs.finetune_config import AugmentationConfig, FinetuneConfig
from regraft.studies.declaration import Study
from regraft.training.rate_range import RateRange


def test_train_takes_the_names_of_the_config(photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    leave_out_the_model(monkeypatch)
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
    monkeypatch.setattr(study_api, "_finish_grid", lambda study, output, resume=None: asked.append((study, output)))
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
        ("grid.toml", {"quick": True}, "A study that is declared has no"),
        ("grid.toml", {"standard_epochs": 0}, "A study that is declared has no"),
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
        study_api.resume_study(tmp_path)
    gone_on: list[Any] = []
    monkeypatch.setattr(study_api, "_finish_grid", lambda *given: gone_on.append(given))
    monkeypatch.setattr(study_api, "_finish_own", lambda own, begun, tell: gone_on.append(begun))
    grid = regraft.StudyFolder(tmp_path / "grid")
    grid.write_settings('kind = "grid"\n')
    (grid.path / "grid.study.toml").write_text(GRID)
    study_api.resume_study(grid.path)
    ((study, output, begun),) = gone_on
    assert (study.seeds, output, begun.path) == (4, None, grid.path)
    flowers = regraft.StudyFolder(tmp_path / "flowers")
    flowers.write_settings(
        'kind = "flowers"\nimages = "digits"\nbackbone = "MobileNetV2"\nseed = 0\nseeds = 1\nfolds = 2\nepochs = 3\n'
        "standard_epochs = 0\nquick = false\n"
    )
    study_api.resume_study(str(flowers.path))
    assert gone_on[-1].options["seeds"] == 1
    for file in (flowers.html, flowers.pdf):
        flowers.write_facts(complete=True)
        study_api.resume_study(flowers.path)  # a finished study whose report is not there yet
        file.touch()
    flowers.write_facts(complete=True)
    with pytest.raises(regraft.InputError, match="finished: there is nothing to resume"):
        study_api.resume_study(flowers.path)


def test_comparing_hands_on_what_it_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    monkeypatch.setattr("regraft.runs.comparing.compare_runs", lambda runs, **options: asked.append((runs, options)))
    regraft.compare(["a", "b"])
    regraft.compare(["a", "b", "c"], split="validation", all_pairs=True)
    assert asked == [
        (["a", "b"], {"split": "test", "all_pairs": False}),
        (["a", "b", "c"], {"split": "validation", "all_pairs": True}),
    ]


@pytest.fixture
def begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[regraft.RunFolder, list[Any]]:
    """A run that looks finished, and what was to be carried out, in the place of carrying it out."""
    asked: list[Any] = []
    monkeypatch.setattr(api, "run_config", lambda config, *given, **options: asked.append((config, given, options)))
    run = regraft.RunFolder(tmp_path / "run")
    run.write_config(
        make_config(
            {
                "images": {"source": "photos", "exact": True},
                "seed": 4,
                "head": {"hidden": [8]},
                "finetune": {"blocks": 2, "epochs": 3},
                "augmentation": {"views": 5, "rotation": 3.0},
            }
        )
    )
    run.write_json("metrics", {})
    return run, asked


def test_fine_tuning_takes_all_else_from_the_run(begun: tuple[regraft.RunFolder, list[Any]], tmp_path: Path) -> None:
    run, asked = begun
    regraft.finetune(run.path)
    settings = {"finetune": {"last": 9, "learning_rate": 0.1}, "augmentation": {"views": 2}}
    regraft.finetune(str(run.path), output=tmp_path / "new", settings=settings)
    (plain, (nowhere,), options), (given, (output,), _) = asked
    assert (plain, nowhere, options["like"].path) == (run.config(), None, run.path)
    assert output == tmp_path / "new"
    assert given.finetune == FinetuneConfig(last=9, epochs=3, learning_rate=0.1)
    assert given.augmentation == AugmentationConfig(views=2, rotation=3.0)
    assert given.model_copy(update={"finetune": None, "augmentation": AugmentationConfig()}) == run.config().model_copy(
        update={"finetune": None, "augmentation": AugmentationConfig()}
    )


def test_fine_tuning_changes_nothing_else(begun: tuple[regraft.RunFolder, list[Any]], tmp_path: Path) -> None:
    run, asked = begun
    with pytest.raises(regraft.InputError, match=r"the sections finetune and augmentation[\s\S]*head, seed"):
        regraft.finetune(run.path, settings={"head": {"epochs": 3}, "finetune": {}, "seed": {}})
    with pytest.raises(regraft.InputError, match="no finished run"):
        regraft.finetune(tmp_path / "nowhere")
    (run.path / "metrics.json").unlink()
    with pytest.raises(regraft.InputError, match=r"no finished run[\s\S]*--resume"):
        regraft.finetune(run.path)
    assert asked == []


def test_a_rate_is_found_with_the_settings_of_the_run(
    begun: tuple[regraft.RunFolder, list[Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, _ = begun
    found = RateRange(np.geomspace(1e-3, 1, 4), np.ones(4), np.ones(4), None)
    asked: list[Any] = []
    monkeypatch.setattr(
        "regraft.runs.rate_finding.find_rate", lambda *given, **options: asked.append((given, options)) or found
    )
    assert regraft.find_learning_rate(run.path, lowest=1e-3, highest=2.0, steps=11) is found
    ((folder, config), options) = asked[0]
    assert (folder.path, config) == (run.path, run.config())
    assert options == {"lowest": 1e-3, "highest": 2.0, "steps": 11, "tell": None}
    regraft.find_learning_rate(run.path, tmp_path / "figures" / "lr.svg", {"at": "input"})
    assert asked[1][0][1].finetune == FinetuneConfig(at="input", epochs=3)
    assert (tmp_path / "figures" / "lr.svg").read_text().startswith("<?xml")
