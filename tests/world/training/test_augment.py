"""Batched augmentation."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from arena.world.rng import Rng
from arena.world.training import Augment
from arena.world.training.augment import _grid, augmented


def batch(n: int = 5, side: int = 8) -> torch.Tensor:
    return torch.rand(n, 2, side, side, generator=Rng(0).torch())


@given(st.booleans(), st.integers(0, 3), st.floats(0, 30), st.floats(0, 0.3), st.integers(0, 4))
def test_shape_and_range_are_kept(
    flip: bool, crop: int, rotation: float, shift: float, n: int
) -> None:
    how = Augment(flip=flip, crop=crop, rotation=rotation, shift=shift)
    out = augmented(batch(n), how, Rng(1).torch())
    assert out.shape == (n, 2, 8, 8)
    if n:
        assert float(out.min()) >= -1e-6
        assert float(out.max()) <= 1 + 1e-5


def test_nothing_asked_is_nothing_done() -> None:
    images = batch()
    assert augmented(images, Augment(), Rng(1).torch()) is images


def test_a_flip_turns_some_images_and_leaves_the_others() -> None:
    images = batch(64)
    out = augmented(images, Augment(flip=True), Rng(1).torch())
    kept = (out == images).flatten(1).all(1)
    turned = (out == images.flip(3)).flatten(1).all(1)
    assert bool((kept | turned).all())
    assert 16 < int(kept.sum()) < 48


def test_a_crop_moves_by_whole_pixels() -> None:
    images = torch.zeros(200, 1, 9, 9)
    images[:, :, 4, 4] = 1
    out = augmented(images, Augment(crop=2), Rng(1).torch())
    assert torch.equal(out.sum((1, 2, 3)), torch.ones(200))
    rows = out.amax(3).argmax(2).flatten()
    assert set(rows.tolist()) == {2, 3, 4, 5, 6}


def test_a_shift_is_a_share_of_the_side() -> None:
    images = torch.zeros(100, 1, 21, 21)
    images[:, :, 10, 10] = 1
    out = augmented(images, Augment(shift=0.2), Rng(1).torch())
    centre = (out * torch.arange(21.0)).sum((1, 2, 3)) / out.sum((1, 2, 3))
    assert float((centre - 10).abs().max()) <= 0.2 * 21 + 0.5
    assert float((centre - 10).abs().max()) > 2


def test_rows_of_a_table_are_left_alone() -> None:
    rows = torch.rand(3, 7)
    assert augmented(rows, Augment(flip=True, rotation=5), Rng(1).torch()) is rows


@given(st.integers(1, 4), st.integers(2, 9), st.integers(2, 9))
def test_rotations_and_shifts_are_those_of_an_affine_grid(n: int, height: int, width: int) -> None:
    rng = Rng(n).torch()
    angle = torch.rand(n, generator=rng) * math.pi
    moved = torch.rand(n, 2, generator=rng)
    rows = torch.stack([angle.cos(), -angle.sin(), moved[:, 0]], 1)
    theta = torch.stack([rows, torch.stack([angle.sin(), angle.cos(), moved[:, 1]], 1)], 1)
    expected = F.affine_grid(theta, [n, 1, height, width], align_corners=False)
    torch.testing.assert_close(_grid(angle, moved, height, width), expected, atol=1e-6, rtol=0)
