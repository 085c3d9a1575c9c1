"""The Open Inference Protocol (KServe's V2) over REST.

Specification: https://github.com/kserve/open-inference-protocol, `specification/protocol/inference_rest.md`.
"""

from __future__ import annotations

from importlib.metadata import version as software
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from regraft.deployment.server import v2_schemas as schemas
from regraft.deployment.server.model import ServedModel
from regraft.deployment.server.models import Models
from regraft.deployment.server.requests import LARGE_JSON, MANY_NUMBERS, off_the_loop, read_body, unless_gone
from regraft.deployment.server.settings import ServerSettings
from regraft.deployment.server.v2_tensors import parse_request, response_body

EXTENSIONS = ("binary_tensor_data", "classification", "encoded_images")
"""The first two as Triton documents them; `encoded_images`: the input may also be BYTES, one image file an element."""

_LENGTH = "Inference-Header-Content-Length"


def v2_router(models: Models, settings: ServerSettings) -> APIRouter:
    """The routes below `/v2`."""
    router = APIRouter(tags=["Open Inference Protocol"])
    both = ("/v2/models/{model}", "/v2/models/{model}/versions/{version}")

    async def server() -> JSONResponse:
        """Name, version and extensions of the server."""
        return JSONResponse({"name": "regraft", "version": software("regraft"), "extensions": list(EXTENSIONS)})

    async def live() -> JSONResponse:
        """Whether the server answers at all."""
        return JSONResponse({"live": True})

    async def ready() -> JSONResponse:
        """Whether all models are ready; 503 while the server ends."""
        return JSONResponse({"live": True, "ready": models.ready}, 200 if models.ready else 503)

    async def metadata(model: str, version: str | None = None) -> JSONResponse:
        """A model's inputs and outputs."""
        return JSONResponse(_metadata(models.get(model, version)))

    async def model_ready(model: str, version: str | None = None) -> JSONResponse:
        """Whether a model is ready."""
        served = models.get(model, version)
        return JSONResponse({"name": served.name, "ready": models.ready}, 200 if models.ready else 503)

    async def infer(request: Request, model: str, version: str | None = None) -> Response:
        """Class probabilities and labels of images."""
        models.get(model, version).check_room()  # a full queue refuses before the body is read
        body = await read_body(request, settings)
        length = request.headers.get(_LENGTH)
        asked = await off_the_loop(len(body) > LARGE_JSON, parse_request, body, length, settings.max_images)
        served = models.get(model, version)
        answers = await unless_gone(request.receive, served.answers(asked.sources))
        many = len(answers.rows) * len(answers.classes) > MANY_NUMBERS
        content, json_length = await off_the_loop(many, response_body, asked, served.name, answers)
        if json_length is None:
            return Response(content, media_type="application/json")
        return Response(content, headers={_LENGTH: str(json_length)}, media_type="application/octet-stream")

    def get(path: str, function: Any, schema: dict[str, Any], **options: Any) -> None:
        router.get(path, responses=schemas.responses(schema), response_class=JSONResponse, **options)(function)

    get("/v2", server, schemas.SERVER)
    get("/v2/", server, schemas.SERVER, include_in_schema=False)
    get("/v2/health/live", live, schemas.LIVE)
    get("/v2/health/ready", ready, schemas.READY)
    for path in both:
        get(path, metadata, schemas.MODEL)
        get(f"{path}/ready", model_ready, schemas.MODEL_READY)
        router.post(
            f"{path}/infer",
            responses=schemas.responses(schemas.ANSWER, binary=True),
            response_class=Response,
            openapi_extra={"requestBody": schemas.INFER_BODY},
        )(infer)
    return router


def _metadata(model: ServedModel) -> dict[str, Any]:
    return {
        "name": model.name,
        "versions": [model.version],
        "platform": "regraft_openvino",
        "inputs": [{"name": "image", "datatype": "UINT8", "shape": [-1, -1, -1, 3]}],
        "outputs": [
            {"name": "probabilities", "datatype": "FP32", "shape": [-1, len(model.classes)]},
            {"name": "label", "datatype": "BYTES", "shape": [-1]},
        ],
    }
