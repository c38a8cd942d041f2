"""The two archives of real images, where ARENA_DATA points at them."""

import os

import pytest

from arena.world.data import known, load

ARENA_DATA = os.environ.get("ARENA_DATA", "")
INFOS = {info.name: info for info in known()}

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not ARENA_DATA, reason="ARENA_DATA is not set"),
]


@pytest.mark.parametrize(
    ("name", "mean"),
    [("mnist", 33.3), ("cifar10", 120.7)],  # of all pixels of the train part, in 0 to 255
)
def test_the_archive_is_what_its_name_says(
    name: str, mean: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ARENA_DATA", ARENA_DATA)
    source, info = load(name), INFOS[name]
    assert (len(source.train), len(source.test)) == (info.n_train, info.n_test)
    assert (source.train.input_shape, source.train.n_classes) == (info.shape, info.classes)
    assert float(source.train.images.float().mean()) == pytest.approx(mean, abs=0.2)
    assert source.test.labels.bincount().min() > 800
