from __future__ import annotations

import re

from regraft.deployment.page.files import PAGE_HEADERS, REPORT_HEADERS, page_files


def test_every_file_the_page_asks_for_is_there() -> None:
    files = page_files()
    assert {"index.html", "style.css", "script.js", "icon.svg"} <= files.keys()
    asked = set()
    for file in files.values():
        asked |= set(re.findall(rb"/static/([\w.]+)", file.content))
    assert {name.decode() for name in asked} <= files.keys()
    assert files["style.css"].media_type == "text/css; charset=utf-8"


def test_nothing_in_the_page_needs_a_looser_policy() -> None:
    page = page_files()["index.html"].content.decode()
    assert not re.search(r"<style|\sstyle=|\son\w+=|javascript:|<script(?![^>]*\ssrc=)", page)
    for name, file in page_files().items():
        if name.endswith(".js"):
            assert not re.search(
                r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function", file.content.decode()
            )


def test_a_report_may_have_styles_but_no_script() -> None:
    assert "script-src 'self'" in PAGE_HEADERS["Content-Security-Policy"]
    assert "script-src" not in REPORT_HEADERS["Content-Security-Policy"]
    assert REPORT_HEADERS["X-Content-Type-Options"] == "nosniff"
