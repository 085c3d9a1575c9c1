"""`regraft serve` under load from another process, against a plain FastAPI route that calls Keras `predict`.

python benchmarks/serving.py --images FOLDER [--run RUN] [--requests 400] [--repeats 3] [--soak 10000] [--quick]

RUN is a finished run with its `model.keras`, which both serve; one is trained where it is left out. The peer is what
one writes first: an upload, Pillow, a resize to the model's input, `model.predict`, the probabilities as JSON
(TensorFlow backend, one uvicorn worker). Both are asked by the same program, over connections that are kept open, with
1, 8 and 32 clients at a time, in turns. Further rows of ours: raw pixels (UINT8, 224 × 224, binary) through the Open
Inference Protocol.

Then `--soak` requests in a row with the memory of the server looked at ten times, and an overload: a queue of 8 images
and 64 clients, where every answer must be 200 or 429.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from _measuring import image_folder, machine
from PIL import Image
from predicting import trained

HERE = Path(__file__).parent
PHOTOS = 100
SIZE = 224

OURS = """
import typer
from regraft.cli.serve import serve
app = typer.Typer()
app.command()(serve)
app()
"""

PEER = """
import io, json, os, sys
os.environ["KERAS_BACKEND"], os.environ["TF_CPP_MIN_LOG_LEVEL"] = "tensorflow", "3"
import keras, numpy as np, uvicorn
from fastapi import FastAPI, UploadFile
from PIL import Image
run, port = sys.argv[1:]
model = keras.models.load_model(f"{run}/model.keras")
height, width = model.input_shape[1:3]
model.predict(np.zeros((1, height, width, 3), np.uint8), verbose=0)
app = FastAPI()

@app.get("/v2/health/ready")
def ready() -> dict[str, bool]:
    return {"ready": True}

@app.post("/predict")
def predict(image: UploadFile) -> dict[str, list[float]]:
    picture = Image.open(io.BytesIO(image.file.read())).convert("RGB").resize((width, height))
    return {"probabilities": model.predict(np.asarray(picture)[None], verbose=0)[0].tolist()}

