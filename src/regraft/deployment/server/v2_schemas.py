"""The JSON of the server, as its OpenAPI document describes it."""

from __future__ import annotations

from typing import Any

_TEXT = {"type": "string"}
_SHAPE = {"type": "array", "items": {"type": "integer"}}
_PARAMETERS = {"type": "object", "additionalProperties": True}


def _object(required: dict[str, Any], **optional: Any) -> dict[str, Any]:
    return {"type": "object", "properties": {**required, **optional}, "required": list(required)}


def _list(items: dict[str, Any], **limits: int) -> dict[str, Any]:
    return {"type": "array", "items": items, **limits}


ERROR = _object({"error": _TEXT})

_METADATA_TENSOR = _object({"name": _TEXT, "datatype": _TEXT, "shape": _SHAPE})

SERVER = _object({"name": _TEXT, "version": _TEXT, "extensions": _list(_TEXT)})
LIVE = _object({"live": {"type": "boolean"}})
READY = _object({"live": {"type": "boolean"}, "ready": {"type": "boolean"}})
MODEL_READY = _object({"name": _TEXT, "ready": {"type": "boolean"}})
MODEL = _object(
    {
        "name": _TEXT,
        "versions": _list(_TEXT),
        "platform": _TEXT,
        "inputs": _list(_METADATA_TENSOR),
        "outputs": _list(_METADATA_TENSOR),
    }
)
ANSWER = _object(
    {
        "model_name": _TEXT,
        "model_version": _TEXT,
        "outputs": _list(
            _object({"name": _TEXT, "datatype": _TEXT, "shape": _SHAPE}, data=_list({}), parameters=_PARAMETERS)
        ),
    },
    id=_TEXT,
)

_INPUT = _object(
    {
        "name": {"type": "string", "enum": ["image"]},
        "shape": _list({"type": "integer", "minimum": 1}, minItems=1, maxItems=4)
        | {"description": "[n] or [n, 1] for BYTES, [n, height, width, 3] for UINT8."},
        "datatype": {"type": "string", "enum": ["BYTES", "UINT8"]},
    },
    data=_list({}) | {"description": "BYTES: image files in base64. UINT8: RGB values, nested or flat."},
    parameters=_PARAMETERS
    | {"properties": {"binary_data_size": {"type": "integer", "minimum": 0}}, "description": "binary_tensor_data"},
)
_OUTPUT = _object(
    {"name": {"type": "string", "enum": ["probabilities", "label"]}},
    parameters=_PARAMETERS
    | {"properties": {"binary_data": {"type": "boolean"}, "classification": {"type": "integer", "minimum": 0}}},
)
_REQUEST = _object(
    {"inputs": _list(_INPUT, minItems=1, maxItems=1)},
    id=_TEXT,
    outputs=_list(_OUTPUT, maxItems=2),
    parameters=_PARAMETERS | {"properties": {"binary_data_output": {"type": "boolean"}}},
)
INFER_BODY = {
    "required": True,
    "content": {
        "application/json": {"schema": _REQUEST},
        "application/octet-stream": {"schema": {"type": "string", "format": "binary"}},
    },
}

_PREDICTION = {
    "anyOf": [
        _object(
            {
                "name": _TEXT,
                "label": _TEXT,
                "probability": {"type": "number"},
                "probabilities": {"type": "object", "additionalProperties": {"type": "number"}},
            }
        ),
        _object({"name": _TEXT, "error": _TEXT}),
    ]
}
PREDICTIONS = _object({"model": _TEXT, "version": _TEXT, "predictions": _list(_PREDICTION)})
PREDICT_BODY = {
    "required": True,
    "content": {
        "multipart/form-data": {
            "schema": _object({"image": _list({"type": "string", "format": "binary"}, minItems=1)}),
        },
        "image/*": {"schema": {"type": "string", "format": "binary"}},
    },
}


def responses(schema: dict[str, Any], *, binary: bool = False) -> dict[int | str, dict[str, Any]]:
    """The `responses` of a route: JSON of a schema (and, with `binary`, tensors behind it), or an error."""
    content = {"application/json": {"schema": schema}}
    if binary:
        content["application/octet-stream"] = {"schema": {"type": "string", "format": "binary"}}
    error = {"application/json": {"schema": ERROR}}
    return {
        200: {"description": "The answer.", "content": content},
        "4XX": {"description": "The request cannot be answered as it is.", "content": error},
        "5XX": {"description": "The server cannot answer now.", "content": error},
    }
