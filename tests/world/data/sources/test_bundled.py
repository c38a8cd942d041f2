import pytest
import sklearn
import torch
from sklearn import datasets

from arena.world.data.sources.bundled import bundled_version, read_bundled


@pytest.mark.parametrize(
    ("name", "shape", "n_classes"),
    [("digits", (1797, 1, 8, 8), 10), ("breast-cancer", (569, 30), 2), ("wine", (178, 13), 3)],
)
def test_shapes_types_and_classes(name: str, shape: tuple[int, ...], n_classes: int) -> None:
    held = read_bundled(name)
    assert tuple(held.images.shape) == shape
    assert held.images.dtype == torch.uint8
    assert held.labels.unique().tolist() == list(range(n_classes))
    assert held.n_classes == n_classes
    assert held.name == name


def test_the_levels_of_the_digits_are_spread_evenly() -> None:
    levels = read_bundled("digits").images.unique()
    assert levels.tolist() == [round(level * 255 / 16) for level in range(17)]


def test_digits_are_the_pictures_of_their_labels() -> None:
    held, bunch = read_bundled("digits"), datasets.load_digits()
    assert torch.equal(held.labels, torch.from_numpy(bunch.target))
    expected = torch.from_numpy(bunch.images[5] * 255 / 16).round()
    assert torch.equal(held.images[5, 0].double(), expected)
    assert held.classes == tuple("0123456789")


@pytest.mark.parametrize("name", ["breast-cancer", "wine"])
def test_every_feature_uses_the_whole_range_and_keeps_its_order(name: str) -> None:
    held = read_bundled(name)
    bunch = {"breast-cancer": datasets.load_breast_cancer, "wine": datasets.load_wine}[name]()
    assert held.images.amin(0).unique().tolist() == [0]
    assert held.images.amax(0).unique().tolist() == [255]
    for feature, raw in zip(held.images.T, bunch.data.T, strict=True):
        ranked = feature[torch.from_numpy(raw).argsort()].int()
        assert bool((ranked.diff() >= 0).all())


def test_the_version_names_the_library() -> None:
    assert bundled_version() == f"scikit-learn {sklearn.__version__}"
