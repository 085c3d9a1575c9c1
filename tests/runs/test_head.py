from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from regraft.errors import InputError
from regraft.runs.head import SavedHead, read_head, write_head


def test_a_head_comes_back(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    kernel, bias = generator.normal(size=(7, 3)).astype(np.float32), generator.normal(size=3).astype(np.float32)
    head = SavedHead(kernel, bias, "softmax", "MobileNetV2@96", "ab" * 32, (96, 96), "bf16")
    write_head(tmp_path / "head.safetensors", head)
    again = read_head(tmp_path / "head.safetensors")
    assert np.array_equal(again.kernel, kernel)
    assert np.array_equal(again.bias, bias)
    names = ("activation", "backbone", "base", "size", "precision")
    assert [getattr(again, name) for name in names] == [getattr(head, name) for name in names]


def test_other_files_are_refused(tmp_path: Path) -> None:
    from safetensors.numpy import save_file

    (tmp_path / "text.safetensors").write_text("no tensors")
    save_file({"kernel": np.zeros((2, 2), np.float32)}, tmp_path / "other.safetensors")
    for name in ("text", "other", "nowhere"):
        with pytest.raises(InputError, match="no finished run"):
            read_head(tmp_path / f"{name}.safetensors")


def test_others_may_read_it_as_any_file(tmp_path: Path) -> None:
    zeros = np.zeros((1, 1), np.float32)
    write_head(tmp_path / "head.safetensors", SavedHead(zeros, zeros[0], "softmax", "VGG16", "ab", (9, 9), "f32"))
    (tmp_path / "usual").touch()
    assert (tmp_path / "head.safetensors").stat().st_mode == (tmp_path / "usual").stat().st_mode
