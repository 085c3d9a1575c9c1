"""A run on several backbones at once, from the config to the report."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_tops import eagerly, graphs_here

from regraft.api import evaluate, find_learning_rate, finetune, run_config, train
from regraft.backbones.joint import JointBase
from regraft.errors import InputError
from regraft.features.keras_engine import KerasEngine
from regraft.images.reading import read_image
from regraft.runs import backbone_choice
from regraft.runs.backbone_choice import choose_backbones
from regraft.runs.config import TrainConfig, make_config
from regraft.runs.data import draw_splits, find_images
from regraft.runs.folder import RunFolder
from regraft.runs.prediction import Predictor

pytestmark = pytest.mark.usefixtures("quickly")


@pytest.fixture(scope="session")
def names(small_backbone: Path, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Two small saved networks for the same pixels, each to six features."""
    import keras

    layers = keras.layers
    keras.utils.set_random_seed(5)
    other = keras.Sequential([keras.Input((8, 8, 3)), layers.Conv2D(6, 3), layers.GlobalAveragePooling2D()])
    other.add(layers.Dense(2))
    path = tmp_path_factory.mktemp("other") / "other.keras"
    other.save(path)
    return [str(small_backbone), str(path)]


@pytest.fixture(scope="session")
def run(small_config: Callable[..., TrainConfig], names: list[str], tmp_path_factory: Any) -> RunFolder:
    with eagerly(), graphs_here():
        config = small_config(backbone={"name": names}, augmentation={"views": 1, "test_views": 1})
        return run_config(config, tmp_path_factory.mktemp("runs") / "joint")


def test_the_run_says_what_each_backbone_gave(run: RunFolder, names: list[str]) -> None:
    facts = run.metrics()["backbone"]
    assert run.config().backbone.name == facts["name"] == "+".join(names)
    assert [member["name"] for member in facts["members"]] == names
    assert [member["features"] for member in facts["members"]] == [6, 6]
    assert (facts["features"], facts["size"], facts["precision"]) == (12, [8, 8], "f32")
    assert run.metrics()["model"]["median_difference"] < 1e-5
    page = run.report.read_text()
    assert "2 backbones see the same 8 × 8 pixels" in page
    assert all(page.count(Path(name).name) for name in names)


def test_served_answers_are_those_of_the_run(run: RunFolder, photos: Path, tmp_path: Path) -> None:
    rows = [row for row in run.table("predictions").to_pylist() if row["split"] == "test"][:6]
    predictor = Predictor(run)
    assert isinstance(predictor.base, JointBase)
    answers, _ = predictor.predict([photos / row["image"] for row in rows])
    for row, answer in zip(rows, answers, strict=True):
        assert answer.label == row["predicted"]
        assert answer.probability == pytest.approx(row["probability"], abs=1e-4)
    measured = evaluate(run.path, photos)
    assert measured["accuracy"] == pytest.approx(run.metrics()["test"]["accuracy"])
    # Where the backbones are no longer to be found, from the run's own model.
    shutil.copytree(run.path, tmp_path / "carried")
    config = (tmp_path / "carried" / "config.toml").read_text()
    (tmp_path / "carried" / "config.toml").write_text(config.replace("other.keras", "gone.keras"))
    base = Predictor(tmp_path / "carried").base
    assert base.weights.path == tmp_path / "carried" / "model.keras"
    pixels = [read_image(photos / row["image"], (8, 8)) for row in rows]
    features = KerasEngine(base).run(pixels)
    expected = predictor.plain_probabilities(pixels)
    np.testing.assert_allclose(run.head().weights.probabilities(features), expected, rtol=0, atol=1e-4)


def test_heads_are_trained_on_features_that_count_alike(run: RunFolder, small_config: Any, names: list[str]) -> None:
    from regraft.runs.data import find_base, load_data
    from regraft.runs.fitting import _scale

    config = small_config(backbone={"name": names})
    data = load_data(find_images(config), find_base(config.backbone), config)
    scaled = data.features[data.rows("train")] / _scale(data)
    assert data.widths == (6, 6)
    parts = [float((scaled[:, part] ** 2).sum(axis=1).mean()) for part in (slice(6), slice(6, 12))]
    assert parts == pytest.approx([0.5, 0.5], rel=1e-4)


def test_what_needs_one_backbone_is_refused_before_long_work(
    run: RunFolder, small_config: Any, names: list[str], tmp_path: Path
) -> None:
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"finetune": {}}, "cannot be fine-tuned"),
        ({"control": {}}, "no control"),
        ({"head": {"standard": True}}, "--standard"),
    ]
    for sections, reason in wrong:
        with pytest.raises(InputError, match=rf"{reason}[\s\S]*2 backbones at once"):
            run_config(small_config(**{"backbone": {"name": names}, **sections}), tmp_path / "run")
    with pytest.raises(InputError, match="cannot be fine-tuned"):
        finetune(run.path, output=tmp_path / "run")
    with pytest.raises(InputError, match="cannot be cut"):
        find_learning_rate(run.path)
    assert not (tmp_path / "run").exists()


