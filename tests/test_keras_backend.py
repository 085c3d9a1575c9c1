import importlib.util
import os
import subprocess
import sys
from collections.abc import Callable

import pytest

from regraft import _keras_backend as module
from regraft._keras_backend import check_keras_backend, choose_keras_backend
from regraft.errors import InputError, MissingPackageError


@pytest.fixture(autouse=True)
def before_keras(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if Keras had not been imported and the user had chosen nothing."""
    monkeypatch.delitem(sys.modules, "keras", raising=False)
    # set, then removed: so it is restored, even if the test sets it
    monkeypatch.setenv("KERAS_BACKEND", "")
    monkeypatch.delenv("KERAS_BACKEND")
    monkeypatch.setattr(module, "_import_tensorflow", lambda: None)  # takes seconds; tested below


def install(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object() if name in names else None)


def test_frozen_work_needs_no_training_backend(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, "tensorflow", "torch", "jax")
    assert choose_keras_backend(training=False) == "openvino"
    assert os.environ["KERAS_BACKEND"] == "openvino"


@pytest.mark.parametrize(
    ("installed", "chosen"),
    [(("jax", "torch", "tensorflow"), "tensorflow"), (("jax", "torch"), "torch"), (("jax",), "jax")],
)
def test_training_takes_what_is_installed(
    installed: tuple[str, ...], chosen: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(monkeypatch, *installed)
    assert choose_keras_backend(training=True) == chosen
    assert os.environ["KERAS_BACKEND"] == chosen


def test_training_with_nothing_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch)
    with pytest.raises(MissingPackageError, match=r'pip install "regraft\[tensorflow\]"'):
        choose_keras_backend(training=True)
    assert "KERAS_BACKEND" not in os.environ


@pytest.mark.parametrize("training", [True, False])
def test_the_users_choice_stands(training: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, "tensorflow", "jax")
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    assert choose_keras_backend(training=training) == "jax"


def test_an_empty_choice_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch)
    monkeypatch.setenv("KERAS_BACKEND", "")
    assert choose_keras_backend(training=False) == "openvino"


def test_a_choice_that_cannot_train(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERAS_BACKEND", "openvino")
    with pytest.raises(InputError, match=r"cannot train with its openvino[\s\S]*tensorflow or torch or jax"):
        choose_keras_backend(training=True)


AFTER_KERAS = """
import os
os.environ["KERAS_BACKEND"] = "openvino"
import keras
os.environ["KERAS_BACKEND"] = "tensorflow"  # too late
from regraft._keras_backend import choose_keras_backend
print(choose_keras_backend(training=False))
try:
    choose_keras_backend(training=True)
except ValueError as error:
    print(error)
"""


def test_what_keras_was_imported_with_counts() -> None:
    done = subprocess.run([sys.executable, "-c", AFTER_KERAS], capture_output=True, text=True, check=True)
    first, second = done.stdout.splitlines()[:2]
    assert first == "openvino"
    assert "cannot train with its openvino backend" in second


@pytest.mark.parametrize("call", [check_keras_backend, choose_keras_backend])
@pytest.mark.parametrize("backend", ["bogus", "torch", "jax", "numpy", "tensorflow"])
def test_backends_that_there_are_not(call: Callable, backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, "openvino")
    monkeypatch.setenv("KERAS_BACKEND", backend)
    for training in (True, False):
        with pytest.raises(InputError, match=rf"KERAS_BACKEND[\s\S]*{backend}[\s\S]*unset KERAS_BACKEND") as caught:
            call(training=training)
        assert caught.value.exit_code == 2


def test_checking_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, "tensorflow")
    check_keras_backend(training=True)
    assert "KERAS_BACKEND" not in os.environ
    assert "keras" not in sys.modules
    install(monkeypatch)
    check_keras_backend(training=False)
    with pytest.raises(MissingPackageError):
        check_keras_backend(training=True)


TRAIN = """
from regraft._keras_backend import choose_keras_backend
choose_keras_backend(training=True)
import keras
import numpy as np
model = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Conv2D(2, 3), keras.layers.Flatten()])
model.add(keras.layers.Dense(2))
model.compile("sgd", "mse")
model.fit(np.zeros((4, 8, 8, 3)), np.zeros((4, 2)), verbose=0)
"""


def test_tensorflow_is_quiet() -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TF_")}
    environment["KERAS_BACKEND"] = "tensorflow"
    done = subprocess.run([sys.executable, "-c", TRAIN], capture_output=True, text=True, env=environment, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_what_a_failed_import_said_is_shown(capfd: pytest.CaptureFixture[str]) -> None:
    with module.quiet_stderr():
        os.write(2, b"chatter")

    def fail() -> None:
        with module.quiet_stderr():
            os.write(2, b"the reason")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert capfd.readouterr().err == "the reason"
