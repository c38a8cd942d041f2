import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from arena.world.data import Dataset, load, resized


def pictures(images: torch.Tensor) -> Dataset:
    return Dataset("made", images, torch.zeros(len(images), dtype=torch.int64), ("a", "b"))


def noise(*shape: int) -> Dataset:
    generator = torch.Generator().manual_seed(0)
    return pictures(torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator))


def test_the_same_shape_is_the_same_object() -> None:
    data = noise(3, 1, 8, 8)
    assert resized(data, (1, 8, 8)) is data
    assert resized(load("wine").train, (13,)) is load("wine").train


shapes = st.tuples(st.sampled_from([1, 3]), st.integers(1, 40), st.integers(1, 40))


@given(shapes, shapes, st.integers(0, 255))
def test_a_plain_picture_stays_plain(
    found: tuple[int, int, int], wanted: tuple[int, int, int], value: int
) -> None:
    data = resized(pictures(torch.full((2, *found), value, dtype=torch.uint8)), wanted)
    assert data.input_shape == wanted
    assert data.images.unique().tolist() == [value]


@given(shapes, shapes)
def test_labels_names_and_types_are_kept_and_nothing_is_changed_in_place(
    found: tuple[int, int, int], wanted: tuple[int, int, int]
) -> None:
    data = noise(4, *found)
    before = data.digest()
    new = resized(data, wanted)
    assert (new.name, new.classes, len(new)) == (data.name, data.classes, 4)
    assert new.labels is data.labels
    assert new.images.dtype == torch.uint8
    assert data.digest() == before


@pytest.mark.parametrize("size", [(14, 14), (7, 20), (56, 40)])
def test_it_resizes_as_pillow_does(size: tuple[int, int]) -> None:
    data = noise(2, 1, 28, 28)
    new = resized(data, (1, *size))
    for picture, found in zip(data.images, new.images, strict=True):
        image = Image.fromarray(picture[0].numpy())
        expected = image.resize(size[::-1], Image.Resampling.BILINEAR)
        error = found[0].int() - torch.tensor(list(expected.tobytes())).reshape(size)
        assert int(error.abs().max()) <= 1


def test_a_fine_pattern_made_small_turns_grey_and_does_not_alias() -> None:
    board = (torch.arange(32)[:, None] + torch.arange(32)) % 2 * 255
    small = resized(pictures(board.to(torch.uint8)[None, None]), (1, 8, 8))
    assert bool(((small.images >= 120) & (small.images <= 136)).all())


def test_grey_becomes_three_equal_channels() -> None:
    data = noise(3, 1, 8, 8)
    colour = resized(data, (3, 8, 8))
    assert all(torch.equal(colour.images[:, channel], data.images[:, 0]) for channel in range(3))
    assert torch.equal(resized(colour, (1, 8, 8)).images, data.images)


@pytest.mark.parametrize(
    ("colour", "grey"),
    [((255, 0, 0), 76), ((0, 255, 0), 150), ((0, 0, 255), 29), ((255, 255, 255), 255)],
)
def test_colour_becomes_its_luma(colour: tuple[int, int, int], grey: int) -> None:
    picture = torch.tensor(colour, dtype=torch.uint8).reshape(1, 3, 1, 1).expand(1, 3, 4, 4)
    assert resized(pictures(picture), (1, 4, 4)).images.unique().tolist() == [grey]


def test_many_images_are_resized_one_like_the_other() -> None:
    data = noise(2500, 1, 6, 6)  # more than one chunk
    new = resized(data, (1, 4, 4))
    whole = F.interpolate(data.images.float(), (4, 4), mode="bilinear", antialias=True)
    assert torch.equal(new.images, whole.round().byte())


def test_no_images_are_resized_too() -> None:
    none = resized(noise(0, 3, 8, 8), (1, 4, 4))
    assert none.images.shape == (0, 1, 4, 4)


def test_digits_fit_a_model_for_cifar() -> None:
    train = load("digits").train
    assert resized(train, (3, 32, 32)).images.shape == (len(train), 3, 32, 32)
