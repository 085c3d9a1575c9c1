"""The protocol, asked by a client that nobody here wrote: Triton's."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tritonclient.http as triton
from served_models import CLASSES, Served, picture
from tritonclient.utils import InferenceServerException

from regraft.deployment.server.models import Models
from regraft.deployment.server.running import listen, make_server
from regraft.deployment.server.settings import ServerSettings
from regraft.runs.folder import RunFolder
from regraft.runs.prediction import Predictor


@pytest.fixture(scope="module")
def address(small_run: RunFolder) -> Iterator[str]:
    """A server of a real run, under two names, on a port of its own."""
    settings = ServerSettings(port=0)
    models = Models({"small": small_run.path, "again": small_run.path}, settings)
    bound = listen(settings)
    server = make_server(models, settings)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]})
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield f"127.0.0.1:{bound.getsockname()[1]}"
    server.should_exit = True
    thread.join(20)


@pytest.fixture
def client(address: str) -> Iterator[Any]:
    with triton.InferenceServerClient(address) as made:
        yield made


def files(photos: Path) -> list[bytes]:
    return [path.read_bytes() for path in sorted(photos.rglob("*.jpg"))[::20]]


def as_objects(contents: list[bytes], column: bool = False) -> Any:
    array = np.empty(len(contents), object)
    array[:] = contents
    return array[:, None] if column else array


def test_health_and_metadata(client: Any) -> None:
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready("small")
    assert client.is_model_ready("again", "1")
    assert not client.is_model_ready("again", "2")
    assert not client.is_model_ready("nobody")
    server = client.get_server_metadata()
    assert server["name"] == "regraft"
    assert {"binary_tensor_data", "classification"} <= set(server["extensions"])
    assert client.get_model_metadata("small", "1") == {
        "name": "small",
        "versions": ["1"],
        "platform": "regraft_openvino",
        "inputs": [{"name": "image", "datatype": "UINT8", "shape": [-1, -1, -1, 3]}],
        "outputs": [
            {"name": "probabilities", "datatype": "FP32", "shape": [-1, 3]},
            {"name": "label", "datatype": "BYTES", "shape": [-1]},
        ],
    }


@pytest.mark.parametrize("packed", [None, "gzip", "deflate"])
def test_image_files(client: Any, small_predictor: Predictor, photos: Path, packed: str | None) -> None:
    contents = files(photos)
    expected = small_predictor.probabilities([small_predictor.seen(content) for content in contents])
    for column in (False, True):
        array = as_objects(contents, column)
        tensor = triton.InferInput("image", list(array.shape), "BYTES")
        tensor.set_data_from_numpy(array)
        result = client.infer("small", [tensor], request_id="a-1", request_compression_algorithm=packed)
        assert result.get_response()["id"] == "a-1"
        assert result.get_response()["model_version"] == "1"
        np.testing.assert_allclose(result.as_numpy("probabilities"), expected, atol=1e-6)
        best = [small_predictor.classes[index].encode() for index in expected.argmax(axis=1)]
        assert result.as_numpy("label").tolist() == best


@pytest.mark.parametrize("binary_in", [True, False])
@pytest.mark.parametrize("binary_out", [True, False])
def test_pixels(client: Any, small_predictor: Predictor, binary_in: bool, binary_out: bool) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (3, 9, 7, 3), np.uint8)
    expected = small_predictor.probabilities([small_predictor.seen(image) for image in pixels])
    tensor = triton.InferInput("image", list(pixels.shape), "UINT8")
    tensor.set_data_from_numpy(pixels, binary_data=binary_in)
    outputs = [triton.InferRequestedOutput(name, binary_data=binary_out) for name in ("label", "probabilities")]
    result = client.infer("again", [tensor], model_version="1", outputs=outputs)
    assert [output["name"] for output in result.get_response()["outputs"]] == ["label", "probabilities"]
    np.testing.assert_allclose(result.as_numpy("probabilities"), expected, atol=1e-6)
    labels = [label.decode() if binary_out else label for label in result.as_numpy("label").tolist()]
    assert labels == [small_predictor.classes[index] for index in expected.argmax(axis=1)]


def test_only_the_outputs_that_are_asked_for_and_the_likeliest_classes(client: Any, small_predictor: Predictor) -> None:
    pixels = np.full((1, 8, 8, 3), 90, np.uint8)
    tensor = triton.InferInput("image", [1, 8, 8, 3], "UINT8").set_data_from_numpy(pixels)
    result = client.infer("small", [tensor], outputs=[triton.InferRequestedOutput("probabilities", class_count=2)])
    assert result.as_numpy("label") is None
    row = small_predictor.probabilities([small_predictor.seen(pixels[0])])[0]
    for text, index in zip(result.as_numpy("probabilities")[0].tolist(), np.argsort(-row)[:2], strict=True):
        value, number, label = text.decode().split(":")
        assert (int(number), label) == (index, small_predictor.classes[index])
        assert float(value) == pytest.approx(row[index], abs=1e-6)


def test_errors_are_told(client: Any) -> None:
    tensor = triton.InferInput("image", [1], "BYTES").set_data_from_numpy(as_objects([b"no image"]))
    good = triton.InferInput("image", [1], "BYTES").set_data_from_numpy(as_objects([picture()]))
    other = triton.InferInput("picture", [1], "BYTES").set_data_from_numpy(as_objects([picture()]))
    for arguments, status, message in (
        (("small", [tensor]), "400", "cannot be read: not an image"),
        (("nobody", [good]), "404", "no model 'nobody' here, but 'small', 'again'"),
        (("small", [good], "7"), "404", "version 1, not in '7'"),
        (("small", [other]), "400", "'image' is expected"),
    ):
        with pytest.raises(InferenceServerException, match=message) as caught:
            client.infer(*arguments)
        assert caught.value.status() == status
    with pytest.raises(InferenceServerException, match="each of probabilities, label once"):
        client.infer("small", [good], outputs=[triton.InferRequestedOutput("logits")])
    with pytest.raises(InferenceServerException) as caught:
        client.get_model_config("small")  # an extension that is not announced
    assert caught.value.status() == "404"


def test_the_protocol_in_plain_json(server: Served) -> None:
    """What the client leaves out: base64, no optional member, both addresses of the server's metadata."""
    data = [base64.b64encode(picture((0, 0, 250))).decode()]
    body = {"inputs": [{"name": "image", "shape": [1], "datatype": "BYTES", "data": data}]}
    for path in ("/v2/models/colours/infer", "/v2/models/again/versions/1/infer"):
        answer = server.ask("POST", path, json.dumps(body).encode())
        assert (answer.status, answer.headers["content-type"]) == (200, "application/json")
        probabilities, label = answer.json["outputs"]
        assert label == {"name": "label", "datatype": "BYTES", "shape": [1], "data": ["blue"]}
        assert (probabilities["shape"], len(probabilities["data"])) == ([1, len(CLASSES)], 3)
        assert "id" not in answer.json
    assert server.ask("GET", "/v2").json == server.ask("GET", "/v2/").json
    assert server.ask("GET", "/v2/health/live").json == {"live": True}
    assert server.ask("GET", "/v2/models/colours/ready").json == {"name": "colours", "ready": True}


def test_while_the_server_ends_it_is_alive_and_not_ready(server: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server.models, "draining", True)
    assert server.ask("GET", "/v2/health/live").status == 200
    answer = server.ask("GET", "/v2/health/ready")
    assert (answer.status, answer.json) == (503, {"live": True, "ready": False})
    assert server.ask("GET", "/v2/models/colours/ready").status == 503
