"""The programs of a model card, run on tiny models made here: the answer is the channel that is brightest."""

from __future__ import annotations

import ast
import base64
import contextlib
import io
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from regraft.reports._card_usage import export_usages, format_title, snippet

# A LiteRT model, packed: softmax of the channels' means over 255, from uint8 (1, 8, 8, 3). Making it takes TensorFlow.
CHANNELS = (
    "c-nPTzi(1e82x}(r1S-`K9N=iVmfr9g5uIa3APDMX-y>##)OjcQlAO04Lq83F_<{Gnm9TzFgOt7;OL)V983oX2S)w?$LjUmd%yRf#NOoO-uH3O"
    "`F>t9L{!_{zH3pIGL$BZl4QabBLioGO~V8BLqx~Gz#xi{USZ%K02BQZLd^5|I#Ax-dAhOpq_VqHuWr;zk4m)?bWNolQ$8klTaH_AcU{kE+4U2<"
    "-Eodwio-qzM!+}V3orx*zz5(x$0apB{S`v)`#_Roi%}x*C2cFp8dbI^^W-vvybYE6+v4r<abfFSg!3~Li>Qz*<a2k3mWB2uHS@Xq(iE)zxex>3"
    "BQOLu`L2v1#Cp%zCh@x0TR+3SpTJdoSGOyB+47N#8hCayr#O~UP6ScP_!DfGy)khq30NVm*=jg0vHls?>G71#GV3g`PDY15FZV3@y`9vFsP`bm"
    "HIVxp@Etj5J-U%(ZJAsDj}ZPHzjmRS_!p+)$GYY7<-HN}4d(kjAWVZlmvOGA$(%^wL+{b4?<>G(d^`uvasCRt0UolCADA0?J<0u)_tU@&*rkt3"
    ")5cJGr~a(_{^H^yFUqy+gSRN>vfZ_t&dECOYp3~({H+=O9M@pPb6m9>?yS#OGaQ3C7SB_;(eY@i=KdR#+?UL?n8WWkEZ;;8zoppcTH9`R4?H}-"
    "y5lyT1G_VsTcVWeA@LOY6;5&K{kXzhiy?Hc{jV0mYe}j9oST>ErMVZ}%Sc+~W~lsRy_{C#(7q&JgL}Nf`TGA)OImAbEOei+7JuWss?V#YnonIt"
    "IbTI>Fa85Xt-4_"
)
FORMATS = ("onnx", "openvino", "litert", "saved-model", "keras")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a green photo and three labels, in which the programs run."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "labels.txt").write_text("red\ngreen\nblue\n")
    Image.new("RGB", (40, 30), (20, 200, 40)).save("photo.jpg")
    return tmp_path


def answer(program: str) -> str:
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(program, "<the card>", "exec"), {"__name__": "__main__"})
    label, probability = printed.getvalue().split()
    assert 0.3 < float(probability) <= 1
    return label


def test_onnx(place: Path) -> None:
    import onnx
    from onnx import TensorProto, helper

    nodes = [
        helper.make_node("Cast", ["image"], ["float"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["float", "axes"], ["mean"], keepdims=0),
        helper.make_node("Div", ["mean", "range"], ["scaled"]),
        helper.make_node("Softmax", ["scaled"], ["probabilities"]),
    ]
    graph = helper.make_graph(
        nodes,
        "channels",
        [helper.make_tensor_value_info("image", TensorProto.UINT8, ["n", "h", "w", 3])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["n", 3])],
        [
            helper.make_tensor("axes", TensorProto.INT64, [2], [1, 2]),
            helper.make_tensor("range", TensorProto.FLOAT, [1], [255.0]),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    onnx.save(model, place / "model.onnx")
    assert answer(snippet("onnx", "model.onnx", (8, 8), any_size=True, columns=2)) == "green"


def test_openvino(place: Path) -> None:
    import openvino
    from openvino import opset13 as ops

    image = ops.parameter([-1, -1, -1, 3], np.uint8, name="image")
    image.output(0).get_tensor().set_names({"image"})
    mean = ops.reduce_mean(ops.convert(image, "f32"), np.array([1, 2]), keep_dims=False)
    probabilities = ops.softmax(ops.divide(mean, np.float32(255)), 1)
    probabilities.output(0).get_tensor().set_names({"probabilities"})
    (place / "openvino").mkdir()
    openvino.save_model(openvino.Model([probabilities], [image]), place / "openvino" / "model.xml")
    (_, text), *_ = export_usages(
        [{"format": "openvino", "precision": "f32", "file": "openvino", "any_size": True}], (8, 8), 2
    )
    assert answer(text.split("```python\n")[1].removesuffix("```")) == "green"


def test_litert(place: Path) -> None:
    (place / "model.tflite").write_bytes(zlib.decompress(base64.b85decode(CHANNELS)))
    assert answer(snippet("litert", "model.tflite", (8, 8), any_size=False, columns=2)) == "green"


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("any_size", [True, False])
def test_every_program_can_be_compiled_and_reads_the_file(name: str, any_size: bool) -> None:
    program = snippet(name, "the file", (8, 6), any_size=any_size, columns=1)
    ast.parse(program)
    assert '"the file"' in program
    assert ("read_image" in program) != any_size
    assert "(8, 6)" in program or any_size
    assert "1 - probabilities" in program


def test_one_usage_a_format_on_the_most_exact_file() -> None:
    exports = [
        {"format": "onnx", "precision": "int8", "file": "model.int8.onnx", "any_size": True},
        {"format": "onnx", "precision": "f32", "file": "model.onnx", "any_size": True},
        {"format": "keras", "precision": "f32", "file": "model.keras", "any_size": False},
        {"format": "new", "precision": "f32", "file": "model.new", "any_size": False},
    ]
    usages = dict(export_usages(exports, (8, 8), 1))
    assert set(usages) == {"ONNX Runtime", "Keras"}
    assert '"model.onnx"' in usages["ONNX Runtime"]
    assert "1 - probabilities" not in usages["ONNX Runtime"]
    assert "1 - probabilities" in usages["Keras"]
    assert format_title("new") == "new"
