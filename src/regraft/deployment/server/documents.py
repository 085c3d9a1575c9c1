"""`/docs`: the routes on one plain page. (The usual documentation pages load their script from the network.)"""

from __future__ import annotations

from html import escape
from typing import Any

_STYLE = """
:root { color-scheme: light dark; font: 1rem/1.5 system-ui, sans-serif }
body { max-width: 48rem; margin: 2rem auto; padding: 0 1rem }
code { font-size: .95em } dt { margin-top: 1rem } dd { margin-left: 1.5rem }
"""


def documentation_page(document: dict[str, Any]) -> str:
    """The page, from the OpenAPI document."""
    rows = [
        f"<dt><code>{escape(method.upper())} {escape(path)}</code></dt>"
        f"<dd>{escape(operation.get('description') or operation.get('summary', ''))}</dd>"
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
    ]
    title = escape(document["info"]["title"])
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{_STYLE}</style><h1>{title}</h1><p>{escape(document['info']['description'])} "
        'The same for programs: <a href="openapi.json">openapi.json</a>.</p>'
        f"<dl>{''.join(rows)}</dl></html>\n"
    )
