"""The page's own files, read once from the package, and the headers they go out with."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
# What a report is made of lies inside it: styles, and pictures as data. It has no scripts and gets none.
_REPORT_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
_ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",  # with none at all, browsers would not say which page a request comes from
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
PAGE_HEADERS = {**_ALWAYS, "Content-Security-Policy": _POLICY, "X-Frame-Options": "DENY", "Cache-Control": "no-cache"}
"""Of the page, its script and its styles."""

REPORT_HEADERS = {**PAGE_HEADERS, "Content-Security-Policy": _REPORT_POLICY}
"""Of a run's report and the files it links to."""

DATA_HEADERS = {**_ALWAYS, "Cache-Control": "no-store"}
"""Of what the script asks for."""

_TYPES = {"html": "text/html", "css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}


@dataclass(frozen=True)
class PageFile:
    """The content of a file and its media type."""

    content: bytes
    media_type: str


def page_files() -> dict[str, PageFile]:
    """All files of the page by name: `index.html`, `style.css`, `script.js` …"""
    found = {}
    for entry in files("regraft.deployment.page").iterdir():
        if kind := _TYPES.get(entry.name.rpartition(".")[2]):
            found[entry.name] = PageFile(entry.read_bytes(), f"{kind}; charset=utf-8")
    return found
