"""The image cannot be built in a test: what the Dockerfile names is there, and what it runs is what there is."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path

CHECKOUT = Path(__file__).parents[1]
TEXT = (CHECKOUT / "Dockerfile").read_text(encoding="utf-8")
STEPS = [
    (step.split(maxsplit=1)[0], step.split(maxsplit=1)[1])
    for step in re.sub(r"\\\n\s*", "", re.sub(r"^#.*\n", "", TEXT, flags=re.MULTILINE)).splitlines()
    if step.strip()
]


def steps(name: str) -> list[str]:
    return [text for step, text in STEPS if step == name]


def test_what_is_copied_is_there_and_not_ignored() -> None:
    lines = (CHECKOUT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    allowed = {line.removeprefix("!") for line in lines if line.startswith("!")}
    copied = {name for text in steps("COPY") if "--from" not in text for name in text.split()[:-1]}
    assert copied == allowed == {"pyproject.toml", "constraints.txt", "README.md", "LICENSE", "src"}
    assert all((CHECKOUT / name).exists() for name in copied)
    assert "*" in lines


def test_it_runs_without_rights_and_without_tensorflow() -> None:
    assert steps("USER") == ["10001:10001"]
    assert STEPS.index(("USER", "10001:10001")) < min(
        number for number, (step, _) in enumerate(STEPS) if step in ("CMD", "HEALTHCHECK")
    )
    installed = next(text for text in steps("RUN") if "install --constraint" in text)
    assert '".[serve]"' in installed
    assert "KERAS_BACKEND=openvino" in steps("ENV")[-1]


def test_its_commands_are_ones_that_there_are() -> None:
    (command,) = (json.loads(text) for text in steps("CMD"))
    assert command == ["sh", "-c", "exec regraft serve /models/* --host 0.0.0.0 --port 8000"]
    (check,) = (json.loads(text.split("CMD ", 1)[1]) for text in steps("HEALTHCHECK"))
    assert "/v2/health/ready" in check[-1]
    ast.parse(check[-1])
    prepare = next(json.loads(text) for text in steps("RUN") if text.startswith("["))
    assert "Predictor" in prepare[-1]
    ast.parse(prepare[-1])


def test_the_last_stage_is_the_one_that_a_plain_build_makes() -> None:
    assert steps("FROM")[-1] == "base AS server"
    assert steps("EXPOSE") == ["8000"]