uvicorn.run(app, host="127.0.0.1", port=int(port), log_level="error", access_log=False)
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", type=Path)
    parser.add_argument("--images", type=Path)
    parser.add_argument("--requests", type=int, default=400)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--soak", type=int, default=10_000)
    parser.add_argument("--quick", action="store_true", help="120 requests, once, at 8 clients; a soak of 1,000")
    options = parser.parse_args()
    if options.quick:
        options.requests, options.repeats, options.soak = 120, 1, 1000
    folder = image_folder(parser)
    photos = sorted(folder.rglob("*.jpg"))
    photos = photos[:: max(1, len(photos) // PHOTOS)][:PHOTOS]
    with tempfile.TemporaryDirectory() as scratch:
        run = (options.run or trained(folder, Path(scratch) / "run")).resolve()
        forms, tensors = write_requests(photos, Path(scratch), run.name)
        print(f"# {machine()}; {len(photos)} photos in turn; medians of {options.repeats}")
        compare(run, forms, tensors, options.requests, options.repeats, [8] if options.quick else [1, 8, 32])
        soak(run, forms, options.soak)
        overload(run, forms, options.requests)


def compare(run: Path, forms: Path, tensors: Path, requests: int, repeats: int, concurrencies: list[int]) -> None:
    """The table of both at each concurrency."""
    print("clients  server                     requests/s   p50 ms   p99 ms   ratio  statuses")
    with server(OURS, run, "--port") as (ours, _), server(PEER, run, "") as (peer, _):
        ways = {"Keras predict, /predict": (peer, forms), "regraft, /predict": (ours, forms)}
        ways["regraft, V2 UINT8"] = (ours, tensors)
        for clients in concurrencies:
            found: dict[str, list[dict[str, Any]]] = {way: [] for way in ways}
            for port, folder in ways.values():
                load(port, folder, clients, 4 * clients)  # warm
            for _ in range(repeats):
                for way, (port, folder) in ways.items():
                    found[way].append(load(port, folder, clients, requests))
            base = statistics.median(each["rate"] for each in found["Keras predict, /predict"])
            for way, each in found.items():
                rate, p50, p99 = (statistics.median(row[key] for row in each) for key in ("rate", "p50", "p99"))
                statuses = {key: sum(row["statuses"].get(key, 0) for row in each) for key in each[0]["statuses"]}
                print(
                    f"{clients:>7}  {way:<25} {rate:>11.1f} {1000 * p50:>8.1f} {1000 * p99:>8.1f} {rate / base:>7.1f}"
                    f"  {statuses}",
                    flush=True,
                )


def soak(run: Path, forms: Path, requests: int) -> None:
    """Many requests in a row, and the server's memory meanwhile."""
    with server(OURS, run, "--port") as (port, process):
        load(port, forms, 8, requests // 10)  # what is allocated once
        sizes = [resident(process)]
        statuses: dict[str, int] = {}
        for _ in range(10):
            for status, number in load(port, forms, 8, requests // 10)["statuses"].items():
                statuses[status] = statuses.get(status, 0) + number
            sizes.append(resident(process))
    print(f"soak of {requests:,} requests, 8 clients: {statuses}; resident MB {', '.join(f'{s:.0f}' for s in sizes)}")


def overload(run: Path, forms: Path, requests: int) -> None:
    """Far more than a short queue takes."""
    with server(OURS, run, "--queue", "8", "--port") as (port, _):
        found = load(port, forms, 64, 4 * requests)
    print(f"overload, queue of 8, 64 clients: {found['statuses']}; {found['rate']:.1f} answers a second")


@contextmanager
def server(code: str, run: Path, *options: str) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    """A server in a process of its own, ready: its port, and the process. It must end by SIGTERM within seconds."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    arguments = [str(run), *(option for option in options if option), str(port)]
    with subprocess.Popen([sys.executable, "-c", code, *arguments], stderr=subprocess.DEVNULL) as process:
        try:
            wait_until_ready(port, process)
            yield port, process
        finally:
            process.terminate()
            process.wait(30)


def wait_until_ready(port: int, process: subprocess.Popen[bytes]) -> None:
    """Waits for the first answer."""
    for _ in range(600):
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/v2/health/ready", timeout=5).close()
            return
        except OSError:
            if process.poll() is not None:
                raise SystemExit("a server has not started") from None
            time.sleep(0.1)
    raise SystemExit("a server is not ready after a minute")


def load(port: int, folder: Path, clients: int, requests: int) -> dict[str, Any]:
    """What the load program measured."""
    command = [sys.executable, str(HERE / "_http_load.py"), str(port), str(folder), str(clients), str(requests)]
    return dict(json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout))


def resident(process: subprocess.Popen[bytes]) -> float:
    """MB of memory the process holds."""
    pages = int(Path(f"/proc/{process.pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def write_requests(photos: list[Path], scratch: Path, model: str) -> tuple[Path, Path]:
    """Whole HTTP requests as files: photos as forms, and as tensors."""
    forms, tensors = scratch / "forms", scratch / "tensors"
    forms.mkdir()
    tensors.mkdir()
    for number, photo in enumerate(photos):
        disposition = f'Content-Disposition: form-data; name="image"; filename="{number}.jpg"'
        start = f"--frontier\r\n{disposition}\r\nContent-Type: image/jpeg\r\n\r\n".encode()
        body = start + photo.read_bytes() + b"\r\n--frontier--\r\n"
        kind = "Content-Type: multipart/form-data; boundary=frontier"
        (forms / f"{number:03}").write_bytes(request("/predict", body, kind))
        pixels = np.asarray(Image.open(photo).convert("RGB").resize((SIZE, SIZE))).tobytes()
        tensor = {"name": "image", "datatype": "UINT8", "shape": [1, SIZE, SIZE, 3]}
        content = {"inputs": [tensor | {"parameters": {"binary_data_size": len(pixels)}}]}
        head = json.dumps(content).encode()
        kind = f"Content-Type: application/octet-stream\r\nInference-Header-Content-Length: {len(head)}"
        (tensors / f"{number:03}").write_bytes(request(f"/v2/models/{model}/infer", head + pixels, kind))
    return forms, tensors


def request(path: str, body: bytes, headers: str) -> bytes:
    """A POST request, whole."""
    return (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{headers}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body
    )


if __name__ == "__main__":
    main()
