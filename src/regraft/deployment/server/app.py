"""The server as a FastAPI application: every route, and what stands before them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from importlib.metadata import version
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse
from starlette.exceptions import HTTPException

from regraft.deployment.page.routes import page_router
from regraft.deployment.server.auth import Guard
from regraft.deployment.server.documents import documentation_page
from regraft.deployment.server.limits import BodyLimit
from regraft.deployment.server.metrics import CONTENT_TYPE, Measured
from regraft.deployment.server.models import Models
from regraft.deployment.server.people import people_router
from regraft.deployment.server.problems import RequestError, error_response
from regraft.deployment.server.settings import ServerSettings
from regraft.deployment.server.v2 import v2_router
from regraft.errors import InputError


def create_app(models: Models, settings: ServerSettings) -> FastAPI:
    """The application; `app.state` holds `models` and `settings`.

    While it runs, the run folders are watched; when it ends, the models are closed.
    """

    @asynccontextmanager
    async def running(app: FastAPI) -> AsyncIterator[None]:
        watch = asyncio.create_task(models.watch()) if settings.watch else None
        yield
        if watch is not None:
            watch.cancel()
            with suppress(asyncio.CancelledError):
                await watch
        await asyncio.to_thread(models.close)

    app = FastAPI(
        title="regraft",
        version=version("regraft"),
        description="Image classifiers made by regraft, over the Open Inference Protocol and for people.",
        lifespan=running,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.state.models, app.state.settings = models, settings
    _answer_errors(app)
    _add_documents(app, models)
    app.include_router(v2_router(models, settings))
    app.include_router(people_router(models, settings))
    app.include_router(page_router(models, settings))
    # The last is the outermost: what the guard refuses is counted, too.
    app.add_middleware(BodyLimit, settings=settings)
    app.add_middleware(Guard, settings=settings)
    app.add_middleware(Measured, metrics=models.metrics)
    return app


def _add_documents(app: FastAPI, models: Models) -> None:
    @app.get("/docs", include_in_schema=False)
    async def docs() -> HTMLResponse:
        return HTMLResponse(documentation_page(app.openapi()))

    @app.get("/metrics", include_in_schema=False)
    async def metrics() -> Response:
        return Response(models.metrics.text(), headers={"content-type": CONTENT_TYPE})


def _answer_errors(app: FastAPI) -> None:
    """Every error is `{"error": …}`, the framework's own ones too."""

    @app.exception_handler(RequestError)
    async def refused(_: Request, error: RequestError) -> JSONResponse:
        return error_response(error)

    @app.exception_handler(InputError)
    async def wrong(_: Request, error: InputError) -> JSONResponse:
        return JSONResponse({"error": str(error)}, 400)

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> JSONResponse:
        told = "; ".join(f"{'.'.join(map(str, part['loc']))}: {part['msg']}" for part in error.errors()[:5])
        return JSONResponse({"error": told}, 400)

    @app.exception_handler(HTTPException)
    async def framework(_: Request, error: HTTPException) -> JSONResponse:
        return JSONResponse({"error": str(error.detail)}, error.status_code, error.headers)

    @app.exception_handler(Exception)
    async def fault(_: Request, error: Exception) -> JSONResponse:
        # What it was goes to the log with its traceback, not to the client.
        content: dict[str, Any] = {"error": "This is a fault of the server; its log has more."}
        return JSONResponse(content, 500)
