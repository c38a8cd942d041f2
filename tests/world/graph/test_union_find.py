"""Channels in disjoint sets, and their marks."""

from hypothesis import given
from hypothesis import strategies as st

from arena.world.graph.union_find import Mark, Ties


def test_ties_are_transitive_and_join_place_by_place() -> None:
    ties = Ties()
    first, second, third = ties.fresh(2), ties.fresh(2), ties.fresh(2)
    ties.tie(first, second)
    ties.tie(third, second)
    roots = [[ties.root(channel) for channel in channels] for channels in (first, second, third)]
    assert roots[0] == roots[1] == roots[2]
    assert roots[0][0] != roots[0][1]


def test_a_mark_reaches_what_is_tied_later() -> None:
    ties = Ties()
    (one,), (other,), (stranger,) = ties.fresh(1), ties.fresh(1), ties.fresh(1)
    ties.mark(Mark.FROZEN, [other])
    ties.tie([one], [other])
    assert ties.marked(Mark.FROZEN) == {ties.root(one)}
    assert ties.root(stranger) not in ties.marked(Mark.FROZEN)
    assert not ties.marked(Mark.ODD)


@given(st.lists(st.tuples(st.integers(0, 14), st.integers(0, 14)), max_size=30))
def test_roots_agree_with_colouring_by_hand(pairs: list[tuple[int, int]]) -> None:
    ties = Ties()
    ties.fresh(15)
    colours = list(range(15))
    for one, other in pairs:
        ties.tie([one], [other])
        old, new = colours[one], colours[other]
        colours = [new if colour == old else colour for colour in colours]
    for i in range(15):
        for j in range(15):
            assert (ties.root(i) == ties.root(j)) == (colours[i] == colours[j])
