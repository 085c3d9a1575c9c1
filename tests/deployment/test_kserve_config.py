from __future__ import annotations

import re

import yaml

from regraft.deployment.kserve_config import kserve_files

MODELS = [("flowers-onnx", "onnx"), ("flowers-openvino", "openvino"), ("flowers-saved-model", "saved-model")]


def test_every_file_is_an_inference_service() -> None:
    files = kserve_files("flowers", MODELS)
    assert set(files) == {"regraft.yaml", *(f"{name}.yaml" for name, _ in MODELS)}
    for text in files.values():
        service = yaml.safe_load(text)
        assert (service["apiVersion"], service["kind"]) == ("serving.kserve.io/v1beta1", "InferenceService")
        assert set(service) == {"apiVersion", "kind", "metadata", "spec"}
        assert list(service["spec"]) == ["predictor"]


def test_the_container_runs_our_own_server_on_one_port() -> None:
    service = yaml.safe_load(kserve_files("flowers", [])["regraft.yaml"])
    (container,) = service["spec"]["predictor"]["containers"]
    assert container["name"] == "kserve-container"
    assert container["command"] + container["args"] == [
        "regraft", "serve", "/mnt/models/flowers", "--host", "0.0.0.0", "--port", "8080",
    ]  # fmt: skip
    assert container["ports"][0]["containerPort"] == 8080
    probes = [container[name]["httpGet"] for name in ("readinessProbe", "livenessProbe")]
    assert [(probe["path"], probe["port"]) for probe in probes] == [
        ("/v2/health/ready", 8080),
        ("/v2/health/live", 8080),
    ]
    assert [variable["name"] for variable in container["env"]] == ["STORAGE_URI"]


def test_each_format_has_its_runtime_and_protocol() -> None:
    files = kserve_files("flowers", MODELS)
    models = {name: yaml.safe_load(files[f"{name}.yaml"])["spec"]["predictor"]["model"] for name, _ in MODELS}
    assert {
        name: (model["modelFormat"]["name"], model["runtime"], model["protocolVersion"], model["storageUri"])
        for name, model in models.items()
    } == {
        "flowers-onnx": ("triton", "kserve-tritonserver", "v2", "pvc://models/serving/triton/onnxruntime"),
        "flowers-openvino": (
            "openvino", "kserve-openvino", "v2", "pvc://models/serving/triton/openvino/flowers-openvino",
        ),
        "flowers-saved-model": (
            "tensorflow", "kserve-tensorflow-serving", "v1",
            "pvc://models/serving/tensorflow-serving/flowers-saved-model",
        ),
    }  # fmt: skip


def test_names_are_those_that_kubernetes_takes() -> None:
    for name in ("flowers", "17-flowers", "a" * 80, "a" * 49 + "-b"):
        service = yaml.safe_load(kserve_files(name, [])["regraft.yaml"])
        assert re.fullmatch("[a-z]([-a-z0-9]{0,48}[a-z0-9])?", service["metadata"]["name"])
