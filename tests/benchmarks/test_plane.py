"""The plane of what laundering costs and what it buys."""

from __future__ import annotations

import pytest

from benchmarks.language.plane import drawn, points, winners
from benchmarks.language.rows import Row

CELLS = {"pass-on": (2.0, 40), "delete": (2.5, 10), "scramble": (2.6, 20), "copy-paste": (1.9, 4)}


def rows(mark: str = "kgw") -> list[Row]:
    return [
        {
            "cell": f"written/{mark}/{name}",
            "n": 40,
            "caught": caught,
            "low": caught / 50,
            "high": min(1.0, caught / 30),
            "bits": bits,
        }
        for name, (bits, caught) in CELLS.items()
    ]


def test_a_point_is_what_was_lost_beyond_the_texts_as_they_were_written() -> None:
    (found,) = points([*rows(), {"cell": "human/human/kgw/0"}]).values()
    by_name = {point.launderer: (point.lost, point.share) for point in found}
    assert by_name["pass-on"] == (0.0, 1.0)
    assert by_name["delete"] == pytest.approx((0.5, 0.25))


def test_a_mark_whose_untouched_texts_are_missing_has_no_points() -> None:
    assert points(rows()[1:]) == {}


def test_unbeaten_is_who_loses_less_or_is_recognised_less_than_every_other() -> None:
    assert winners(points(rows())["kgw"]) == ["copy-paste"]
    dear = [row for row in rows() if "copy-paste" not in str(row["cell"])]
    assert winners(points(dear)["kgw"]) == ["pass-on", "delete"]


def test_each_mark_is_a_panel_and_each_launderer_a_name_in_it() -> None:
    figure = drawn(points([*rows("kgw"), *rows("gumbel")]))
    assert [axes.get_title() for axes in figure.axes] == ["kgw", "gumbel"]
    for axes in figure.axes:
        assert {text.get_text() for text in axes.texts} == set(CELLS)
