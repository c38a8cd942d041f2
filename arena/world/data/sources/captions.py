"""Images with captions: rows of digits that are read out, and folders with a `captions.jsonl`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from arena.errors import DataError
from arena.world.data.dataset import Dataset, Source
from arena.world.data.sources.bundled import read_bundled
from arena.world.data.sources.folders import AS_THEY_ARE, ImageForm, Picture, decode
from arena.world.json_values import from_json
from arena.world.rng import Rng

Numbers = npt.NDArray[np.int64]

LIST = "captions.jsonl"
"""The file that makes a folder of images one with captions: `{"image": ..., "caption": ...}`."""

MOST_DIGITS = 4
N_TRAIN, N_TEST = 8_000, 1_000
DIGITS_VERSION = "captions-digits 1"
_NAMES = ("", "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_SIDE = 8  # pixels of a digit
_HELD_OUT = 0.25  # of the rows that there are of each length, and of the pictures of each digit
_LONGEST = 64  # words of a caption
_PUNCTUATION = ".,;:!?\"'()[]"


def captions_digits() -> Source:
    """Return rows of one to four of the bundled digits, (1, 8, 32), with what they read.

    The cut is compositional: a quarter of all rows of each length ("three seven one") is in the
    test part alone, and so is a quarter of the pictures of each digit. A row begins at any place
    at which it ends inside the image.
    """
    digits = read_bundled("digits")
    draw = Rng(0).child("captions").numpy()
    parts: tuple[list[Numbers], list[Numbers]] = ([], [])
    for length in range(1, MOST_DIGITS + 1):
        rows = np.array(list(product(range(10), repeat=length)))
        order = draw.permutation(len(rows))
        n_held = round(len(rows) * _HELD_OUT)
        parts[0].append(rows[order[n_held:]])
        parts[1].append(rows[order[:n_held]])
    train = _read_out(digits, parts[0], N_TRAIN // MOST_DIGITS, (_HELD_OUT, 1.0), draw)
    return Source(train, _read_out(digits, parts[1], N_TEST // MOST_DIGITS, (0.0, _HELD_OUT), draw))


def _read_out(
    digits: Dataset,
    by_length: Sequence[Numbers],
    size: int,
    share: tuple[float, float],
    draw: np.random.Generator,
) -> Dataset:
    """Return so many rows of each length, of those pictures of a digit that lie in a share."""
    pictures = [_between(np.flatnonzero(digits.labels.numpy() == d), share) for d in range(10)]
    counts = np.array([len(known) for known in pictures])
    first = np.cumsum(counts) - counts
    together, pixels = np.concatenate(pictures), digits.images.numpy()[:, 0]
    breadth = MOST_DIGITS * _SIDE
    images = np.zeros((len(by_length), size, _SIDE, breadth), dtype=np.uint8)
    captions = np.zeros((len(by_length), size, MOST_DIGITS), dtype=np.int64)
    for i, known in enumerate(by_length):
        rows = known[draw.integers(len(known), size=size)]  # (size, length)
        n_digits = rows.shape[1]
        starts = draw.integers(breadth - n_digits * _SIDE + 1, size=size)
        captions[i, :, :n_digits] = rows + 1
        for place, found in enumerate(rows.T):
            chosen = together[first[found] + draw.integers(counts[found])]
            columns = starts[:, None] + place * _SIDE + np.arange(_SIDE)  # (size, 8)
            images[i, np.arange(size)[:, None], :, columns] = pixels[chosen].transpose(0, 2, 1)
    order = draw.permutation(len(by_length) * size)
    shown = images.reshape(-1, 1, _SIDE, breadth)[order]
    told = captions.reshape(-1, MOST_DIGITS)[order]
    return Dataset("captions-digits", torch.from_numpy(shown), torch.from_numpy(told), _NAMES)


def _between(members: Numbers, share: tuple[float, float]) -> Numbers:
    first, last = (round(len(members) * part) for part in share)
    return members[first:last]


def is_captioned(path: Path) -> bool:
    """Say whether a folder holds a list of captions."""
    return (path / LIST).is_file()


def read_captions(path: Path, name: str, form: ImageForm = AS_THEY_ARE) -> Dataset:
    """Return the images of a folder that its list names, with their captions.

    A caption is taken apart at spaces, in lower case and without punctuation.

    Args:
        path: a folder that holds `captions.jsonl`: an object `{"image": "a.png", "caption":
            "two dogs"}` in each line; images are named as seen from the folder.
        name: of the data set.
        form: what images are made of them.

    Raises:
        DataError: a line is no such object, an image is missing or leads out of the folder, images
            differ in size, or a caption has no words or too many.
    """
    entries = list(_entries(path))
    if len(entries) < 2:
        raise DataError(f"expected captions of images in {path.name}/{LIST}, found {len(entries)}")
    known = ("", *sorted({word for _, words in entries for word in words}))
    index = {word: i for i, word in enumerate(known)}
    captions = torch.zeros(len(entries), max(len(words) for _, words in entries), dtype=torch.int64)
    for row, (_, words) in zip(captions, entries, strict=True):
        row[: len(words)] = torch.tensor([index[word] for word in words])
    pictures = [_picture(path, file, form) for file, _ in entries]
    return Dataset(name, _stacked(path.name, pictures, form), captions, known)


def captioned_shape(path: Path, form: ImageForm = AS_THEY_ARE) -> tuple[int, ...]:
    """Return the shape (C, H, W) of the first image of the list; raises like `read_captions`."""
    for file, _ in _entries(path):
        return tuple(_stacked(path.name, [_picture(path, file, form)], form).shape[1:])
    raise DataError(f"expected captions of images in {path.name}/{LIST}, found none")


def _entries(path: Path) -> Iterator[tuple[str, list[str]]]:
    """Yield each line's file and words."""
    for number, line in enumerate((path / LIST).read_text("utf-8").splitlines(), start=1):
        if not line.strip():
            continue
        try:
            found = from_json(line)
            file, caption = str(found["image"]), str(found["caption"])
        except (ValueError, TypeError, KeyError) as error:
            raise DataError(
                f'expected {{"image": ..., "caption": ...}} in line {number} of {path.name}/{LIST},'
                f" found {line[:60]!r}; write one object a line"
            ) from error
        words = [word.strip(_PUNCTUATION) for word in caption.lower().split()]
        words = [word for word in words if word]
        if not 1 <= len(words) <= _LONGEST:
            raise DataError(
                f"expected a caption of 1 to {_LONGEST} words in line {number} of "
                f"{path.name}/{LIST}, found {len(words)}"
            )
        yield file, words


def _picture(path: Path, file: str, form: ImageForm) -> Picture:
    place = (path / file).resolve()
    if not place.is_relative_to(path.resolve()) or not place.is_file():
        raise DataError(f"expected an image {file!r} in the folder {path.name}, found none there")
    try:
        return decode(place.read_bytes(), form)
    except DataError as error:
        raise DataError(f"{file} in {path.name}: {error}; convert or remove it") from error


def _stacked(origin: str, pictures: Sequence[Picture], form: ImageForm) -> Tensor:
    """Return images (N, C, H, W); grey ones have three channels where one is in colour."""
    sizes = {picture.shape[:2] for picture in pictures}
    if len(sizes) > 1:
        raise DataError(
            f"expected images of one size in {origin}, found {sorted(sizes)[:2]} (height, width); "
            "try data = 'folder:PATH?resize=N'"
        )
    n_channels = form.channels or (3 if any(picture.ndim == 3 for picture in pictures) else 1)
    held = [
        picture.transpose(2, 0, 1) if picture.ndim == 3 else np.repeat(picture[None], n_channels, 0)
        for picture in pictures
    ]
    return torch.from_numpy(np.stack(held))
