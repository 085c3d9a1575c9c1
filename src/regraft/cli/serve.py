"""`regraft serve`."""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from regraft.cli._output import note
from regraft.errors import InputError, MissingPackageError

_PACKAGES = ("fastapi", "uvicorn", "httptools", "python_multipart", "prometheus_client")


def serve(
    runs: Annotated[list[Path], typer.Argument(help="Run folders; the first answers where no model is named.")],
    name: Annotated[
        list[str] | None, typer.Option(help="A model's name, once for each run. Default: its folder's.")
    ] = None,
    host: Annotated[str, typer.Option(help="The address to listen on; 0.0.0.0 for the whole network.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port; 0 takes a free one.")] = 8000,
    token_file: Annotated[
        Path | None, typer.Option(help="A file with the token that clients must send. Default: $REGRAFT_TOKEN, if set.")
    ] = None,
    max_batch: Annotated[int, typer.Option(min=1, help="Images in one forward pass.")] = 16,
    queue: Annotated[int, typer.Option(min=1, help="Images of a model that may wait; beyond, 429.")] = 256,
    timeout: Annotated[float, typer.Option(help="Seconds that a request may take; beyond, 504.")] = 30.0,
    max_body_mb: Annotated[int, typer.Option(min=1, help="MiB that a request may have; beyond, 413.")] = 32,
    max_megapixels: Annotated[float, typer.Option(help="Of one picture.")] = 50.0,
    corrections: Annotated[
        Path | None, typer.Option(help="Keep corrections given on the page in this folder, which `train` can read.")
    ] = None,
    open_page: Annotated[bool, typer.Option("--open", help="Open the page in the browser.")] = False,
    verbose: Annotated[bool, typer.Option("--verbose", help="A line for every request.")] = False,
) -> None:
    """Serve runs: the Open Inference Protocol below /v2, POST /predict, /metrics, and a page at /."""
    if missing := [package for package in _PACKAGES if find_spec(package) is None]:
        raise MissingPackageError(f"Serving ({', '.join(missing)})", "serve")
    from regraft.deployment.server.models import open_models
    from regraft.deployment.server.running import address_of, listen
    from regraft.deployment.server.running import serve as run_server
    from regraft.deployment.server.settings import ServerSettings

    settings = ServerSettings(
        host=host,
        port=port,
        token=_token(token_file),
        max_batch=max_batch,
        queue=queue,
        timeout=timeout,
        max_body=max_body_mb * 1024**2,
        max_held=max(512, 4 * max_body_mb) * 1024**2,
        max_pixels=_pixels(max_megapixels),
        corrections=_folder(corrections),
    )
    bound = listen(settings)  # first of all: a port that is taken is told at once
    with bound:
        models = open_models(runs, settings, name or (), tell=note)
        if not settings.loopback and settings.token is None:
            note(f"Anyone who reaches {host} may ask this server: --token-file or $REGRAFT_TOKEN asks for a token.")
        address = address_of(bound)
        note(f"Serving on {address} (Ctrl-C stops it)")
        if open_page:
            typer.launch(address)
        run_server(models, settings, bound, verbose=verbose, tell=note)


def _pixels(megapixels: float) -> int:
    if not 1e-6 <= megapixels <= 1e6:  # which nan is not, either
        raise InputError(
            "That is no number of megapixels for a picture.",
            expected="more than 0, and at most 1,000,000",
            received=f"{megapixels:g}",
        )
    return int(megapixels * 1e6)


def _folder(corrections: Path | None) -> Path | None:
    if corrections is not None and corrections.exists() and not corrections.is_dir():
        raise InputError("Corrections are kept in a folder.", expected="a folder, or a new name", received="a file")
    return corrections


def _token(file: Path | None) -> str | None:
    if file is None:
        return os.environ.get("REGRAFT_TOKEN") or None
    try:
        token = file.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            "The token cannot be read.", expected="a text file with one token", received=str(error)
        ) from error
    if not token:
        raise InputError(f"There is no token in {file}.", hint="put one there: openssl rand -hex 32 > FILE")
    return token
