"""`POST /predict`: images as a browser or curl sends them, answers in plain JSON."""

from __future__ import annotations

import json
from typing import Any

from fastapi import APIRouter, Request, Response

from regraft.deployment.server import v2_schemas as schemas
from regraft.deployment.server.model import Answers
from regraft.deployment.server.models import Models
from regraft.deployment.server.multipart import Upload, uploads
from regraft.deployment.server.problems import RequestError
from regraft.deployment.server.requests import LARGE_FORM, MANY_NUMBERS, off_the_loop, read_body, unless_gone
from regraft.deployment.server.settings import ServerSettings
from regraft.errors import UnreadableImageError
from regraft.runs.prediction import answer


def people_router(models: Models, settings: ServerSettings) -> APIRouter:
    """The route `/predict`."""
    router = APIRouter(tags=["For people"])

    @router.post(
        "/predict",
        responses=schemas.responses(schemas.PREDICTIONS),
        response_class=Response,
        openapi_extra={"requestBody": schemas.PREDICT_BODY},
    )
    async def predict(request: Request, model: str | None = None) -> Response:
        """What is on images: a form with one or more files, or one image as the whole body.

        An image that cannot be read has its reason in place of an answer and does not keep the others from theirs.
        """
        models.get(model).check_room()  # a full queue refuses before the body is read
        content_type = request.headers.get("content-type", "")
        body = await read_body(request, settings)
        files = await off_the_loop(len(body) > LARGE_FORM, _files, body, content_type, settings.max_images)
        served = models.get(model)
        answers = await unless_gone(request.receive, served.answers([file.content for file in files]))
        many = len(answers.rows) * len(answers.classes) > MANY_NUMBERS
        predictions = await off_the_loop(many, _predictions, files, answers)
        content = {"model": served.name, "version": answers.version, "predictions": predictions}
        if all(isinstance(row, UnreadableImageError) for row in answers.rows):
            problem = f"None of the images can be read: {'; '.join(str(row) for row in answers.rows[:5])}"
            raise RequestError(400, problem, details=content)
        text = await off_the_loop(many, json.dumps, content)
        return Response(text, media_type="application/json")

    return router


def _files(body: bytes, content_type: str, most: int) -> list[Upload]:
    kind = content_type.partition(";")[0].strip().lower()
    if kind == "multipart/form-data":
        files = uploads(body, content_type, most)
        if not files:
            raise RequestError(400, "There is no file in the form.")
        return files
    if kind.startswith("image/") or kind == "application/octet-stream":
        return [Upload("image", body)]
    raise RequestError(415, "Expected a form (multipart/form-data) with image files, or one image (image/jpeg, …).")


def _predictions(files: list[Upload], answers: Answers) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for file, row in zip(files, answers.rows, strict=True):
        if isinstance(row, UnreadableImageError):
            found.append({"name": file.name, "error": str(row)})
            continue
        said = answer(file.name, answers.classes, row)
        found.append(
            {
                "name": file.name,
                "label": said.label,
                "probability": said.probability,
                "probabilities": said.probabilities,
            }
        )
    return found
