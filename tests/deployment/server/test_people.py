from __future__ import annotations

import pytest
from served_models import Served, form, picture


def test_a_form_with_many_files_some_of_them_no_images(server: Served) -> None:
    body, content_type = form(
        ("rouge.png", picture((250, 0, 0))),
        ("<b>&\u202e.jpg", b"no picture"),
        ("azul.jpg", picture((0, 0, 250), "JPEG")),
    )
    answer = server.ask("POST", "/predict", body, content_type=content_type)
    assert answer.status == 200
    assert answer.headers["content-type"] == "application/json"
    assert (answer.json["model"], answer.json["version"]) == ("colours", "1")
    red, broken, blue = answer.json["predictions"]
    assert (red["name"], red["label"]) == ("rouge.png", "red")
    assert (blue["name"], blue["label"]) == ("azul.jpg", "blue")
    assert broken == {"name": "<b>&\u202e.jpg", "error": "not an image (text?)"}
    assert red["probability"] == pytest.approx(251 / 253)
    assert list(red["probabilities"]) == ["red", "green", "blue"]  # equal ones in the order of the classes
    assert list(red["probabilities"].values()) == sorted(red["probabilities"].values(), reverse=True)


def test_one_image_as_the_whole_body(server: Served) -> None:
    for content_type in ("image/png", "image/jpeg; x=1", "IMAGE/whatever", "application/octet-stream"):
        answer = server.ask("POST", "/predict?model=again", picture((0, 200, 0)), content_type=content_type)
        assert answer.status == 200
        assert answer.json["model"] == "again"
        assert answer.json["predictions"][0]["label"] == "green"


def test_long_answers_are_the_same_written_out_in_another_thread(
    server: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    short = server.ask("POST", "/predict", picture(), content_type="image/png")
    monkeypatch.setattr("regraft.deployment.server.people.MANY_NUMBERS", 2)
    assert server.ask("POST", "/predict", picture(), content_type="image/png").body == short.body


def test_where_no_image_can_be_read_the_request_is_wrong(server: Served) -> None:
    body, content_type = form(("a", b""), ("b", b"text"))
    answer = server.ask("POST", "/predict", body, content_type=content_type)
    assert answer.status == 400
    assert answer.json["error"] == "None of the images can be read: empty file; not an image (text?)"
    assert [part["name"] for part in answer.json["predictions"]] == ["a", "b"]


def test_other_requests_are_refused(server: Served) -> None:
    empty, content_type = form()
    assert server.ask("POST", "/predict", empty, content_type=content_type).status == 400
    assert server.ask("POST", "/predict", b"{}", content_type="application/json").status == 415
    assert server.ask("POST", "/predict?model=nobody", picture(), content_type="image/png").status == 404
    assert server.ask("GET", "/predict").json == {"error": "Method Not Allowed"}


@pytest.mark.parametrize(
    "name", ["../colours", "/etc/passwd", "..%2f..%2fetc%2fpasswd", "colours%00", "colours/../again"]
)
def test_a_model_is_a_name_and_no_path(server: Served, name: str) -> None:
    assert server.ask("POST", f"/predict?model={name}", picture(), content_type="image/png").status == 404
