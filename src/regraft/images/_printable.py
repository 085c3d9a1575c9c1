"""Names from the file system, made safe to print and to write."""

from __future__ import annotations


def printable(name: str) -> str:
    """The name as valid Unicode: bytes the file system could not decode (lone surrogates) are spelt `\\udcff`."""
    return name.encode("utf-8", errors="backslashreplace").decode("utf-8")
