from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from regraft.errors import InputError
from regraft.runs.head import SavedHead, read_head, write_head
from regraft.training.settings import HeadSettings
from regraft.training.weights import HeadWeights, initial_heads


def test_a_head_comes_back(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    kernel, bias = generator.normal(size=(7, 3)).astype(np.float32), generator.normal(size=3).astype(np.float32)
    head = SavedHead(HeadWeights.linear(kernel, bias), "softmax", "MobileNetV2@96", "ab" * 32, (96, 96), "bf16")
    write_head(tmp_path / "head.safetensors", head)
    again = read_head(tmp_path / "head.safetensors")
    assert np.array_equal(again.kernel, kernel)
    assert np.array_equal(again.bias, bias)
    names = ("activation", "backbone", "base", "size", "precision")
    assert [getattr(again, name) for name in names] == [getattr(head, name) for name in names]


def test_a_head_with_hidden_layers_comes_back(tmp_path: Path) -> None:
    (weights,) = initial_heads([HeadSettings(0.1, hidden=(5, 4), hidden_activation="swish")], 7, 3)
    write_head(tmp_path / "head.safetensors", SavedHead(weights, "softmax", "VGG16", "ab", (9, 9), "f32", dropout=0.25))
    again = read_head(tmp_path / "head.safetensors")
    assert (again.weights.hidden, again.weights.hidden_activation, again.dropout) == ((5, 4), "swish", 0.25)
    assert np.array_equal(again.weights.flat(), weights.flat())
    with pytest.raises(InputError, match="hidden layers"):
        _ = again.kernel


def test_linear_heads_are_written_as_they_always_were(tmp_path: Path) -> None:
    """So that files written before there were hidden layers are read, and read by what was there before."""
    from safetensors import safe_open
    from safetensors.numpy import save_file

    kernel, bias = np.ones((2, 3), np.float32), np.zeros(3, np.float32)
    facts = {"activation": "softmax", "backbone": "VGG16", "base": "ab", "size": [9, 8], "precision": "f32"}
    save_file({"kernel": kernel, "bias": bias}, tmp_path / "old.safetensors", {"regraft": json.dumps(facts)})
    old = read_head(tmp_path / "old.safetensors")
    assert (old.size, old.dropout, old.weights.hidden) == ((9, 8), 0.0, ())
    write_head(tmp_path / "new.safetensors", old)
    with safe_open(tmp_path / "new.safetensors", framework="numpy") as file:
        assert sorted(file.keys()) == ["bias", "kernel"]
        assert json.loads(file.metadata()["regraft"]) == facts


def test_an_activation_that_is_not_known_is_refused(tmp_path: Path) -> None:
    (weights,) = initial_heads([HeadSettings(0.1, hidden=(5,))], 7, 3)
    head = SavedHead(HeadWeights(weights.layers, "evil"), "softmax", "VGG16", "ab", (9, 9), "f32")  # type: ignore[arg-type]
    write_head(tmp_path / "head.safetensors", head)
    with pytest.raises(InputError, match=r"(?s)no finished run.*'evil'"):
        read_head(tmp_path / "head.safetensors")


def test_other_files_are_refused(tmp_path: Path) -> None:
    from safetensors.numpy import save_file

    (tmp_path / "text.safetensors").write_text("no tensors")
    save_file({"kernel": np.zeros((2, 2), np.float32)}, tmp_path / "other.safetensors")
    for name in ("text", "other", "nowhere"):
        with pytest.raises(InputError, match="no finished run"):
            read_head(tmp_path / f"{name}.safetensors")


def test_others_may_read_it_as_any_file(tmp_path: Path) -> None:
    zeros = np.zeros((1, 1), np.float32)
    write_head(
        tmp_path / "head.safetensors",
        SavedHead(HeadWeights.linear(zeros, zeros[0]), "softmax", "VGG16", "ab", (9, 9), "f32"),
    )
    (tmp_path / "usual").touch()
    assert (tmp_path / "head.safetensors").stat().st_mode == (tmp_path / "usual").stat().st_mode
