"""What all tests share: a cache of their own, Keras' backend, and a folder of small photos."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

# Keras fixes its backend at its first import, in whichever test that happens.
os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
if "PYTEST_XDIST_WORKER" in os.environ:
    # Several test processes share the cores: threads that wait for each other in all of them are slower than one each.
    for name in ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ.setdefault(name, "1")

import numpy as np
import pytest
from hypothesis import settings
from PIL import Image

from regraft.runs.folder import RunFolder

# No time limit for an example: a busy machine is no fault of the code. In CI the same examples every time.
settings.register_profile("regraft", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("regraft")

WEIGHTS = os.environ.get("REGRAFT_WEIGHTS")


@pytest.fixture(autouse=True, scope="session")
def session_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """One cache for the session, so that the graph of a backbone is built once; never the user's own."""
    folder = tmp_path_factory.mktemp("cache")
    if "PYTEST_XDIST_WORKER" in os.environ:
        # Once for all test processes: each has a folder of its own beside those of the others.
        shared = tmp_path_factory.getbasetemp().parent / "graphs"
        shared.mkdir(exist_ok=True)
        (folder / "graphs").symlink_to(shared)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("REGRAFT_CACHE", str(folder))
        patch.delenv("REGRAFT_WEIGHTS", raising=False)
        yield folder


@pytest.fixture
def real_weights(monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of real Keras weight files."""
    if not WEIGHTS:
        pytest.skip("REGRAFT_WEIGHTS does not name a folder of real weight files")
    monkeypatch.setenv("REGRAFT_WEIGHTS", WEIGHTS)
    return Path(WEIGHTS)


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real images."""
    if not (folder := os.environ.get("REGRAFT_TEST_DATA")):
        pytest.skip("REGRAFT_TEST_DATA does not name the folder of real images")
    return Path(folder)


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`photos/{red,green,blue}/NN.jpg`: 25 smooth pictures a class, 96 × 72 pixels, that can be told apart."""
    folder = tmp_path_factory.mktemp("images") / "photos"
    generator = np.random.default_rng(0)
    for channel, name in enumerate(("red", "green", "blue")):
        (folder / name).mkdir(parents=True)
        for number in range(25):
            coarse = generator.integers(0, 130, (5, 7, 3))
            coarse[..., channel] += 110
            picture = Image.fromarray(coarse.astype(np.uint8)).resize((96, 72), Image.Resampling.BICUBIC)
            picture.save(folder / name / f"{number:02}.jpg", quality=90)
    return folder


@pytest.fixture(scope="session")
def photos_run(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A run of the default backbone on `photos`, trained once for all test processes: read it, never write into it."""
    from regraft.api import train

    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    run = RunFolder(shared / "photos-run")
    with (shared / "photos-run.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not run.complete:
            train(photos, output=run.path, settings={"head": {"epochs": 20}})
    return run
