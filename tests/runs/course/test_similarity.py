"""Likeness of texts: layout, comments and names do not count; what all were given does not."""

from __future__ import annotations

from arena.runs.course.similarity import alike
from tests.runs.course.conftest import attack_text

LINE = "        a{i} = [b * {i} + c for b in range({i})] or {{'k': {i}}}"
LONG = "\n".join(LINE.format(i=i) for i in range(9))
OTHER = "\n".join(f"        while d({i}) and not e: f = {i} ** g; del h" for i in range(9))


def test_the_same_text_under_other_names_is_alike() -> None:
    renamed = LONG.replace("b", "zeta").replace("c", "eta") + "  # mine"
    pairs = alike({"ann": LONG, "bob": renamed, "eve": OTHER})
    assert [(pair.first, pair.second, pair.share) for pair in pairs] == [("ann", "bob", 1.0)]


def test_what_was_handed_out_makes_nobody_alike() -> None:
    given = attack_text()
    texts = {"ann": attack_text(LONG.strip()), "bob": attack_text(OTHER.strip()), "eve": given}
    assert alike(texts, given) == []


def test_texts_that_are_no_python_are_compared_by_words() -> None:
    broken = "def (" + " word" * 20
    assert [pair.share for pair in alike({"a": broken, "b": broken + "  "})] == [1.0]
    assert alike({"a": "", "b": ""}) == []