def test_paths_are_made_absolute_one_by_one(names: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    first, second = map(Path, names)
    monkeypatch.chdir(first.parent)
    config = make_config({"images": {"source": "x"}, "backbone": {"name": [first.name, "MobileNetV2", str(second)]}})
    assert config.backbone.name == f"{first.name}+MobileNetV2+{second}"
    assert config.with_absolute_paths().backbone.name == f"{first}+MobileNetV2+{second}"
    (tmp_path / "auto").mkdir()  # such as a run folder of that name
    monkeypatch.chdir(tmp_path)
    config = make_config({"images": {"source": "x"}, "backbone": {"name": "auto"}})
    assert config.with_absolute_paths().backbone.name == "auto"


@pytest.fixture
def automatic(small_config: Any, names: list[str], monkeypatch: pytest.MonkeyPatch) -> TrainConfig:
    """A config that chooses between the two networks."""
    from regraft.backbones.base import open_base

    monkeypatch.setattr(
        backbone_choice, "candidates", lambda config: ([open_base(name) for name in names], ["X (why)"])
    )
    config: TrainConfig = small_config(backbone={"name": "auto"})
    return config


def test_the_choice_sees_no_test_image(
    automatic: TrainConfig, names: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    seen: set[str] = set()
    real = backbone_choice.extract_views

    def noting(images: Any, *rest: Any, **options: Any) -> Any:
        seen.update(image.sha256 for image in images)
        return real(images, *rest, **options)

    monkeypatch.setattr(backbone_choice, "extract_views", noting)
    collection = find_images(automatic)
    config, facts = choose_backbones(collection, automatic, told.append)
    assert config.backbone.name in (*names, "+".join(names), "+".join(reversed(names)))
    assert config.backbone.name.split("+") == [step["added"] for step in facts["steps"] if step["taken"]]
    splits = draw_splits(collection.images, automatic)
    assert seen == {
        image.sha256 for image, split in zip(collection.images, splits, strict=True) if split in ("train", "validation")
    }
    assert facts["images"] == len(seen)
    assert facts["left_out"] == ["X (why)"]
    assert set(facts["steps"][0]["tried"]) == set(names)
    assert [line.split(":")[0] for line in told[:2]] == ["Candidate 1 of 2", "Candidate 2 of 2"]
    assert "left out: X (why)" in told[2]

    late, facts = choose_backbones(collection, automatic, longest=0)
    assert late.backbone.name == names[0]
    assert facts["left_out"][1].startswith(names[1])


def test_exact_splits_are_those_of_what_can_be_read(automatic: TrainConfig, tmp_path: Path) -> None:
    """An unreadable file moves others into the test split, which must not have taken part in the choice."""
    config = automatic.model_copy(update={"images": automatic.images.model_copy(update={"exact": True})})
    collection = find_images(config)
    readable = collection.images[3:]
    broken = [
        replace(image, sha256=f"{number:064}", source=tmp_path / "none")
        for number, image in enumerate(collection.images[:3], 3)
    ]
    everything = [*broken, *readable]
    _, facts = choose_backbones(replace(collection, images=tuple(everything)), config)
    free = [split != "test" for split in draw_splits(readable, config)]
    assert facts["images"] == sum(free)
    # Or it would be no case: the draw of all the files leaves another number.
    assert sum(split != "test" for split in draw_splits(everything, config)[3:]) != sum(free)


def test_a_run_that_chooses_records_what_it_chose(
    automatic: TrainConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = run_config(automatic, tmp_path / "run")
    assert run.config().backbone.name != "auto"
    search = run.metrics()["backbone"]["search"]
    assert json.loads((run.path / "search.json").read_text()) == search
    assert "was chosen as the best alone" in run.report.read_text()
    # A run that was killed goes on with what was chosen, and still says how.
    shutil.copytree(run.path, tmp_path / "killed")
    for name in ("metrics.json", "report.html", "model.keras"):
        (tmp_path / "killed" / name).unlink()
    monkeypatch.setattr("regraft.runs.pipeline.choose_backbones", None)
    resumed = run_config(run.config(), resume=tmp_path / "killed")
    assert resumed.metrics()["backbone"] == {**run.metrics()["backbone"], "computed": 0}


@pytest.mark.parametrize(
    ("sections", "received"),
    [
        ({"finetune": {}}, "--finetune"),
        ({"control": {}}, "--control"),
        ({"head": {"standard": True}}, "--standard"),
        ({"backbone": {"scaling": "0 to 1"}}, "another scaling"),
        ({"backbone": {"weights": "x.h5"}}, "--weights"),
    ],
)
def test_what_does_not_go_with_a_choice(photos: Path, sections: dict[str, Any], received: str, tmp_path: Path) -> None:
    config = make_config({"images": {"source": str(photos)}, **sections, "backbone": {
        "name": "auto", **sections.get("backbone", {})}})  # fmt: skip
    with pytest.raises(InputError, match=rf"do not go with that[\s\S]*{received}"):
        run_config(config, tmp_path / "run")


def test_the_api_takes_a_list(names: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[TrainConfig] = []
    monkeypatch.setattr("regraft.api.run_config", lambda config, *rest: asked.append(config))
    train("photos", backbone=names)
    assert asked[0].backbone.name == "+".join(names)


def test_candidates_are_those_with_weights_here_the_cheapest_first(monkeypatch: pytest.MonkeyPatch) -> None:
    here = {"EfficientNetLite0"}
    own = backbone_choice.local_weights
    monkeypatch.setattr(backbone_choice, "local_weights", lambda name: own(name) if name.card_name in here else None)
    config = make_config({"images": {"source": "x"}, "backbone": {"name": "auto"}})
    bases, left_out = backbone_choice.candidates(config)
    assert [(base.spelling, base.resized_to) for base in bases] == [
        ("EfficientNetLite0", 224),
        ("EfficientNetLite0@320", None),
    ]
    assert not left_out
    here.clear()
    with pytest.raises(InputError, match="no backbone to choose from"):
        backbone_choice.candidates(config)


def test_at_most_so_many_images_take_part(automatic: TrainConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backbone_choice, "LARGEST_SAMPLE", 20)
    sample = backbone_choice._sample(find_images(automatic).images, automatic)
    assert len(sample) == 20
    hashes = [image.sha256 for image in sample]
    assert len(set(hashes)) == 20
    assert hashes == [image.sha256 for image in backbone_choice._sample(find_images(automatic).images, automatic)]
