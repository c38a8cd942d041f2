"""Transforms of inputs: their arithmetic, and hosting a model behind them."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from torch import Tensor

from arena.errors import RegistryError
from arena.game.rules.threat import preset
from arena.game.serving.wrapper import Client, pack_wrappers, unpack_wrappers, wrappers
from arena.game.sides.player import PlayerSpec
from arena.game.sides.suspect import Suspect
from arena.world.bundle import Bundle
from arena.world.rng import Rng
from attackers.serve.jpeg import compressed, cosines
from attackers.serve.preprocess import Autoencode, Preprocess, principal
from attackers.serve.transforms import InputSqueeze, Transform, medians, smoothed
from tests.attackers.conftest import COMPUTE, Thief

HOST = preset("host_api")
NAMES = ["input-flip", "input-gaussian", "input-jpeg", "input-median", "input-squeeze"]


def pictures(seed: int, n: int = 3, size: int = 8) -> Tensor:
    return torch.rand(n, 1, size, size, generator=Rng(seed).torch())


def test_a_gaussian_leaves_a_grey_middle_grey_and_spreads_a_point() -> None:
    grey = smoothed(torch.full((1, 2, 9, 9), 0.5), 0.6)
    assert grey[:, :, 4, 4] == pytest.approx(0.5)
    point = torch.zeros(1, 1, 9, 9)
    point[0, 0, 4, 4] = 1
    spread = smoothed(point, 0.6)
    assert float(spread.sum()) == pytest.approx(1)
    assert float(spread[0, 0, 4, 5] / spread[0, 0, 4, 4]) == pytest.approx(np.exp(-1 / 0.72))
    assert torch.allclose(spread, spread.transpose(2, 3))


@given(st.integers(0, 10**6))
def test_a_median_is_that_of_nine_neighbours(seed: int) -> None:
    images = pictures(seed, 1)
    found = medians(images)
    for row, column in ((1, 1), (4, 6)):
        around = images[0, 0, row - 1 : row + 2, column - 1 : column + 2].flatten()
        assert found[0, 0, row, column] == around.sort().values[4]
    assert found.shape == images.shape


@pytest.mark.parametrize("quality", [10, 65, 95])
@pytest.mark.parametrize("size", [16, 11])
def test_jpeg_loses_what_pillow_loses(quality: int, size: int) -> None:
    images = smoothed(pictures(quality, 9, size), 1.0) * 2
    ours, gaps = compressed(images.clamp(0, 1), quality), []
    for image, mine in zip(images.clamp(0, 1), ours, strict=True):
        file = io.BytesIO()
        pixels = (image[0] * 255).round().to(torch.uint8).numpy()
        Image.fromarray(pixels).save(file, "JPEG", quality=quality)
        theirs = torch.tensor(np.array(Image.open(file))).float()
        gaps.append((mine[0] * 255 - theirs).abs())
    gap = torch.stack(gaps)
    # Coders round differently: where a coefficient lies between two steps, a block is another one.
    assert float(gap[:, :8, :8].amax((1, 2)).median()) <= 2
    assert float(gap.mean()) < 3


def test_the_cosines_are_orthonormal() -> None:
    assert torch.allclose(cosines() @ cosines().T, torch.eye(8, dtype=torch.float64))


def test_squeezing_keeps_so_many_levels() -> None:
    assert len(InputSqueeze(bits=2).transformed(pictures(1, 9)).unique()) == 4


@pytest.mark.parametrize("name", NAMES)
def test_transforms_leave_rows_of_a_table_and_what_they_were_given(name: str) -> None:
    made = wrappers.make(PlayerSpec(name=name))
    assert isinstance(made, Transform)
    seen: list[Tensor] = []

    def answer(inputs: Tensor) -> Tensor:
        seen.append(inputs)
        return torch.zeros(len(inputs), 2)

    rows, images = torch.rand(4, 6), pictures(0)
    before = images.clone()
    for inputs in (rows, images):
        made.respond(inputs, answer, Client("a", Rng(0)))
    assert torch.equal(seen[0], rows)
    assert torch.equal(images, before)
    assert seen[1].shape == images.shape
    assert 0 <= float(seen[1].min()) <= float(seen[1].max()) <= 1
    assert not torch.equal(seen[1], images)


def test_the_hosted_model_is_the_stolen_one_behind_the_transform(thief: Thief) -> None:
    world = thief(HOST)
    delivered = world.deliver(Preprocess(wrapper="input-flip"))
    assert delivered.model is not None
    assert delivered.model.digest() == world.victim.digest()
    images = world.task.splits.thief.images[:20]
    served = Suspect.of(delivered, "labels", COMPUTE, Rng(0))
    assert torch.equal(served.labels(images), world.answers(images.flip(3)))
    assert world.spent("images_queried") == 0


def test_transforms_stack_and_the_last_one_is_met_first(thief: Thief) -> None:
    world = thief(HOST)
    first = world.deliver(Preprocess(wrapper="input-flip"))
    world.gate.current = first
    both = world.deliver(Preprocess(wrapper="input-levels", arguments={"levels": 4}))
    assert [each.name for each in both.serving] == ["input-flip", "input-levels"]
    assert both.serving[1].settings() == {"levels": 4}


@pytest.mark.parametrize(
    ("move", "problem"),
    [
        (Preprocess(wrapper="input-flop"), "no wrapper is called 'input-flop'"),
        (Preprocess(arguments={"deviation": 0}), "deviation"),
        (Preprocess(arguments={"sigma": 1}), "sigma"),
    ],
)
def test_a_wrapper_that_there_is_not_is_refused(
    thief: Thief, move: Preprocess, problem: str
) -> None:
    with pytest.raises(RegistryError, match=problem):
        thief(HOST).deliver(move)


def test_principal_directions_rebuild_what_they_span() -> None:
    basis = torch.rand(2, 7, generator=Rng(0).torch(), dtype=torch.float64)
    rows = torch.rand(20, 2, generator=Rng(1).torch(), dtype=torch.float64) @ basis + 1
    mean, directions = principal(rows, 2)
    assert torch.allclose(mean + (rows - mean) @ directions.T @ directions, rows)
    assert torch.allclose(directions @ directions.T, torch.eye(2, dtype=torch.float64))


def test_the_autoencoder_rebuilds_own_images_and_not_noise(thief: Thief) -> None:
    world = thief(HOST)
    (outer,) = world.deliver(Autoencode()).serving
    travelled = Bundle.from_bytes(pack_wrappers((outer,)).to_bytes())
    (outer,) = unpack_wrappers(travelled)
    seen: list[Tensor] = []

    def answer(inputs: Tensor) -> Tensor:
        seen.append(inputs)
        return inputs.flatten(1)

    natural = world.task.splits.test.images[:50].float() / 255
    for inputs in (natural, pictures(0, 50)):
        outer.respond(inputs, answer, Client("a", Rng(0)))
        seen[-1] = (seen[-1] - inputs).square().mean()
    assert float(seen[0]) < 0.02 < float(seen[1])
    (whole,) = world.deliver(Autoencode(width=64)).serving
    own = world.task.splits.thief.images[:50].float() / 255
    found = whole.respond(own, answer, Client("a", Rng(0)))
    assert torch.allclose(found, own.flatten(1), atol=1e-4)
