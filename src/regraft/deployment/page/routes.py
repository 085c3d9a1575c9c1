"""The routes of the page: its files, the answers it shows, the reports, the corrections."""

from __future__ import annotations

import hashlib
import math
from dataclasses import asdict
from typing import Any
from urllib.parse import quote

import numpy as np
from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import RedirectResponse, Response

from regraft.deployment.page.files import DATA_HEADERS, PAGE_HEADERS, REPORT_HEADERS, page_files
from regraft.deployment.page.tickets import Tickets
from regraft.deployment.page.tools import Toolbox, no_corrections
from regraft.deployment.server.model import ServedModel
from regraft.deployment.server.models import Models
from regraft.deployment.server.problems import RequestError
from regraft.deployment.server.requests import LARGE_FORM, off_the_loop, read_body, unless_gone
from regraft.deployment.server.settings import ServerSettings
from regraft.reports._words import shown

# What a report links to, by the name in the link; nothing else of a run folder is given out.
_LINKED = {
    "metrics.json": "application/json",
    "config.toml": "text/plain; charset=utf-8",
    "skipped.csv": "text/plain; charset=utf-8",
}
_NEAREST = 6


def page_router(models: Models, settings: ServerSettings) -> APIRouter:
    """The routes of the page, for `create_app`.

    They are the page's own and may change with it, so they are no part of the OpenAPI document. A picture is the body
    of a request, as it is; the model is named in the query and may be left out.

    Args:
        models: that are served.
        settings: limits, and where corrections are kept.
    """
    router = APIRouter(include_in_schema=False)
    box, tickets = Toolbox(settings.corrections, settings.max_pixels), Tickets()
    _add_files(router)
    _add_answers(router, models, settings, box)
    _add_corrections(router, models, settings, box)
    _add_reports(router, models, tickets)
    return router


def _add_files(router: APIRouter) -> None:
    files = page_files()  # now: a file that is exchanged under a running server would not fit the others

    @router.get("/")
    async def page() -> Response:
        file = files["index.html"]
        return Response(file.content, headers=PAGE_HEADERS, media_type=file.media_type)

    @router.get("/static/{name}")
    async def static(name: str) -> Response:
        if name not in files:
            raise RequestError(404, "There is no such file.")
        return Response(files[name].content, headers=PAGE_HEADERS, media_type=files[name].media_type)

    @router.get("/favicon.ico")
    async def icon() -> Response:
        file = files["icon.svg"]
        return Response(file.content, headers=PAGE_HEADERS, media_type=file.media_type)


def _add_answers(router: APIRouter, models: Models, settings: ServerSettings, box: Toolbox) -> None:
    @router.get("/page/models")
    async def about(response: Response) -> dict[str, Any]:
        """The models in their order, the default first, and the largest picture in bytes."""
        response.headers.update(DATA_HEADERS)
        found = [await run_in_threadpool(_about, box, models.get(name)) for name in models.names()]
        return {"models": found, "max_body": settings.max_body}

    @router.post("/page/answer")
    async def answer(request: Request, response: Response, model: str | None = None) -> dict[str, Any]:
        """The probability of each class, by its index, likeliest first; and the label it was given by hand, if any."""
        response.headers.update(DATA_HEADERS)
        served, content = models.get(model), await _body(request, settings)
        (row,) = await unless_gone(request.receive, served.probabilities([content]))
        sha256 = await off_the_loop(len(content) > LARGE_FORM, _sha256, content)
        corrections = await run_in_threadpool(box.corrections, served)  # the first time, it reads the folder
        label = corrections.label_of(sha256) if corrections is not None else None
        order = np.argsort(-row, kind="stable")
        return {
            "version": served.version,
            "sha256": sha256,
            "probabilities": [[int(index), float(row[index])] for index in order],
            "corrected": served.classes.index(label) if label in served.classes else None,
        }

    @router.post("/page/explain")
    async def explain(request: Request, response: Response, index: int, model: str | None = None) -> dict[str, Any]:
        """The heat map of a class: `values` row by row."""
        response.headers.update(DATA_HEADERS)
        served, content = models.get(model), await _body(request, settings)
        heat = await served.run_alone(box.of(served).explain, content, index)
        rows, columns = heat.values.shape
        values = [value if math.isfinite(value) else 0.0 for value in heat.values.ravel().tolist()]
        return {"rows": rows, "columns": columns, "values": values, "method": heat.method}

    @router.post("/page/neighbours")
    async def neighbours(request: Request, response: Response, model: str | None = None) -> dict[str, Any]:
        """The nearest training images, or the state of their preparation."""
        response.headers.update(DATA_HEADERS)
        served, content = models.get(model), await _body(request, settings)
        nearest = asdict(await served.run_alone(box.of(served).nearest, content, _NEAREST))
        for found in nearest["neighbours"]:
            found |= {"name": shown(found["name"]), "label": shown(found["label"])}
        return nearest

    @router.get("/page/neighbours/{model}/{sha256}")
    async def thumbnail(model: str, sha256: str) -> Response:
        tools = box.of(models.get(model))
        picture = await run_in_threadpool(tools.neighbours.thumbnail, sha256)
        if picture is None:
            raise RequestError(404, "There is no picture of this image.")
        headers = {**DATA_HEADERS, "Cache-Control": "private, max-age=86400, immutable"}
        return Response(picture, headers=headers, media_type="image/jpeg")


