from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from served_models import form

from regraft.deployment.server.multipart import Upload, uploads
from regraft.deployment.server.problems import RequestError


@given(st.lists(st.binary(max_size=60).filter(lambda data: b"--frontier" not in data), min_size=1, max_size=5))
def test_files_come_back_as_they_were_sent(files: list[bytes]) -> None:
    body, content_type = form(*((f"{number}.jpg", data) for number, data in enumerate(files)))
    assert uploads(body, content_type, 5) == [Upload(f"{number}.jpg", data) for number, data in enumerate(files)]


def test_names_are_taken_as_they_are() -> None:
    for name in ("../../etc/passwd", "C:\\x.jpg", "ünï.jpg", "a;b.jpg"):
        body, content_type = form((name, b"x"))
        (file,) = uploads(body, content_type, 1)
        assert file.name.endswith(name.rpartition("\\")[2])


def test_fields_that_are_no_files_are_left_out_unless_they_are_images() -> None:
    start = b'--frontier\r\nContent-Disposition: form-data; name="note"\r\n'
    text = start + b"\r\nhello\r\n--frontier--\r\n"
    image = start + b"Content-Type: image/png\r\n\r\npixels\r\n--frontier--\r\n"
    content_type = "multipart/form-data; boundary=frontier"
    assert uploads(text, content_type, 3) == []
    assert uploads(image, content_type, 3) == [Upload("note", b"pixels")]


def test_too_many_files() -> None:
    body, content_type = form(*[("a", b"x")] * 4)
    assert len(uploads(body, content_type, 4)) == 4
    with pytest.raises(RequestError) as caught:
        uploads(body, content_type, 3)
    assert caught.value.status == 413


def test_a_form_cut_short_anywhere_is_refused() -> None:
    body, content_type = form(("a.jpg", b"abc"))
    for length in range(len(body) - 4):  # the last four: `--` of the last frontier, and a line's end
        with pytest.raises(RequestError):
            uploads(body[:length], content_type, 4)


@pytest.mark.parametrize(
    "content_type",
    ["multipart/form-data", "multipart/form-data; boundary=", f"multipart/form-data; boundary={'x' * 99}"],
)
def test_a_form_without_a_proper_boundary_is_refused(content_type: str) -> None:
    with pytest.raises(RequestError, match="boundary"):
        uploads(b"", content_type, 4)
