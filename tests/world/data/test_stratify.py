import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from arena.errors import DataError
from arena.world.data.dataset import Dataset
from arena.world.data.stratify import apportion, stratified
from arena.world.rng import Rng


def labelled(sizes: list[int]) -> Dataset:
    labels = torch.repeat_interleave(torch.arange(len(sizes)), torch.tensor(sizes))
    classes = tuple(f"class {index}" for index in range(len(sizes)))
    return Dataset("made", torch.zeros(len(labels), 1, dtype=torch.uint8), labels, classes)


shares_of_all = st.lists(st.floats(0.01, 1), min_size=1, max_size=5).map(
    lambda raw: [value / sum(raw) for value in raw]
)


@pytest.mark.parametrize(
    ("n_images", "shares", "expected"),
    [
        (10, [0.5, 0.3, 0.2], [5, 3, 2]),
        (6000, [0.5, 0.3, 0.2], [3000, 1800, 1200]),
        (3, [0.98, 0.01, 0.01], [1, 1, 1]),
        (4, [0.98, 0.01, 0.01], [2, 1, 1]),
        (100, [0.1, 0.1], [10, 10]),
        (7, [1.0], [7]),
    ],
)
def test_apportion(n_images: int, shares: list[float], expected: list[int]) -> None:
    assert apportion(n_images, shares) == expected


@given(st.integers(5, 10_000), shares_of_all)
def test_shares_of_one_in_all_leave_nothing_over(n_images: int, shares: list[float]) -> None:
    sizes = apportion(n_images, shares)
    assert sum(sizes) == n_images
    assert min(sizes) >= 1


@given(st.integers(500, 10_000), shares_of_all)
def test_no_share_is_off_by_more_than_rounding(n_images: int, shares: list[float]) -> None:
    sizes = apportion(n_images, shares)
    for size, share in zip(sizes, shares, strict=True):
        assert abs(size - share * n_images) <= len(shares)


@given(st.lists(st.integers(3, 30), min_size=1, max_size=6), st.integers(0, 2**32))
def test_parts_are_disjoint_complete_and_hold_every_class(sizes: list[int], seed: int) -> None:
    whole = labelled(sizes)
    parts = stratified(whole, (0.5, 0.3, 0.2), Rng(seed))
    assert torch.equal(torch.cat(parts).sort().values, torch.arange(sum(sizes)))
    for part in parts:
        assert whole.select(part).labels.unique().tolist() == list(range(len(sizes)))


@given(st.lists(st.integers(20, 40), min_size=2, max_size=4), st.integers(0, 2**32))
def test_shares_below_one_leave_the_rest_out(sizes: list[int], seed: int) -> None:
    parts = stratified(labelled(sizes), (0.25, 0.25), Rng(seed))
    chosen = torch.cat(parts)
    assert len(chosen.unique()) == len(chosen)
    assert abs(len(chosen) - sum(sizes) / 2) <= len(sizes)


def test_a_prefix_mixes_the_classes() -> None:
    first, _ = stratified(labelled([50, 50]), (0.5, 0.5), Rng(0))
    share = labelled([50, 50]).labels[first[:20]].float().mean()
    assert 0.2 < float(share) < 0.8


def test_seeds_and_streams_change_the_cut_and_nothing_else_does() -> None:
    whole = labelled([20, 20])
    cut = stratified(whole, (0.5, 0.5), Rng(1, ("a",)))[0].tolist()
    torch.rand(3)
    assert stratified(whole, (0.5, 0.5), Rng(1, ("a",)))[0].tolist() == cut
    assert stratified(whole, (0.5, 0.5), Rng(2, ("a",)))[0].tolist() != cut
    assert stratified(whole, (0.5, 0.5), Rng(1, ("b",)))[0].tolist() != cut


def test_a_class_is_cut_alike_wherever_it_stands() -> None:
    sorted_by_class = labelled([8, 8])
    mixed_order = torch.tensor([8, 0, 9, 1, 10, 2, 11, 3, 12, 4, 13, 5, 14, 6, 15, 7])
    mixed = sorted_by_class.select(mixed_order)
    here = stratified(sorted_by_class, (0.5, 0.5), Rng(3))[0]
    there = mixed_order[stratified(mixed, (0.5, 0.5), Rng(3))[0]]
    assert sorted(here.tolist()) == sorted(there.tolist())


@pytest.mark.parametrize("sizes", [[5, 1], [5, 0], [1]])
def test_a_class_too_small_to_cut_is_named(sizes: list[int]) -> None:
    with pytest.raises(DataError, match=f"class 'class {len(sizes) - 1}' of 'made' is too small"):
        stratified(labelled(sizes), (0.5, 0.5), Rng(0))
