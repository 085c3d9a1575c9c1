from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest

from regraft.transfer import preparation
from regraft.transfer.preparation import Costs, Preparation


def test_a_process_that_knows_nothing_of_a_candidate() -> None:
    with Preparation() as process:
        process.begin_graph("Nothing")
        process.begin_count("Nothing")
        process.rest()
        assert process.costs("Nothing") == Costs(None, None)
        process._process.kill()
        process.begin_graph("Nothing")  # it has ended: nothing to wait for
        process.rest()
        assert process.costs("Other") == Costs(None, None)


def test_the_other_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    import keras

    pixels = keras.Input((9, 9, 3), dtype="uint8")
    maps = keras.layers.Conv2D(4, 3, use_bias=False)(keras.layers.Rescaling(1 / 255)(pixels))
    path = str(tmp_path / "small.keras")
    keras.Model(pixels, keras.layers.Dense(2)(keras.layers.GlobalAveragePooling2D()(maps))).save(path)
    built = []
    monkeypatch.setattr(preparation, "base_graph", lambda base, in_process: built.append((base.spelling, in_process)))
    lines = [["count", path], ["graph", path], ["graph", "Nothing"]]
    monkeypatch.setattr(sys, "stdin", io.StringIO("\n".join(map(json.dumps, lines))))
    preparation._serve()
    answers = [json.loads(line) for line in capsys.readouterr().out.split("\x1e")[1:]]
    # 7 × 7 places, 3 × 3 × 3 products, 4 filters; the last layer is not part of the base.
    assert answers[0] == {"backbone": path, "macs": 49 * 27 * 4, "parameters": 108}
    assert [answer["backbone"] for answer in answers] == [path, path, "Nothing"]
    assert built == [(path, True)]
