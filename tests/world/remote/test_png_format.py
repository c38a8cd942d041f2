"""Batches as PNG: they arrive as they were sent, and nothing else is believed."""

from __future__ import annotations

import io

import pytest
import torch
from PIL import Image

from arena.errors import EndpointError
from arena.world.remote.png_format import read_png
from tests.world.endpoints import write_png


@pytest.mark.parametrize("shape", [(1, 3, 5), (3, 4, 2)])
def test_bytes_arrive_as_they_were_sent(shape: tuple[int, ...]) -> None:
    draw = torch.Generator().manual_seed(1)
    sent = torch.randint(0, 256, (6, *shape), generator=draw, dtype=torch.uint8)
    assert torch.equal(read_png(write_png(sent), shape, 6), sent.float() / 255)
    assert torch.equal(read_png(write_png(sent.float() / 255), shape, 6), sent.float() / 255)


def picture(form: str, size: tuple[int, int]) -> bytes:
    buffer = io.BytesIO()
    Image.new("L", size).save(buffer, form)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("blob", "sentence"),
    [
        (picture("PNG", (8, 12)), "expected a PNG 8 wide and 8 high for each"),
        (picture("PNG", (9, 8)), "found 9 x 8"),
        (picture("PNG", (8, 40)), "at most 4 images"),
        (picture("BMP", (8, 8)), "expected a PNG, found none"),
        (picture("PNG", (8, 8))[:40], "expected a PNG, found none"),
        (b"", "expected a PNG, found none"),
    ],
)
def test_what_is_no_batch_is_refused(blob: bytes, sentence: str) -> None:
    with pytest.raises(EndpointError, match=sentence):
        read_png(blob, (1, 8, 8), 4)


def test_what_is_no_image_has_no_png() -> None:
    with pytest.raises(EndpointError, match="expected json or npy"):
        read_png(picture("PNG", (8, 8)), (64,), 4)
