"""The Frechet distance, beside another way to compute it."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.linalg
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from arena.world.kinds.frechet import cloud, frechet
from arena.world.rng import Rng


def drawn(seed: int, n: int = 40, d: int = 5) -> torch.Tensor:
    draw = Rng(seed).numpy()
    return torch.from_numpy(draw.normal(size=(n, d)) @ draw.normal(size=(d, d)) + draw.normal())


def test_it_agrees_with_a_general_square_root() -> None:
    one, other = cloud(drawn(1)), cloud(drawn(2))
    root = scipy.linalg.sqrtm(one.covariance.numpy() @ other.covariance.numpy()).real
    expected = float((one.mean - other.mean).square().sum()) + float(
        np.trace(one.covariance.numpy() + other.covariance.numpy() - 2 * root)
    )
    assert frechet(one, other) == pytest.approx(expected, rel=1e-6)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.integers(0, 10_000))
def test_it_is_symmetric_and_zero_only_for_equals(a: int, b: int) -> None:
    one, other = cloud(drawn(a)), cloud(drawn(b))
    assert frechet(one, one) == pytest.approx(0, abs=1e-8)
    assert frechet(one, other) == pytest.approx(frechet(other, one), rel=1e-6, abs=1e-8)
    assert a == b or frechet(one, other) > 1e-3
