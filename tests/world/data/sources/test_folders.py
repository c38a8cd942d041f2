import io
import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision import transforms

from arena.errors import DataError
from arena.world.data.dataset import Dataset, Source
from arena.world.data.sources.archives import SUFFIXES
from arena.world.data.sources.folders import ImageForm, decode, read_class_folders

Files = dict[str, bytes | None]
Maker = Callable[..., Path]


def whole(path: Path) -> Dataset:
    content = read_class_folders(path, "pets")
    assert isinstance(content, Dataset)
    return content


def test_both_parts_hold_their_images_in_order_of_class_and_name(
    as_folder: Maker, pets: Files
) -> None:
    content = read_class_folders(as_folder(pets), "pets")
    assert isinstance(content, Source)
    assert content.train.images[:, 0, 0, 0].tolist() == [0, 10, 20]
    assert content.test.images[:, 0, 0, 0].tolist() == [30, 40, 50]
    assert content.train.labels.tolist() == [0, 0, 1]
    assert content.test.labels.tolist() == [0, 1, 1]
    assert content.train.classes == content.test.classes == ("cat", "dog")
    assert content.train.input_shape == (1, 3, 4)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_an_archive_in_any_order_is_the_same_as_its_folder(
    as_folder: Maker, as_archive: Maker, pets: Files, suffix: str
) -> None:
    names = list(pets)
    random.Random(4).shuffle(names)
    packed = read_class_folders(as_archive({name: pets[name] for name in names}, suffix), "pets")
    plain = read_class_folders(as_folder(pets), "pets")
    assert isinstance(packed, Source)
    assert isinstance(plain, Source)
    assert packed.train.digest() == plain.train.digest()
    assert packed.test.digest() == plain.test.digest()


def test_without_parts_there_is_one_data_set(
    as_folder: Maker, picture: Callable[..., bytes]
) -> None:
    found = whole(as_folder({"b/1.png": picture(1), "a/1.png": picture(2)}))
    assert found.images[:, 0, 0, 0].tolist() == [2, 1]
    assert found.labels.tolist() == [0, 1]


def test_height_comes_before_width_and_pixels_stay_where_they_are(as_folder: Maker) -> None:
    image = Image.new("RGB", (3, 2))
    image.putpixel((2, 0), (10, 20, 30))  # third column, first row
    file = io.BytesIO()
    image.save(file, "PNG")
    found = whole(as_folder({"a/1.png": file.getvalue(), "b/1.png": file.getvalue()}))
    assert found.images.shape == (2, 3, 2, 3)
    assert found.images[0, :, 0, 2].tolist() == [10, 20, 30]
    assert int(found.images.sum()) == 2 * 60
    assert found.images.is_contiguous()


def test_one_colour_image_makes_all_colour(as_folder: Maker, picture: Callable[..., bytes]) -> None:
    red = picture((255, 0, 0), mode="RGB")
    found = whole(as_folder({"a/1.png": picture(9), "b/1.png": red}))
    assert found.images[:, :, 0, 0].tolist() == [[9, 9, 9], [255, 0, 0]]


@pytest.mark.parametrize(
    ("mode", "value", "channels"),
    [
        ("L", 200, [200]),
        ("1", 1, [255]),
        ("LA", (200, 0), [200]),
        ("RGB", (1, 2, 3), [1, 2, 3]),
        ("RGBA", (1, 2, 3, 0), [1, 2, 3]),
        ("P", 0, [0, 0, 0]),
    ],
)
def test_modes(
    picture: Callable[..., bytes], mode: str, value: int | tuple[int, ...], channels: list[int]
) -> None:
    pixels = decode(picture(value, mode=mode))
    assert pixels.shape[:2] == (3, 4)
    assert pixels[0, 0].reshape(-1).tolist() == channels


def test_other_formats_are_read(as_folder: Maker, picture: Callable[..., bytes]) -> None:
    files = {"a/1.jpg": picture(90, kind="JPEG"), "b/1.bmp": picture(90, kind="BMP")}
    assert whole(as_folder(files)).images.float().mean() == pytest.approx(90, abs=2)


def test_what_lies_beside_the_class_folders_need_not_be_an_image(
    as_folder: Maker, pets: Files
) -> None:
    files = pets | {"README.md": b"pets", "train/labels.csv": b"a,b", "logo.png": b"broken"}
    assert isinstance(read_class_folders(as_folder(files), "pets"), Source)


def test_an_image_beside_the_class_folders_has_no_say_in_size_or_colour(
    as_folder: Maker, pets: Files, picture: Callable[..., bytes]
) -> None:
    files = pets | {"logo.png": picture((1, 2, 3), mode="RGB", size=(9, 9))}
    content = read_class_folders(as_folder(files), "pets")
    assert isinstance(content, Source)
    assert content.train.input_shape == (1, 3, 4)


def test_uint8_and_int64(as_folder: Maker, pets: Files) -> None:
    content = read_class_folders(as_folder(pets), "pets")
    assert isinstance(content, Source)
    assert (content.train.images.dtype, content.train.labels.dtype) == (torch.uint8, torch.int64)


def _gradient(width: int, height: int) -> bytes:
    """Return a colour picture whose pixels tell where they are."""
    x, y = np.meshgrid(np.linspace(0, 255, width), np.linspace(0, 255, height))
    held = io.BytesIO()
    pixels = np.stack([x, y, np.full_like(x, 90)], 2).astype(np.uint8)
    Image.fromarray(pixels).save(held, "PNG")
    return held.getvalue()


@pytest.mark.parametrize(("width", "height"), [(60, 40), (40, 61), (16, 16), (12, 9)])
def test_images_of_any_size_are_brought_to_one_as_torchvision_does(width: int, height: int) -> None:
    blob = _gradient(width, height)
    steps = transforms.Compose([transforms.Resize(16), transforms.CenterCrop(16)])
    expected = np.asarray(steps(Image.open(io.BytesIO(blob))))
    assert np.array_equal(decode(blob, ImageForm(resize=16)), expected)


def test_a_folder_of_mixed_sizes_and_modes_gives_one_form(as_folder: Maker) -> None:
    grey = io.BytesIO()
    Image.fromarray(np.full((30, 20), 77, np.uint8)).save(grey, "PNG")
    files = {"cat/a.png": _gradient(60, 40), "dog/b.png": grey.getvalue()}
    path = as_folder(files)
    whole = read_class_folders(path, "pets", ImageForm(resize=16))
    assert isinstance(whole, Dataset)
    assert whole.input_shape == (3, 16, 16)
    assert (whole.images[1] == 77).all()
    grey_ones = read_class_folders(path, "pets", ImageForm(16, channels=1))
    assert isinstance(grey_ones, Dataset)
    assert grey_ones.input_shape == (1, 16, 16)
    with pytest.raises(DataError, match=r"images of one size .* try --resize N"):
        read_class_folders(path, "pets")


def test_images_are_turned_as_their_exif_data_say() -> None:
    held, turned = io.BytesIO(), Image.Exif()
    turned[0x0112] = 6  # shown a quarter to the right
    Image.fromarray(np.arange(12, dtype=np.uint8).reshape(3, 4)).save(held, "PNG", exif=turned)
    assert decode(held.getvalue()).shape == (4, 3)
