from hypothesis import given
from hypothesis import strategies as st

from regraft.images._printable import printable


def test_undecodable_bytes_are_spelt():
    assert printable(b"caf\xe9.jpg".decode("utf-8", "surrogateescape")) == r"caf\udce9.jpg"


@given(st.text())
def test_proper_text_stays(text):
    assert printable(text) == text


@given(st.binary())
def test_any_name_can_be_written(name):
    printable(name.decode("utf-8", "surrogateescape")).encode()
