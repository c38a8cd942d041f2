"""The plane of gain against price: its front, its table, its picture."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from arena.view.figures.plane import plane
from arena.view.figures.plots import render
from arena.view.results.prices import Price, best
from arena.view.results.tables import price_table

SHARES = st.tuples(st.floats(0, 3), st.floats(0, 1))
FOUND = [Price("ft", 0.9, 0.1, 0, 0.0, best=True), Price("knockoff", 0.4, 1.5, 2000, 1.0)]


@given(st.lists(SHARES, min_size=1, max_size=12))
def test_the_front_holds_the_cheapest_and_the_greatest(points: list[tuple[float, float]]) -> None:
    front = best(points)
    greatest = max(gain for _, gain in points)
    least = min(price for price, _ in points)
    assert any(points[i][1] == greatest for i in front)
    assert any(points[i][0] == least for i in front)


@given(st.lists(SHARES, min_size=1, max_size=12))
def test_whoever_is_left_out_is_beaten(points: list[tuple[float, float]]) -> None:
    front = best(points)
    for i in set(range(len(points))) - front:
        assert any(points[j][0] <= points[i][0] and points[j][1] >= points[i][1] for j in front)


def test_the_table_marks_the_front() -> None:
    console = Console(width=100, record=True, file=None)
    with console.capture() as said:
        console.print(price_table(FOUND))
    lines = [line.strip() for line in said.get().splitlines()]
    assert next(line for line in lines if line.startswith("ft")).endswith("x")
    assert "2,000" in next(line for line in lines if line.startswith("knockoff"))


def test_the_plane_is_drawn() -> None:
    assert render(plane(FOUND)).startswith(b"\x89PNG")


def test_names_stand_beside_each_other_on_the_plane() -> None:
    """Prices and gains as they came out on MNIST."""
    found = [
        Price(thief, gain, cost, 0, 0.0)
        for thief, gain, cost in [
            ("none", 1.0, 0.0), ("median", 0.98, 0.0), ("detect-keys", 1.0, 0.64),
            ("label-only", 0.99, 1.2), ("distill", 0.97, 1.2), ("retrain", 0.96, 1.2),
            ("double-extraction", 0.95, 1.8), ("neural-cleanse", 0.985, 2.15),
            ("jba", 0.82, 0.26), ("autoencode", 0.81, 0.0), ("d-dae", 0.77, 3.73),
        ]
    ]  # fmt: skip
    figure = plane(found)
    boxes = [text.get_window_extent() for text in figure.axes[0].texts]
    assert len(boxes) > 6
    assert not any(box.count_overlaps(boxes[:i]) for i, box in enumerate(boxes))
