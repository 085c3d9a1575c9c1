"""InferenceServices for KServe: regraft's own server in a container, and KServe's runtimes for the exported files."""

from __future__ import annotations

from collections.abc import Sequence

_PORT = 8080

_HEAD = """\
# {what}
# To fill in: {fill}.
apiVersion: serving.kserve.io/v1beta1
kind: InferenceService
metadata:
  name: {name}
spec:
  predictor:
"""

_SERVER = """\
    containers:
      - name: kserve-container
        image: regraft
        command: ["regraft"]
        args: ["serve", "/mnt/models/{run}", "--host", "0.0.0.0", "--port", "{port}"]
        env:
          - name: STORAGE_URI
            value: pvc://models
        ports:
          - containerPort: {port}
            protocol: TCP
        readinessProbe:
          httpGet:
            path: /v2/health/ready
            port: {port}
          periodSeconds: 5
        livenessProbe:
          httpGet:
            path: /v2/health/live
            port: {port}
          initialDelaySeconds: 60
        resources:
          requests:
            cpu: "1"
            memory: 1Gi
          limits:
            cpu: "2"
            memory: 2Gi
"""

_RUNTIME = """\
    model:
      modelFormat:
        name: {format}
      runtime: {runtime}
      protocolVersion: {protocol}
      storageUri: pvc://models/{path}
      resources:
        requests:
          cpu: "1"
          memory: 1Gi
        limits:
          cpu: "2"
          memory: 2Gi
"""

# By export format: KServe's name of the format, its runtime, the protocol, and what `storageUri` names.
_RUNTIMES = {
    "onnx": ("triton", "kserve-tritonserver", "v2", "serving/triton/onnxruntime"),
    "openvino": ("openvino", "kserve-openvino", "v2", "serving/triton/openvino/{model}"),
    "saved-model": ("tensorflow", "kserve-tensorflow-serving", "v1", "serving/tensorflow-serving/{model}"),
}


def kserve_files(name: str, models: Sequence[tuple[str, str]]) -> dict[str, str]:
    """The YAML files by name: `regraft.yaml`, and one for each exported model that a runtime of KServe takes.

    The runtimes and the arguments they start their servers with are those of KServe's own `config/runtimes`
    (https://github.com/kserve/kserve/tree/master/config/runtimes): Triton is given `/mnt/models` as its model
    repository, OpenVINO Model Server and TensorFlow Serving take it for the folder of one model's versions. That
    `STORAGE_URI` has a custom container's model fetched to `/mnt/models` is KServe's convention, too.

    Args:
        name: of the run, of the signs `[a-z0-9-]`.
        models: name and export format of each model in `serving/`.
    """
    what = "regraft's own server, in a container made with regraft's Dockerfile"
    fill = "`image` as your registry calls it; `STORAGE_URI`, the place that holds the run folder"
    files = {
        "regraft.yaml": _HEAD.format(what=what, fill=fill, name=_dns_name(name)) + _SERVER.format(run=name, port=_PORT),
    }
    for model, kind in models:
        label, runtime, protocol, path = _RUNTIMES[kind]
        what = f"The exported model {model} in KServe's runtime {runtime}"
        fill = "`storageUri`, the place that holds the folder `serving` of the export"
        files[f"{model}.yaml"] = _HEAD.format(what=what, fill=fill, name=_dns_name(model)) + _RUNTIME.format(
            format=label, runtime=runtime, protocol=protocol, path=path.format(model=model)
        )
    return files


def _dns_name(name: str) -> str:
    """A name as Kubernetes takes it for a service (RFC 1035): a letter first, at most 50 signs, to leave room."""
    return (name if name[:1].isalpha() else f"model-{name}")[:50].strip("-")
