"""Seeds: the most certain of the images that the victim gets right."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from arena.errors import PlayerError
from defenders.deepjudge.growth.seeds import certainty, most_certain

seeds = st.integers(0, 10**6)


@given(seeds, st.integers(1, 20), st.integers(2, 10))
def test_certainty_is_one_minus_ginis_impurity(seed: int, n: int, n_classes: int) -> None:
    p = torch.randn(n, n_classes, generator=torch.Generator().manual_seed(seed)).softmax(1)
    gini = torch.stack([p[:, k] * (1 - p[:, k]) for k in range(n_classes)]).sum(0)
    assert torch.allclose(certainty(p), 1 - gini, atol=1e-6)
    assert bool((certainty(p) >= 1 / n_classes - 1e-6).all())


@given(seeds, st.integers(1, 30), st.integers(1, 40))
def test_seeds_are_right_and_none_left_out_is_more_certain(seed: int, n: int, wanted: int) -> None:
    g = torch.Generator().manual_seed(seed)
    p, labels = (3 * torch.randn(n, 4, generator=g)).softmax(1), torch.randint(4, (n,), generator=g)
    labels[0] = p[0].argmax()  # one at least is right
    chosen = most_certain(p, labels, wanted)
    right = p.argmax(1) == labels
    assert bool(right[chosen].all())
    assert len(chosen) == len(set(chosen.tolist())) == min(wanted, int(right.sum()))
    sure = certainty(p)
    assert torch.equal(sure[chosen], sure[chosen].sort(descending=True).values)
    left = [i for i in right.nonzero().flatten().tolist() if i not in chosen.tolist()]
    assert all(sure[i] <= sure[chosen].min() for i in left)


def test_of_equally_certain_ones_the_first_come_first() -> None:
    p = torch.eye(3)[[0, 1, 2, 0]]
    assert most_certain(p, torch.tensor([0, 1, 2, 0]), 3).tolist() == [0, 1, 2]


def test_a_victim_that_is_never_right_has_no_seeds() -> None:
    with pytest.raises(PlayerError, match="right on some held-out images, found none"):
        most_certain(torch.eye(3), torch.tensor([1, 2, 0]), 3)
