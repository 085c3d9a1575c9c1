from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from regraft.reports._markdown import code, code_span, escaped, table, yaml_lines
from regraft.reports._words import shown

READER = MarkdownIt("commonmark", {"html": True}).enable("table")
HOSTILE = "<script>|*a*_b_`c`[d](javascript:e)&amp;~~f~~\\|$$g$$ https://evil.example ![h](i) # j {{k}} @l"


def tokens(markdown: str) -> list[Any]:
    found = []
    for token in READER.parse(markdown):
        found += [token, *(token.children or [])]
    return found


def texts(markdown: str) -> str:
    return "".join(token.content for token in tokens(markdown) if token.type in ("text", "text_special"))


def tags(markdown: str) -> set[str]:
    return {token.type for token in tokens(markdown)}


@settings(max_examples=25)
@given(st.text(max_size=60))
def test_an_escaped_text_reads_as_it_was(text: str) -> None:
    markdown = f"“{escaped(text)}”"
    assert texts(markdown) == f"“{' '.join(shown(text).split())}”"
    assert tags(markdown) <= {"paragraph_open", "paragraph_close", "inline", "text", "text_special"}


def test_nothing_of_a_hostile_name_becomes_markup() -> None:
    assert tags(escaped(HOSTILE)) <= {"paragraph_open", "paragraph_close", "inline", "text", "text_special"}
    assert texts(escaped(HOSTILE)) == HOSTILE
    assert "https\\://" in escaped(HOSTILE)  # GitHub and the Hub make links of bare addresses


@settings(max_examples=25)
@given(st.lists(st.tuples(st.text(max_size=20), st.text(max_size=20)), min_size=1, max_size=4))
def test_a_table_keeps_its_cells_whatever_they_hold(rows: list[tuple[str, str]]) -> None:
    markdown = table(("a", "b"), [(escaped(left), escaped(right)) for left, right in rows], "lr")
    found = tokens(markdown)
    cells = [found[number + 1].content for number, token in enumerate(found) if token.type == "td_open"]
    assert len(cells) == 2 * len(rows)
    # A cell is read on its own here, and may then begin like a list or a quotation; so between quotation marks.
    wanted = [" ".join(shown(text).split()) for row in rows for text in row]
    assert [texts(f"“{cell}”") for cell in cells] == [f"“{text}”" for text in wanted]


@settings(max_examples=25)
@given(st.text(alphabet="`a\n~", max_size=30))
def test_code_cannot_end_its_own_block(text: str) -> None:
    found = READER.parse(code(text, "sh"))
    assert [token.type for token in found] == ["fence"]
    assert (found[0].info, found[0].content) == ("sh", text.rstrip() + "\n" if text.rstrip() else "\n")


@settings(max_examples=25)
@given(st.text(alphabet="`ab|", min_size=1, max_size=20))
def test_a_span_of_code_keeps_its_text(text: str) -> None:
    found = [token for token in tokens(code_span(text)) if token.type == "code_inline"]
    assert [token.content.strip() for token in found] == [text.strip()]


@settings(max_examples=25)
@given(
    st.recursive(
        st.text() | st.integers() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False),
        lambda inner: (
            st.lists(inner.filter(lambda value: not isinstance(value, list)), max_size=3)
            | st.dictionaries(st.sampled_from(["a", "b-c", "d_e"]), inner, min_size=1, max_size=3)
        ),
        max_leaves=8,
    ).filter(lambda value: isinstance(value, dict))
)
def test_yaml_is_read_back(content: dict[str, Any]) -> None:
    def readable(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: readable(part) for key, part in value.items()}
        if isinstance(value, list):
            return [readable(part) for part in value]
        return shown(value) if isinstance(value, str) else value

    read = yaml.safe_load("\n".join(yaml_lines(content)))
    assert read == readable(content)


def test_the_yaml_of_results() -> None:
    content = {"model-index": [{"name": "no", "results": [{"task": {"type": "t"}, "metrics": [{"value": 0.5}]}]}]}
    lines = yaml_lines(content)
    assert lines == [
        "model-index:", '  - name: "no"', "    results:", "      - task:", '          type: "t"',
        "        metrics:", "          - value: 0.5",
    ]  # fmt: skip
    assert yaml.safe_load("\n".join(lines)) == content


@pytest.mark.parametrize("name", ["yes", "1.0", "null", "a: b", "- c", "#", "'", '"', "é\u2028\x85\x7f\ufeff", "😀"])
def test_names_stay_texts_in_yaml(name: str) -> None:
    assert yaml.safe_load("\n".join(yaml_lines({"name": name}))) == {"name": shown(name)}
