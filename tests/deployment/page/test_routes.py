from __future__ import annotations

import hashlib
import io
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import pytest
from PIL import Image

from regraft.deployment.server.app import create_app
from regraft.images.opening import open_images
from regraft.runs.explaining import Explainer
from regraft.runs.folder import RunFolder
from regraft.runs.prediction import Predictor

NAME = quote("small & <b>odd", safe="")
PNG_START = b"\x89PNG\r\n\x1a\n"


@pytest.fixture
def image(photos: Path) -> bytes:
    return (photos / "red" / "03.jpg").read_bytes()


def picture(size: tuple[int, int] = (9, 7), colour: str = "teal") -> bytes:
    file = io.BytesIO()
    Image.new("RGB", size, colour).save(file, "PNG")
    return file.getvalue()


def test_the_page_and_its_files_load_nothing_from_elsewhere(served: Any) -> None:
    for path in ("/", "/static/style.css", "/static/script.js", "/static/heat.js", "/static/icon.svg", "/favicon.ico"):
        reply = served.ask(path)
        assert reply.status == 200, path
        policy = reply.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self';")
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert reply.headers["x-content-type-options"] == "nosniff"
        assert reply.headers["referrer-policy"] == "same-origin"
        text = reply.body.decode().replace("http://www.w3.org/2000/svg", "")
        assert "http:" not in text
        assert "https:" not in text
    assert served.ask("/static/script.js").headers["content-type"] == "text/javascript; charset=utf-8"


@pytest.mark.parametrize(
    "path",
    ["/static/nothing.css", "/static/..%2Froutes.py", "/static/routes.py", "/static/%2e%2e/routes.py", "/page/nothing"],
)
def test_no_other_file_is_given_out(served: Any, path: str) -> None:
    assert served.ask(path).status == 404


def test_the_models_say_what_is_known_of_them(served: Any, page_run: RunFolder) -> None:
    about = served.ask("/page/models").json
    assert about["max_body"] == 2_000_000
    first, second = about["models"]
    assert (first["name"], second["name"]) == ("small & <b>odd", "again")
    assert first["classes"] == page_run.classes()
    assert first["test"]["accuracy"] == page_run.metrics()["test"]["accuracy"]
    assert first["test"]["interval"] == page_run.metrics()["test"]["accuracy_interval"]
    assert sum(band["answers"] for band in first["calibration"]["bands"]) == page_run.metrics()["test"]["images"]
    assert first["report"] is True
    assert first["corrections"] == 0


def test_an_answer_is_that_of_the_run(served: Any, page_run: RunFolder, image: bytes) -> None:
    answer = served.ask("/page/answer", image).json
    predictor = Predictor(page_run)
    expected = predictor.probabilities([predictor.seen(image)])[0]
    assert [index for index, _ in answer["probabilities"]] == np.argsort(-expected, kind="stable").tolist()
    assert [share for _, share in answer["probabilities"]] == pytest.approx(sorted(expected, reverse=True), abs=1e-6)
    assert answer["sha256"] == hashlib.sha256(image).hexdigest()
    assert answer["corrected"] is None


def test_a_heat_map_is_that_of_the_explainer(served: Any, page_run: RunFolder, image: bytes) -> None:
    heat = served.ask("/page/explain?index=1&model=again", image).json
    predictor = Predictor(page_run)
    expected = Explainer(predictor).explain(predictor.seen(image)[0], 1)
    assert (heat["rows"], heat["columns"]) == expected.values.shape
    assert heat["values"] == pytest.approx(expected.values.ravel(), abs=1e-4)
    assert heat["method"] == expected.method


def test_the_nearest_images_come_with_their_pictures(served: Any, image: bytes) -> None:
    until = time.monotonic() + 20
    while (near := served.ask("/page/neighbours", image).json)["state"] == "preparing" and time.monotonic() < until:
        time.sleep(0.02)
    assert near["state"] == "ready"
    assert len(near["neighbours"]) == 6
    first = near["neighbours"][0]
    assert first["similarity"] >= near["neighbours"][5]["similarity"]
    thumbnail = served.ask(f"/page/neighbours/{NAME}/{first['sha256']}")
    assert thumbnail.headers["content-type"] == "image/jpeg"
    assert thumbnail.body.startswith(b"\xff\xd8\xff")
    assert served.ask(f"/page/neighbours/{NAME}/{'0' * 64}").status == 404
    assert served.ask(f"/page/neighbours/nobody/{first['sha256']}").status == 404