def _add_corrections(router: APIRouter, models: Models, settings: ServerSettings, box: Toolbox) -> None:
    @router.post("/page/corrections")
    async def correct(
        request: Request,
        response: Response,
        index: int | None = None,
        label: str | None = None,
        model: str | None = None,
    ) -> dict[str, Any]:
        """Keeps the picture under the class of that index or name."""
        response.headers.update(DATA_HEADERS)
        served, content = models.get(model), await _body(request, settings)
        name = _class(served, index, label)
        kept = await served.run_alone(box.correct, served, content, name)
        previous = served.classes.index(kept.previous) if kept.previous in served.classes else None
        return {"sha256": kept.sha256, "label": shown(kept.label), "previous": previous}

    @router.delete("/page/corrections/{model}/{sha256}")
    async def undo(model: str, sha256: str) -> Response:
        corrections = box.corrections(models.get(model))
        if corrections is None:
            raise no_corrections()
        if not await run_in_threadpool(corrections.remove, sha256):
            raise RequestError(404, "There is no such correction.")
        return Response(status_code=204, headers=DATA_HEADERS)


def _add_reports(router: APIRouter, models: Models, tickets: Tickets) -> None:
    @router.post("/page/report")
    async def ticket(response: Response, model: str | None = None) -> dict[str, str]:
        """An address under which a browser tab gets the report without the token, for some minutes."""
        response.headers.update(DATA_HEADERS)
        return {"path": f"/static/report/{tickets.new(models.get(model).name)}/"}

    @router.get("/report/{model}")
    async def redirect(model: str) -> Response:
        place = f"/report/{quote(models.get(model).name, safe='')}/"
        return RedirectResponse(place, 307, DATA_HEADERS)  # with a slash, so that its links lead into it

    @router.get("/report/{model}/")
    async def report(model: str) -> Response:
        return await run_in_threadpool(_report, models.get(model))

    @router.get("/report/{model}/{name}")
    async def linked(model: str, name: str) -> Response:
        return await run_in_threadpool(_linked, models.get(model), name)

    @router.get("/static/report/{ticket}/")
    async def report_by_ticket(ticket: str) -> Response:
        return await run_in_threadpool(_report, models.get(_of_ticket(tickets, ticket)))

    @router.get("/static/report/{ticket}/{name}")
    async def linked_by_ticket(ticket: str, name: str) -> Response:
        return await run_in_threadpool(_linked, models.get(_of_ticket(tickets, ticket)), name)


def _about(box: Toolbox, served: ServedModel) -> dict[str, Any]:
    corrections = box.corrections(served)
    return {
        "name": served.name,
        "version": served.version,
        **box.of(served).facts,
        "report": served.predictor.run.report.is_file(),
        "corrections": None if corrections is None else len(corrections),
    }


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


async def _body(request: Request, settings: ServerSettings) -> bytes:
    content = await read_body(request, settings)
    if not content:
        raise RequestError(400, "There is no image in the request.")
    return content


def _class(served: ServedModel, index: int | None, label: str | None) -> str:
    """One of the model's own classes, and nothing else, whatever was asked for."""
    if (index is None) == (label is None):
        raise RequestError(400, "A correction names one class: index=… or label=….")
    if label is not None and label in served.classes:
        return label
    if index is not None and 0 <= index < len(served.classes):
        return served.classes[index]
    raise RequestError(400, f"There is no such class: this model has {len(served.classes)}.")


def _of_ticket(tickets: Tickets, ticket: str) -> str:
    model = tickets.model(ticket)
    if model is None:
        raise RequestError(404, "This way to the report is closed: open it again from the page.")
    return model


def _report(served: ServedModel) -> Response:
    try:
        content = served.predictor.run.report.read_bytes()
    except OSError:
        raise RequestError(404, "This run has no report; `regraft report RUN --html` writes it.") from None
    return Response(content, headers=REPORT_HEADERS, media_type="text/html; charset=utf-8")


def _linked(served: ServedModel, name: str) -> Response:
    if name not in _LINKED:
        raise RequestError(404, "There is no such file.")
    try:
        content = (served.predictor.run.path / name).read_bytes()
    except OSError:
        raise RequestError(404, "This run has no such file.") from None
    return Response(content, headers=REPORT_HEADERS, media_type=_LINKED[name])
