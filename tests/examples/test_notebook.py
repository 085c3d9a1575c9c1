"""The notebook of `examples/` runs, cell by cell, in quick form and without Jupyter."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from small_cats import NETWORK, leave_out_the_models, train_a_small_network_from_scratch, two_classes
from small_tops import eagerly

from regraft.studies import cats_and_dogs

NOTEBOOK = Path(__file__).parents[2] / "examples" / "cats_and_dogs.ipynb"


def cells(kind: str) -> list[str]:
    content: dict[str, Any] = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    return ["".join(cell["source"]) for cell in content["cells"] if cell["cell_type"] == kind]


def test_the_notebook_holds_no_outputs_and_no_places_of_a_machine() -> None:
    content = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    assert content["nbformat"] == 4
    for cell in content["cells"]:
        assert set(cell) == {"cell_type", "id", "metadata", "source"} | (
            {"execution_count", "outputs"} if cell["cell_type"] == "code" else set()
        )
        assert not cell.get("outputs")
        assert cell.get("execution_count") is None
    text = NOTEBOOK.read_text(encoding="utf-8")
    assert "/home/" not in text
    assert "/tmp" not in text


def test_the_notebook_ends_with_the_two_answers(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("REGRAFT_EXAMPLE_IMAGES", str(two_classes(photos, tmp_path)))
    monkeypatch.setenv("REGRAFT_EXAMPLE_OUTPUT", str(tmp_path / "study"))
    monkeypatch.setenv("REGRAFT_EXAMPLE_NETWORKS", NETWORK)
    monkeypatch.setattr(cats_and_dogs, "LAST", (5,))
    leave_out_the_models(monkeypatch)
    train_a_small_network_from_scratch(monkeypatch)
    namespace: dict[str, Any] = {"__name__": "__main__"}
    said = []
    with eagerly():
        for source in cells("code"):
            exec(compile(source, str(NOTEBOOK), "exec"), namespace)
            said.append(capsys.readouterr().out)
    assert said[1].startswith("50 images of cats, dogs\n")
    assert f"{NETWORK}: 32 x 32 pixels" in said[1]
    assert "activation sigmoid: validation accuracy" in said[2]
    assert "one sigmoid unit and two softmax units" in said[2]
    assert "with the last 5 layers" in said[3]
    assert "from scratch: " in said[4]
    assert said[5].startswith("test accuracy ")
    assert said[6].startswith("On 10 test images that took part in no choice, the precision of")
    assert f"An epoch of {NETWORK} from scratch on" in said[7]
    assert "within these epochs, transfer learning" in said[7]
    assert cells("markdown")[-2:] == [
        "## What precision was obtained?",
        "## What does transfer learning change about training?",
    ]
    begun = (tmp_path / "study" / "study.json").stat().st_mtime_ns
    exec(compile("\n".join(cells("code")[:2]), str(NOTEBOOK), "exec"), namespace)  # is gone on with
    assert namespace["study"].folder.facts()["resumed"]
    assert (tmp_path / "study" / "study.json").stat().st_mtime_ns > begun
