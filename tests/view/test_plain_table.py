"""Tables in places of any width."""

from __future__ import annotations

import pytest

from arena.view.plain_table import PlainTable
from tests.view.conftest import printed

NAMES = ("uchida-uncommitted", "adi")
HEADS = ("owner", "worst\ncase", "mean", "innocents", "not met")
ROWS = [(name, "0.013", "-0.021", "0.000 to 0.168", "1,234,567") for name in NAMES]
SENTENCE = "Prunes the weights, then goes on until the accuracy is back."


@pytest.mark.parametrize("width", [37, 40, 50, 60, 80])
def test_no_figure_is_cut_and_every_part_has_the_names(width: int) -> None:
    text = printed(PlainTable(HEADS, ROWS), width)
    assert max(map(len, text.splitlines())) <= width
    for cell in ROWS[0][1:]:
        assert text.count(cell) == len(ROWS)
    n_parts = text.count("owner")
    assert [text.count(name) for name in NAMES] == [n_parts] * 2
    assert (n_parts == 1) == (width == 80)


def test_where_nothing_fits_nothing_is_lost() -> None:
    text = printed(PlainTable(HEADS[:2], [("a" * 30, "0.123456789")]), 12)
    assert text.count("a") == 30 + 1  # and in "case"
    assert sum(text.count(digit) for digit in "123456789") == 9


def test_words_are_folded_between_words_and_stand_left() -> None:
    table = PlainTable(
        ("name", "n", "what it does"), [("prune", "12", SENTENCE)], ("what it does",)
    )
    lines = printed(table, 40).splitlines()
    (start,) = {line.index("P") for line in lines if "Prunes" in line}
    said = [line[start:].strip() for line in lines if line[start:].strip() and "12" not in line]
    assert max(map(len, lines)) <= 40
    assert SENTENCE.endswith(" ".join(said[2:]))  # behind the head and its rule
    assert all(word in " ".join(lines).split() for word in SENTENCE.split())


def test_a_head_of_a_stranger_is_measured_as_it_is_written() -> None:
    text = printed(PlainTable(("\x1b[31mred", "n"), [("a", "0.25")]), 30)
    assert "0.25" in text
    assert r"\u001b[31mred" in text


def test_parts_are_even() -> None:
    """Where five columns do not fit, the last is not left alone."""
    heads = ("thief", *(f"owner-{i}" for i in range(5)))
    text = printed(PlainTable(heads, [("prune", *["0.50"] * 5)]), 55)
    widths = [len(line.split()) for line in text.splitlines() if "thief" in line]
    assert widths == [4, 3]
