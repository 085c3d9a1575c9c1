from __future__ import annotations

import asyncio
import os
import shutil
from pathlib import Path

import pytest
from served_models import StandIn, picture, served

from regraft.deployment.server.models import Models, open_models
from regraft.deployment.server.problems import NoSuchModel
from regraft.deployment.server.settings import ServerSettings
from regraft.errors import InputError
from regraft.runs.folder import RunFolder


def test_models_are_found_by_name_and_version(tmp_path: Path) -> None:
    models = served(tmp_path, ["one", "two"]).models
    assert models.names() == ["one", "two"]
    assert models.default is models.get(None) is models.get("one") is models.get("one", "1")
    for name, version in (
        ("three", None),
        ("one", "2"),
        ("one", "01"),
        ("../one", None),
        ("", None),
        ("\n" * 500, None),
    ):
        with pytest.raises(NoSuchModel) as caught:
            models.get(name, version)
        assert len(str(caught.value)) < 300
        assert "\n" not in str(caught.value)
    models.close()


@pytest.mark.parametrize(
    ("runs", "names", "problem"),
    [
        (["a/run", "b/run"], [], "Two runs have one name"),
        (["a/run"], ["x", "y"], "Each run wants a name"),
        (["a/run"], ["a/b"], "no name for a model"),
        (["a/run"], [".."], "no name for a model"),
        (["a/run"], ["a\nb"], "no name for a model"),
        (["a/run"], [], "no finished run"),
    ],
)
def test_names_that_cannot_be_served(tmp_path: Path, runs: list[str], names: list[str], problem: str) -> None:
    with pytest.raises(InputError, match=problem):
        open_models([tmp_path / run for run in runs], ServerSettings(), names)


def test_nothing_to_serve() -> None:
    with pytest.raises(InputError, match="nothing to serve"):
        Models({}, ServerSettings())


def test_a_retrained_run_is_served_in_place_of_the_old_one(small_run: RunFolder, tmp_path: Path) -> None:
    run = Path(shutil.copytree(small_run.path, tmp_path / "flowers"))
    told: list[str] = []
    models = open_models([run], ServerSettings(), tell=told.append)
    model = models.get("flowers")

    async def looks(times: int = 2) -> str:
        for _ in range(times):
            await models.look()
        return (await model.answers([picture()])).version

    before = asyncio.run(model.probabilities([picture()]))
    assert asyncio.run(looks()) == "1"
    classes = RunFolder(run).classes()

    (run / "report.html").write_text("a new report of the same model")
    assert asyncio.run(looks()) == "1"

    (run / "head.safetensors").write_bytes(b"half a fi")
    assert asyncio.run(looks(1)) == "1"  # it may still be being written
    assert asyncio.run(looks(3)) == "1"
    assert "cannot be loaded; version 1 serves on" in told[-1]
    assert len(told) == 2  # once is enough

    shutil.copy(small_run.path / "head.safetensors", run)
    (run / "metrics.json").unlink()
    assert asyncio.run(looks(3)) == "1"  # not finished: not even tried
    assert len(told) == 2

    shutil.copy(small_run.path / "metrics.json", run)
    RunFolder(run).write_classes(classes[::-1])
    assert asyncio.run(looks()) == "2"
    assert model.classes == model.predictor.classes == classes[::-1]
    assert told[-1].startswith("flowers: version 2, 3 classes")
    assert asyncio.run(model.probabilities([picture()])).tolist() == before.tolist()
    with pytest.raises(NoSuchModel):
        models.get("flowers", "1")
    models.close()


def test_the_watch_looks_by_itself(tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    head = run / "head.safetensors"
    head.write_bytes(b"1")
    stand_in = StandIn()
    models = Models({"run": run}, ServerSettings(watch=0.01), load=lambda run, throughput: stand_in)  # type: ignore[arg-type,return-value]

    async def watched() -> None:
        watch = asyncio.create_task(models.watch())
        await asyncio.sleep(0.03)
        assert models.default.version == "1"
        head.write_bytes(b"22")
        os.utime(head, (1, 1))
        for _ in range(500):
            await asyncio.sleep(0.01)
            if models.default.version == "2":
                break
        watch.cancel()

    asyncio.run(watched())
    assert models.default.version == "2"
    models.close()
