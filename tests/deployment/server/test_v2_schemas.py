from __future__ import annotations

from typing import Any

from regraft.deployment.server import v2_schemas as schemas


def matches(value: Any, schema: dict[str, Any]) -> bool:
    """Enough of JSON Schema for what is used here."""
    if "anyOf" in schema:
        return any(matches(value, each) for each in schema["anyOf"])
    kinds = {"string": str, "boolean": bool, "integer": int, "number": (int, float), "array": list, "object": dict}
    if "type" in schema and not isinstance(value, kinds[schema["type"]]):
        return False
    if isinstance(value, list):
        return all(matches(each, schema.get("items", {})) for each in value)
    if isinstance(value, dict):
        properties = schema.get("properties", {})
        missing = set(schema.get("required", [])) - set(value)
        return not missing and all(matches(value[key], properties[key]) for key in properties if key in value)
    return True


def test_a_request_and_an_error_as_they_are_meant() -> None:
    request = schemas.INFER_BODY["content"]["application/json"]["schema"]  # type: ignore[index]
    good: dict[str, Any] = {"inputs": [{"name": "image", "shape": [1], "datatype": "BYTES", "data": [""]}]}
    assert matches(good, request)
    assert not matches({}, request)
    assert not matches({"inputs": [{"name": "image"}]}, request)
    assert matches({"error": "no"}, schemas.ERROR)
    assert not matches({"detail": "no"}, schemas.ERROR)


def test_every_route_documents_errors() -> None:
    for status in ("4XX", "5XX"):
        content = schemas.responses(schemas.LIVE)[status]["content"]
        assert content["application/json"]["schema"] == schemas.ERROR
    assert "application/octet-stream" in schemas.responses(schemas.ANSWER, binary=True)[200]["content"]