def test_a_correction_is_kept_changed_and_taken_back(served: Any) -> None:
    content = picture()
    sha256 = hashlib.sha256(content).hexdigest()
    kept = served.ask("/page/corrections?index=1", content).json
    assert kept == {"sha256": sha256, "label": "green", "previous": None}
    folder = served.corrections / "small & <b>odd"
    stored = open_images(folder, minimum_classes=1).images
    assert [(image.label, image.sha256) for image in stored] == [("green", sha256)]
    assert served.ask("/page/answer", content).json["corrected"] == 1
    assert served.ask("/page/answer?model=again", content).json["corrected"] is None
    assert served.ask("/page/corrections?label=blue", content).json["previous"] == 1
    assert served.ask(f"/page/corrections/{NAME}/{sha256}", method="DELETE").status == 204
    assert served.ask(f"/page/corrections/{NAME}/{sha256}", method="DELETE").status == 404
    assert not list(folder.rglob("*.png"))


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/page/answer", b"", 400),
        ("/page/answer", b"no image", 400),
        ("/page/answer?model=nobody", b"x", 404),
        ("/page/explain", b"x", 400),
        ("/page/explain?index=99", b"x", 400),
        ("/page/explain?index=-1", b"x", 400),
        ("/page/explain?index=99999999999999999999999", b"x", 400),
        ("/page/explain?index=zero", b"x", 400),
        ("/page/explain?index=0", PNG_START, 400),
        ("/page/neighbours", b"GIF89a", 400),
        ("/page/corrections", b"x", 400),
        ("/page/corrections?index=0&label=red", b"x", 400),
        ("/page/corrections?index=0", b"no image", 400),
        ("/page/corrections?index=3", b"x", 400),
        ("/page/corrections?label=..%2F..%2Fup", b"x", 400),
        ("/page/corrections?label=%00", b"x", 400),
        ("/page/corrections?label=", b"x", 400),
    ],
)
def test_what_cannot_be_done_is_said(served: Any, path: str, body: bytes, status: int) -> None:
    reply = served.ask(path, body)
    assert reply.status == status
    assert reply.json["error"]


@pytest.mark.parametrize(
    "path", ["/page/answer", "/page/explain?index=0", "/page/neighbours", "/page/corrections?index=0"]
)
def test_too_many_pixels_are_refused_undecoded(served: Any, path: str) -> None:
    reply = served.ask(path, picture((2000, 1000)))
    assert reply.status == 400
    assert "limit of 1,000,000" in reply.json["error"]


def test_the_report_has_a_policy_of_its_own_and_its_links(served: Any, page_run: RunFolder) -> None:
    moved = served.ask(f"/report/{NAME}")
    assert (moved.status, moved.headers["location"]) == (307, f"/report/{NAME}/")
    report = served.ask(f"/report/{NAME}/")
    assert report.body == page_run.report.read_bytes()
    assert "script-src" not in report.headers["content-security-policy"]
    assert report.headers["content-security-policy"].startswith("default-src 'none'; style-src 'unsafe-inline'")
    assert served.ask(f"/report/{NAME}/metrics.json").json == page_run.metrics()
    for name in ("model.keras", "splits.parquet", "..%2Frun%2Fmetrics.json", "%2Fetc%2Fpasswd", "nothing"):
        assert served.ask(f"/report/{NAME}/{name}").status == 404
    assert served.ask("/report/nobody/").status == 404


def test_all_but_the_empty_page_wants_the_token(guarded: Any, image: bytes) -> None:
    allowed = {"Authorization": "Bearer a-token"}
    assert served_free(guarded) == [200, 200, 200]
    closed: list[tuple[str, bytes | None]] = [
        ("/page/models", None), ("/page/answer", image), ("/page/neighbours", image), (f"/report/{NAME}/", None),
        (f"/report/{NAME}/metrics.json", None), ("/page/report", b""), ("/page/corrections?index=0", image),
    ]  # fmt: skip
    assert [guarded.ask(path, body).status for path, body in closed] == [401] * len(closed)
    assert guarded.ask("/page/models", **allowed).status == 200
    way = guarded.ask("/page/report", b"", **allowed).json["path"]
    assert guarded.ask(way).body.endswith(b"Report</p>")
    assert guarded.ask(way + "metrics.json").status == 200
    assert guarded.ask(way + "model.keras").status == 404
    assert guarded.ask("/static/report/guessed/").status == 404


def served_free(server: Any) -> list[int]:
    return [server.ask(path).status for path in ("/", "/static/style.css", "/static/script.js")]


def test_corrections_are_off_unless_there_is_a_folder(
    page_run: RunFolder, image: bytes, asked: Callable[..., Any]
) -> None:
    assert asked("GET", "/page/models")[1]["models"][0]["corrections"] is None
    for method, path in (("POST", "/page/corrections?index=0"), ("DELETE", f"/page/corrections/x/{'0' * 64}")):
        status, content = asked(method, path, image)
        assert status == 404
        assert "--corrections" in content["error"]


@pytest.fixture
def asked(page_run: RunFolder) -> Any:
    """Asks an application without a folder for corrections, without a socket."""
    import asyncio
    import json

    from regraft.deployment.server.models import Models
    from regraft.deployment.server.settings import ServerSettings

    settings = ServerSettings(watch=0)
    models = Models({"x": page_run.path}, settings)
    app = create_app(models, settings)

    def ask(method: str, path: str, body: bytes = b"") -> tuple[int, Any]:
        target, _, query = path.partition("?")
        sent: list[dict[str, Any]] = []
        received = [{"type": "http.request", "body": body, "more_body": False}]

        async def receive() -> Any:
            if received:
                return received.pop()
            return await asyncio.Event().wait()

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        scope = {
            "type": "http", "method": method, "path": target, "raw_path": target.encode(), "root_path": "",
            "query_string": query.encode(), "headers": [(b"host", b"localhost")], "scheme": "http",
            "asgi": {"version": "3.0"}, "http_version": "1.1", "client": None, "server": None,
        }  # fmt: skip
        asyncio.run(app(scope, receive, send))  # type: ignore[arg-type]
        return sent[0]["status"], json.loads(b"".join(message.get("body", b"") for message in sent[1:]))

    yield ask
    models.close()
