from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from regraft.cli.serve import serve
from regraft.errors import InputError, MissingPackageError

app = typer.Typer()
app.command()(serve)


@pytest.fixture
def begun(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the command would serve, without models or a loop."""
    found: dict[str, Any] = {}

    def opened(runs: list[Path], settings: Any, names: list[str], *, tell: Any) -> str:
        found.update(runs=runs, settings=settings, names=list(names))
        return "models"

    def run(models: Any, settings: Any, bound: Any, *, verbose: bool, tell: Any) -> None:
        found.update(models=models, verbose=verbose, port=bound.getsockname()[1])

    monkeypatch.setattr("regraft.deployment.server.models.open_models", opened)
    monkeypatch.setattr("regraft.deployment.server.running.serve", run)
    monkeypatch.delenv("REGRAFT_TOKEN", raising=False)
    return found


def asked(*arguments: str) -> Any:
    return CliRunner().invoke(app, list(arguments))


def test_options_become_settings(begun: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "token").write_text("s3cret\n")
    limits = ["--max-batch", "4", "--queue", "9", "--timeout", "2.5", "--max-body-mb", "3", "--max-megapixels", "1.5"]
    names = ["--name", "x", "--name", "y", "--token-file", str(tmp_path / "token"), "--corrections", "fixes"]
    answer = asked("a", "b", "--port", "0", *limits, *names)
    assert answer.exit_code == 0, answer.output
    settings = begun["settings"]
    assert (begun["runs"], begun["names"], begun["models"]) == ([Path("a"), Path("b")], ["x", "y"], "models")
    assert (settings.max_batch, settings.queue, settings.timeout) == (4, 9, 2.5)
    assert (settings.max_body, settings.max_pixels) == (3 * 2**20, 1_500_000)
    assert (settings.token, settings.corrections) == ("s3cret", Path("fixes"))
    assert f"Serving on http://127.0.0.1:{begun['port']}/" in answer.stderr
    assert answer.stdout == ""
    assert "s3cret" not in answer.output


def test_the_token_may_come_from_the_environment(begun: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    asked("a", "--port", "0")
    assert begun["settings"].token is None
    monkeypatch.setenv("REGRAFT_TOKEN", "other")
    asked("a", "--port", "0")
    assert begun["settings"].token == "other"


def test_an_open_door_is_told(begun: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    assert "Anyone" not in asked("a", "--port", "0").stderr
    assert "Anyone who reaches 0.0.0.0 may ask" in asked("a", "--port", "0", "--host", "0.0.0.0").stderr
    monkeypatch.setenv("REGRAFT_TOKEN", "other")
    assert "Anyone" not in asked("a", "--port", "0", "--host", "0.0.0.0").stderr


def test_a_token_file_without_a_token(begun: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "empty").write_text("\n")
    for name, problem in (("empty", "There is no token"), ("nowhere", "cannot be read")):
        error = asked("a", "--port", "0", "--token-file", str(tmp_path / name)).exception
        assert isinstance(error, InputError)
        assert problem in str(error)


@pytest.mark.parametrize(
    "option", ["--max-megapixels=nan", "--max-megapixels=0", "--timeout=inf", f"--corrections={__file__}"]
)
def test_what_cannot_be_is_refused_before_a_run_is_loaded(begun: dict[str, Any], option: str) -> None:
    assert isinstance(asked("a", "--port", "0", option).exception, InputError)
    assert begun == {}


def test_the_extra_is_named_where_it_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("regraft.cli.serve.find_spec", lambda name: None)
    error = asked("a").exception
    assert isinstance(error, MissingPackageError)
    assert 'pip install "regraft[serve]"' in str(error)
