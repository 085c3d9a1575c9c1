from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest

from regraft.deployment.hub import push
from regraft.errors import InputError, MissingPackageError

CARD = """\
---
library_name: "keras"
model-index:
  - name: "flowers"
    results:
      - task:
          type: "image-classification"
        dataset:
          type: "imagefolder"
          name: "flowers"
        metrics:
          - type: "accuracy"
            value: 0.9
---

# Flowers
"""
SENT = ["README.md", "export.json", "model.onnx", "openvino/model.bin", "openvino/model.xml"]


class Api:
    """Notes what it is asked for, in the place of the Hub."""

    def __init__(self, error: Exception | None = None) -> None:
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.error = error

    def create_repo(self, repo_id: str, **options: Any) -> None:
        self.asked.append(("create", {"repo_id": repo_id, **options}))
        if self.error:
            raise self.error

    def upload_folder(self, **options: Any) -> str:
        self.asked.append(("upload", options))
        return "https://hub.example/commit/1"


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("the network was touched")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in (*SENT, "serving/kserve/regraft.yaml", ".unfinished-1-model.onnx", "openvino/.hidden"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x" * 10)
    (tmp_path / "README.md").write_text(CARD)
    (tmp_path / "export.json").write_text("{}")
    return tmp_path


def test_a_dry_run_lists_what_would_go_there(folder: Path) -> None:
    plan = push(folder, "ada/flowers", dry_run=True)
    assert [name for name, _ in plan.files] == SENT
    assert dict(plan.files)["model.onnx"] == 10
    assert plan.size == len(CARD) + 2 + 30
    assert (plan.repo, plan.private, plan.url) == ("ada/flowers", True, None)
    assert "names no licence" in plan.warnings[0]
    (folder / "README.md").write_text(CARD.replace("library_name", "license: mit\nlibrary_name"))
    assert push(folder, "ada/flowers", dry_run=True).warnings == []


def test_what_goes_there_is_what_the_dry_run_lists(folder: Path) -> None:
    from huggingface_hub.utils import filter_repo_objects

    api = Api()
    plan = push(folder, "ada/flowers", private=False, token="secret", api=api)
    (made, creation), (sent, upload) = api.asked
    assert (made, sent) == ("create", "upload")
    assert creation == {
        "repo_id": "ada/flowers", "repo_type": "model", "private": False, "exist_ok": True, "token": "secret",
    }  # fmt: skip
    assert (upload["repo_id"], upload["folder_path"], upload["token"]) == ("ada/flowers", str(folder), "secret")
    found = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    assert list(filter_repo_objects(found, ignore_patterns=upload["ignore_patterns"])) == SENT
    assert [name for name, _ in plan.files] == SENT
    assert plan.url == "https://hub.example/commit/1"


def test_no_token(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.get_token", lambda: None)
    api = Api()
    with pytest.raises(InputError, match="access token") as error:
        push(folder, "ada/flowers", api=api)
    assert "HF_TOKEN" in str(error.value)
    assert api.asked == []


def test_the_token_of_the_environment_serves(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "from the environment")
    api = Api()
    push(folder, "ada/flowers", api=api)
    assert {options["token"] for _, options in api.asked} == {"from the environment"}


@pytest.mark.parametrize("error", [OSError("no route to the host"), ConnectionResetError()])
def test_a_network_that_fails(folder: Path, error: Exception) -> None:
    with pytest.raises(InputError, match="did not take") as found:
        push(folder, "ada/flowers", token="secret", api=Api(error))
    assert (str(error) or "ConnectionResetError") in str(found.value)
    assert "secret" not in str(found.value)


@pytest.mark.parametrize("repo", ["a/b/c", "ada/flow ers", "-x", "ada/x--y", "x.git", "", "../x"])
def test_names_that_the_hub_refuses(folder: Path, repo: str) -> None:
    with pytest.raises(InputError, match="no repositories of that name"):
        push(folder, repo, dry_run=True)


@pytest.mark.parametrize("missing", ["README.md", "export.json"])
def test_a_folder_without_card_or_facts(folder: Path, missing: str) -> None:
    (folder / missing).unlink()
    with pytest.raises(InputError, match="no folder of exports") as error:
        push(folder, "ada/flowers", dry_run=True)
    assert missing in str(error.value)
    with pytest.raises(InputError, match="no such folder"):
        push(folder / "none", "ada/flowers", dry_run=True)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("README.md", "---\n[a, list]\n---\n"),
        ("README.md", "---\nlicense: [\n---\n"),
        ("README.md", CARD.replace('type: "accuracy"', "kind: x")),
        ("README.md", "# without metadata"),
        ("export.json", "{"),
    ],
)
def test_a_card_that_the_hub_would_refuse(folder: Path, name: str, text: str) -> None:
    (folder / name).write_text(text)
    with pytest.raises(InputError, match="model card of"):
        push(folder, "ada/flowers", dry_run=True)


def test_without_the_package(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(MissingPackageError) as error:
        push(folder, "ada/flowers", dry_run=True)
    assert 'pip install "regraft[export]"' in str(error.value)
