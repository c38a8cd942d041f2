"""Texts with signs reach a stream that takes ASCII alone."""

from __future__ import annotations

from io import BytesIO, TextIOWrapper

import pytest
from rich.console import Console

from arena.view.plain_output import tolerate
from arena.view.results.tables import plain_table, titled


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
    table = plain_table(("thief", "pay-off"), [("a", "0.50 ± 0.01")])
    Console(file=stream, width=60).print(titled("Thieves", table))
    stream.flush()
    assert b"0.50 +/- 0.01" in raw.getvalue()
