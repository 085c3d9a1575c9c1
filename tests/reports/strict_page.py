"""A page read strictly."""

from __future__ import annotations

from html.parser import HTMLParser

_VOID = {"meta", "img", "wbr", "br"}


class StrictPage(HTMLParser):
    """Every element closed in its turn, no attribute twice; `elements` and `text` are what it holds."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str]]] = []
        self._texts: list[str] = []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        assert len({name for name, _ in attrs}) == len(attrs)
        self.elements.append((tag, dict(attrs)))
        if tag not in _VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] != "style":
            self._texts.append(data)

    @property
    def text(self) -> str:
        """All text, every run of white space as one space."""
        return " ".join("".join(self._texts).split())

    def all(self, tag: str) -> list[dict[str, str]]:
        """The attributes of all elements of that name."""
        return [attributes for name, attributes in self.elements if name == tag]

    def values(self, *names: str) -> list[str]:
        """The values of all attributes of these names."""
        return [attributes[name] for _, attributes in self.elements for name in names if name in attributes]
