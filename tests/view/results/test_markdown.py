"""Whatever strangers write is text in a page: a reader of Markdown finds nothing else in it."""

from __future__ import annotations

import html

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from arena.view.plain_output import visible
from arena.view.results.markdown import as_text, markdown

READER = MarkdownIt("commonmark").enable(["table", "strikethrough"])
SIGNS = st.text(st.sampled_from("#*_`[]()<>&;|\\~-+=!:.1a /\n\t\x1b\u202e"), max_size=12)


@given(SIGNS | st.text(max_size=12))
@example(
    "[l](javascript:alert(1)) ![i](x) <b> &lt; &#42; `c` # h\n# H\n---\n*a* _b_ __c__ ~~d~~ \\*"
)
@example("1. one")
@example("~~~")
@example("[a]: http://x")
def test_what_is_said_is_read_as_it_was_said(said: str) -> None:
    text = " ".join(visible(said).replace("|", "/").split())
    shown = html.escape(text).replace("&#x27;", "'")
    if text and text != "-":  # a dash alone stands for nothing, in a cell
        assert READER.render(f"- {as_text(said)}") == f"<ul>\n<li>{shown}</li>\n</ul>\n"
    assert f"<td>{shown}</td>" in READER.render(markdown(["a"], [[said]]))


@pytest.mark.parametrize("said", ["https://a.example/b", "www.a.example", "HTTP://a.example"])
def test_an_address_becomes_no_link_where_pages_make_links_of_them(said: str) -> None:
    assert "://" not in as_text(said)
    assert "www." not in as_text(said)
    assert html.unescape(as_text(said)) == said


@pytest.mark.parametrize("plain", ["a-b", "-0.5", "-", "3.5 % (1-9)", "forge-key.0", "my_name_1"])
def test_usual_words_and_numbers_stay_as_they_are(plain: str) -> None:
    assert as_text(plain) == plain
