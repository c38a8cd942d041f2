import numpy as np
import pytest
import torch
from torch import Tensor

from arena.world.data import Source
from arena.world.data.sources.synthetic import _FORMULAS, shapes
from arena.world.rng import Rng


@pytest.fixture(scope="module")
def drawn() -> Source:
    return shapes()


def test_as_many_images_of_each_formula(drawn: Source) -> None:
    assert drawn.train.images.shape == (20_000, 1, 28, 28)
    assert drawn.test.images.shape == (1_000, 1, 28, 28)
    assert drawn.train.labels.bincount().tolist() == [2_000] * 10
    assert drawn.test.labels.bincount().tolist() == [100] * 10
    assert drawn.train.classes == tuple(sorted(_FORMULAS))


def test_any_prefix_is_a_fair_sample(drawn: Source) -> None:
    assert drawn.train.labels[:20].tolist() == [*range(10), *range(10)]


def test_no_image_twice_and_none_of_one_level(drawn: Source) -> None:
    images = torch.cat([drawn.train.images, drawn.test.images]).flatten(1)
    assert len(images.unique(dim=0)) == len(images)
    assert int((images.amax(1).int() - images.amin(1).int()).min()) > 50


def test_always_the_same_images(drawn: Source) -> None:
    torch.rand(1)  # the global state has no say
    again = shapes()
    assert again.train.digest() == drawn.train.digest()
    assert again.test.digest() == drawn.test.digest()


def test_no_class_can_be_told_by_its_brightness(drawn: Source) -> None:
    means = [
        float(drawn.train.images[drawn.train.labels == label].float().mean()) for label in range(10)
    ]
    assert max(means) - min(means) < 10


def test_a_formula_can_be_told_by_its_images(drawn: Source) -> None:
    """The nearest neighbour in blurred spectra finds the formula far more often than chance."""

    def spectra(images: torch.Tensor) -> torch.Tensor:
        values = images[:, 0].float()
        values = (values - values.mean((1, 2), keepdim=True)) / values.std((1, 2), keepdim=True)
        spectrum: Tensor = torch.fft.rfft2(values)
        return spectrum.abs().log1p().flatten(1)

    known, asked = spectra(drawn.train.images[:4000]), spectra(drawn.test.images)
    nearest = torch.cdist(asked, known).argmin(1)
    right = drawn.train.labels[:4000][nearest] == drawn.test.labels
    assert float(right.float().mean()) > 0.5


@pytest.mark.parametrize("name", _FORMULAS)
def test_formulas_are_finite_whatever_they_draw(name: str) -> None:
    values = _FORMULAS[name](Rng(9).child(name).numpy(), 500)
    assert values.shape == (500, 28, 28)
    assert np.isfinite(values).all()
