"""Texts with signs reach a stream that takes ASCII alone."""

from __future__ import annotations

import json
import unicodedata
from io import BytesIO, StringIO, TextIOWrapper

import pytest
from rich.console import RenderableType
from rich.panel import Panel
from rich.text import Text

from arena.view.console import Console
from arena.view.plain_output import forget_no_size, tolerate
from arena.view.plain_table import PlainTable, titled

BIDI = ("LRE", "RLE", "PDF", "LRO", "RLO", "LRI", "RLI", "FSI", "PDI")


def ascii_stream() -> tuple[BytesIO, TextIOWrapper]:
    raw = BytesIO()
    stream = TextIOWrapper(raw, "ascii")
    tolerate(stream)
    return raw, stream


@pytest.mark.parametrize(
    ("text", "written"),
    [("0.5 ± 0.1", b"0.5 +/- 0.1"), ("a · b", b"a . b"), ("✓ 是", b"? ?"), ("plain", b"plain")],
)
def test_signs_that_are_lacking_are_written_in_plain_ones(text: str, written: bytes) -> None:
    raw, stream = ascii_stream()
    stream.write(text)
    stream.flush()
    assert raw.getvalue() == written


def test_a_table_can_be_printed(tmp_path: object) -> None:
    raw, stream = ascii_stream()
    table = PlainTable(("thief", "pay-off"), [("a", "0.50 ± 0.01")])
    console = Console()
    console.file, console.width = stream, 60
    console.print(titled("Thieves", table))
    stream.flush()
    assert b"0.50 +/- 0.01" in raw.getvalue()


HOSTILE = "\x1b[31mred\x1b]0;t\x07 \x9b2J \x7f \u202eback\u2066 [bold]b[/bold] [/x] :bug: é\n"


def printed(thing: RenderableType, width: int = 60) -> str:
    out = StringIO()
    console = Console(soft_wrap=True)
    console.file, console.width = out, width
    console.print(thing)
    return out.getvalue()


def foreign(text: str) -> list[str]:
    """Return the characters of a text that steer a terminal."""
    return [c for c in text if unicodedata.category(c) == "Cc" and c not in "\n\t"] + [
        c for c in text if unicodedata.bidirectional(c) in BIDI
    ]


@pytest.mark.parametrize(
    "thing",
    [
        HOSTILE,
        Text(HOSTILE),
        PlainTable([HOSTILE.strip(), "n"], [(HOSTILE, "1")]),
        titled(HOSTILE, PlainTable(["a"], [(HOSTILE,)])),
        Panel(HOSTILE),
    ],
    ids=["str", "text", "table", "title", "panel"],
)
def test_nothing_that_a_stranger_wrote_steers_the_terminal(thing: RenderableType) -> None:
    said = printed(thing, 200)
    assert foreign(said) == []
    assert r"\u001b[31mred\u001b]0;t" in said
    assert "[bold]b[/bold] [/x] :bug: é" in said


def test_json_says_the_same_with_controls_written_out() -> None:
    out = StringIO()
    console = Console()
    console.file = out
    console.print_json(data={"name": HOSTILE})
    assert foreign(out.getvalue()) == []
    assert json.loads(out.getvalue()) == {"name": HOSTILE}


def test_a_table_shows_all_of_a_hostile_name() -> None:
    said = printed(PlainTable(["name", "n"], [("\x1b[31mred", "1.5"), ("good", "2.5")]))
    assert r"\u001b[31mred   1.5" in said
    assert "good            2.5" in said


@pytest.mark.parametrize(
    "said", ["0", "-5", "00", "\u00b2", "9" * 5000, "", "wide"], ids=lambda said: said[:5]
)
def test_a_size_that_no_terminal_has_is_not_believed(said: str) -> None:
    environment = {"COLUMNS": said, "LINES": said, "HOME": "0"}
    forget_no_size(environment)
    assert environment == {"HOME": "0"}


@pytest.mark.parametrize("said", ["1", "80", "080"])
def test_any_other_size_is(said: str) -> None:
    environment = {"COLUMNS": said}
    forget_no_size(environment)
    assert environment == {"COLUMNS": said}
