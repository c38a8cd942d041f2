"""The pseudo-random function behind marks: known values, uniform numbers, lists of one size."""

from __future__ import annotations

import pytest
import torch

from arena.world.kinds.tokens import BYTES
from arena.world.rng import Rng
from defenders.language.scheme.colours import Colouring
from defenders.language.scheme.normalise import normalised
from defenders.language.scheme.prf import Seeding, contexts, green_lists, keyed, mix, uniforms
from defenders.language.scheme.scoring import repeats, scored

SEEDINGS: tuple[Seeding, ...] = ("lefthash", "minhash", "selfhash", "ordered")


def test_mix_is_splitmix64() -> None:
    """The first outputs of the published generator from the seed 0, which adds its increment."""
    increment = -7046029254386353131
    found = [int(mix(torch.tensor(increment) * i)) % 2**64 for i in range(3)]
    assert found == [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F]


def test_numbers_are_uniform_and_each_keys_own() -> None:
    windows = torch.arange(4000).view(1000, 4)
    one, other = (
        uniforms(contexts(windows, keyed(name), "ordered"), torch.arange(1000)) for name in "ab"
    )
    for u in (one, other):
        assert 0 < float(u.min()) < float(u.max()) < 1
        assert abs(float(u.mean()) - 0.5) < 5 * (1 / 12 / 1000) ** 0.5
    assert abs(float(torch.corrcoef(torch.stack([one, other]))[0, 1])) < 5 / 1000**0.5


@pytest.mark.parametrize(("gamma", "vocabulary", "size"), [(0.25, 65, 16), (0.5, 256, 128)])
def test_a_list_has_the_floor_of_its_share(gamma: float, vocabulary: int, size: int) -> None:
    lists = green_lists(mix(torch.arange(50)), gamma, vocabulary)
    assert lists.shape == (50, vocabulary)
    assert set(lists.sum(1).tolist()) == {size}
    assert len(set(map(tuple, lists.tolist()))) == 50


def test_chance_is_that_of_the_list() -> None:
    """16 of 65 tokens are not a quarter of them."""
    assert Colouring(1, 1, "lefthash", 0.25, 65).chance == 16 / 65
    assert Colouring(1, 4, "selfhash", 0.25, 65).chance == 0.25
    assert Colouring(1, 4, "ordered", 0.25, 65, lists=False).chance == 0.25


@pytest.mark.parametrize("lists", [True, False])
@pytest.mark.parametrize("seeding", SEEDINGS)
def test_what_is_favoured_is_what_is_counted(seeding: Seeding, lists: bool) -> None:
    """The wrapper colours candidates and the detector pairs of a text: both by one rule."""
    width = 1 if seeding == "lefthash" else 3
    colours = Colouring(keyed("k"), width, seeding, 0.25, 256, lists)
    text = BYTES.folded(torch.randint(97, 123, (60,), generator=Rng(1).torch()))
    places = colours.scored([text], once=False)
    assert places.n == 60 - colours.reads
    hits = 0
    for at in range(colours.reads, 60):
        before = text[at - colours.reads : at][None]
        hits += int(colours.green(before)[0, text[at]])
    assert colours.hits(places) == hits


def test_each_pair_is_scored_once_over_all_texts() -> None:
    text = BYTES.encode("abcabcabc")
    assert scored([text], 1, 7, "lefthash", once=False).n == 8
    assert scored([text], 1, 7, "lefthash").n == 3  # ab, bc, ca
    assert scored([text, text], 1, 7, "ordered").n == 3
    assert scored([BYTES.encode("a"), BYTES.encode("")], 1, 7, "ordered").n == 0


def test_only_ordered_contexts_tell_orders_apart() -> None:
    windows = torch.tensor([[1, 2, 3], [3, 2, 1]])
    for seeding in SEEDINGS:
        same = len(contexts(windows, 5, seeding).unique()) == 1
        assert same is (seeding != "ordered")


def test_a_window_that_stood_before_is_seen() -> None:
    rows = torch.stack([BYTES.encode("abcdxabc"), BYTES.encode("abcdxabd")])
    assert repeats(rows, 3).tolist() == [True, False]
    assert repeats(rows[:, :3], 3).tolist() == [False, False]


def test_disguises_are_undone() -> None:
    assert normalised("f\u043ex\u200b and ﬁre") == "fox and fire"
    assert normalised("Füchse") == "Füchse"
    assert torch.equal(BYTES.folded(BYTES.encode("FoX é")), BYTES.encode("fox é"))
