"""Images in class folders, decoded into uint8 tensors."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image, ImageOps

from arena.errors import DataError
from arena.world.data.dataset import Dataset, Source
from arena.world.data.sources.archives import members
from arena.world.data.sources.layout import Part, arrange

Picture = npt.NDArray[np.uint8]  # (H, W) grey or (H, W, 3) colour

_GREY = ("1", "L", "LA")
_DEEP = ("I", "F")  # and all that begin so: 16 or 32 bits for each pixel


@dataclass(frozen=True)
class ImageForm:
    """The form that images are brought into.

    Attributes:
        resize: the shorter side, in pixels, of which then the central square is cut out, as
            torchvision's Resize and CenterCrop do; None leaves sizes as they are.
        channels: 1 for grey, 3 for colour; None is colour if any image is.
    """

    resize: int | None = None
    channels: int | None = None


AS_THEY_ARE = ImageForm()


def read_class_folders(path: Path, name: str, form: ImageForm = AS_THEY_ARE) -> Source | Dataset:
    """Read the images of a folder, or of an archive in one pass.

    Grey images give one channel, colour ones three; a single colour image makes all of them colour.
    Images are turned as their EXIF data say. They are brought into their form one by one: no more
    is held in memory than the data set and one image.

    Args:
        path: a folder, or an archive of one of `members.SUFFIXES`; laid out as `arrange` says.
        name: the name of the data set.
        form: what images are made of them.

    Returns:
        Both parts where there are `train` and `test`, else one undivided data set; ordered by class
        and file name, whatever the order of the archive.

    Raises:
        DataError: the archive is damaged or unsafe, a file in a class folder is no image, a class
            is empty, there is only one class, image sizes differ, or the layout is another one.
    """
    pictures: dict[PurePosixPath, Picture] = {}
    faults: dict[PurePosixPath, str] = {}
    folders: set[PurePosixPath] = set()
    for place, blob in members(path):
        if blob is None:
            folders.add(place)
            continue
        try:
            pictures[place] = decode(blob, form)
        except DataError as error:  # no fault yet: the file may lie beside the class folders
            faults[place] = str(error)
    parts = arrange([*pictures, *faults], folders, path.name)
    used = [file for part in parts.values() for of_class in part.values() for file in of_class]
    for file in used:
        if file in faults:
            raise DataError(f"{file} in {path.name}: {faults[file]}; convert or remove it")
    is_colour = _check_alike(pictures, used, path.name)
    n_channels = form.channels or (3 if is_colour else 1)
    sets = {key: _dataset(name, pictures, part, n_channels) for key, part in parts.items()}
    return sets["whole"] if "whole" in sets else Source(sets["train"], sets["test"])


def first_shape(path: Path, form: ImageForm = AS_THEY_ARE) -> tuple[int, ...]:
    """Return the shape (C, H, W) of the first image in a folder of a folder, or of an archive.

    Raises:
        DataError: there is none, or the archive is damaged.
    """
    for place, blob in members(path):
        if blob is not None and len(place.parts) > 1:
            with contextlib.suppress(DataError):  # refused later, if it lies in a class
                picture = decode(blob, form)
                n_channels = form.channels or (1 if picture.ndim == 2 else 3)
                return (n_channels, *picture.shape[:2])
    raise DataError(f"expected images in class folders in {path.name}, found none; check the path")


def decode(blob: bytes, form: ImageForm = AS_THEY_ARE) -> Picture:
    """Return the pixels of an image file, (H, W) if it is grey, else (H, W, 3); alpha is dropped.

    Raises:
        DataError: the bytes are no image, a damaged one, or one of more than 8 bits for each value.
    """
    try:
        with Image.open(io.BytesIO(blob)) as image:
            mode = image.mode
            is_grey = mode in _GREY if form.channels is None else form.channels == 1
            plain = ImageOps.exif_transpose(image).convert("L" if is_grey else "RGB")
            pixels = np.asarray(plain if form.resize is None else _square(plain, form.resize))
    except Exception as error:  # a decoder that is fed with foreign bytes may raise anything
        reason = str(error).split("<", 1)[0].strip()  # without the address of the buffer
        raise DataError(f"expected an image, found bytes that are none ({reason})") from error
    if mode.startswith(_DEEP):
        raise DataError(f"expected 8 bits for each value, found an image of mode {mode}")
    return pixels


def _square(image: Image.Image, side: int) -> Image.Image:
    """Return the central square of an image whose shorter side was brought to `side` pixels.

    Source: torchvision.transforms, Resize and CenterCrop: bilinear, with antialiasing.
    """
    shorter = min(image.size)
    width, height = (int(side * size / shorter) for size in image.size)
    small = image.resize((width, height), Image.Resampling.BILINEAR)
    left, top = round((width - side) / 2), round((height - side) / 2)
    return small.crop((left, top, left + side, top + side))


def _check_alike(
    pictures: Mapping[PurePosixPath, Picture], used: Sequence[PurePosixPath], origin: str
) -> bool:
    """Return whether any image is in colour; refuse images of different sizes."""
    first = used[0]
    for file in used:
        if pictures[file].shape[:2] != pictures[first].shape[:2]:
            sizes = [
                f"{found} of {pictures[found].shape[1]}x{pictures[found].shape[0]}"
                for found in (first, file)
            ]
            raise DataError(
                f"expected images of one size in {origin}, found {' and '.join(sizes)} pixels; "
                "try --resize N, or data = 'folder:PATH?resize=N'"
            )
    return any(pictures[file].ndim == 3 for file in used)


def _dataset(
    name: str, pictures: MutableMapping[PurePosixPath, Picture], part: Part, n_channels: int
) -> Dataset:
    """Return the data set of a part; its pictures are taken out, so that none is held twice."""
    files = [file for of_class in part.values() for file in of_class]
    height, width = pictures[files[0]].shape[:2]
    held = np.empty((len(files), n_channels, height, width), dtype=np.uint8)
    for index, file in enumerate(files):
        picture = pictures.pop(file)
        held[index] = picture.transpose(2, 0, 1) if picture.ndim == 3 else picture
    counts = torch.tensor([len(of_class) for of_class in part.values()])
    return Dataset(
        name=name,
        images=torch.from_numpy(held),  # (N, C, H, W)
        labels=torch.repeat_interleave(torch.arange(len(part)), counts),
        classes=tuple(part),
    )
