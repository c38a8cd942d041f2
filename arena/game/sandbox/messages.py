"""What crosses between a player's process and the referee's: bundles, bounded and checked.

A message is a safetensors blob with plain data. What comes from a player's side is refused where it
is too large, too deep, of a strange type of number, or not finite: it costs the player its cell.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from multiprocessing.connection import Connection

import torch
from safetensors.torch import load
from torch import Tensor

from arena.errors import PlayerError
from arena.world.bundle import Bundle
from arena.world.json_values import Json, Raw, from_json

MOST_BYTES = 512 << 20  # of a message
_HEADER = 8  # bytes that hold the length of the safetensors header
_MOST_HEADER = 16 << 20  # bytes of names, shapes and plain data
_MOST_TENSORS = 20_000
_MOST_AXES = 8
_MOST_SIZE = 2**40  # of an axis, also where another is 0
_DEEPEST = 16  # lists and tables in one another
_MOST_TEXT = 1 << 20  # characters
_LARGEST = 1e100  # of a number: sums of what is recorded stay finite
_MOST_KEPT = 300  # characters of a player's sentence
TYPES = frozenset(
    {
        *(torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64, torch.bool),
        *(torch.float16, torch.bfloat16, torch.float32, torch.float64),
    }
)


def send(pipe: Connection, message: Mapping[str, Json], carried: Bundle) -> None:
    """Send plain data about a message, and the bundle that it carries."""
    whole = Bundle({"message": dict(message), "carried": dict(carried.data)}, carried.tensors)
    pipe.send_bytes(whole.to_bytes())


def receive(pipe: Connection) -> tuple[dict[str, Raw], Bundle]:
    """Return the next message and what it carries.

    Raises:
        PlayerError: the bytes are not a message within the bounds.
        EOFError, OSError: the other end is gone, or announced more than a message may hold.
    """
    return parse(pipe.recv_bytes(MOST_BYTES))


def parse(blob: bytes) -> tuple[dict[str, Raw], Bundle]:
    """Return the message in a blob and what it carries; raises like `receive`."""
    try:
        size = int.from_bytes(blob[:_HEADER], "little")
        if size > _MOST_HEADER:
            raise ValueError(f"a header of {size} bytes")
        header = from_json(blob[_HEADER : _HEADER + size])
        data = from_json(header["__metadata__"]["data"])
        check_plain_data(data)
        tensors = load(blob)
        check_tensors(tensors)
        return dict(data["message"]), Bundle(dict(data["carried"]), tensors)
    except Exception as error:  # a stranger's bytes can make a reader raise anything
        reason = spoken(f"{type(error).__name__}: {error}")
        raise PlayerError(f"sent something that is not a message ({reason})") from error


def check_plain_data(value: Raw, depth: int = 0) -> None:
    """Refuse plain data that are too deep, too long, or hold a number that is none.

    Raises:
        ValueError: says what is wrong.
    """
    if depth > _DEEPEST:
        raise ValueError(f"more than {_DEEPEST} lists or tables in one another")
    if isinstance(value, dict):
        for name, inside in value.items():
            check_plain_data(name, depth)
            check_plain_data(inside, depth + 1)
    elif isinstance(value, list):
        for inside in value:
            check_plain_data(inside, depth + 1)
    elif isinstance(value, str):
        if len(value) > _MOST_TEXT:
            raise ValueError(f"a text of {len(value)} characters")
    elif value is not None and not abs(value) <= _LARGEST:  # NaN compares as false
        raise ValueError(f"the number {value!r}")


def check_tensors(tensors: Mapping[str, Tensor]) -> None:
    """Refuse tensors of strange types or shapes; raises like `check_plain_data`."""
    if len(tensors) > _MOST_TENSORS:
        raise ValueError(f"{len(tensors)} tensors")
    for name, tensor in tensors.items():
        if tensor.dtype not in TYPES:
            raise ValueError(f"{name} of type {tensor.dtype}")
        if tensor.dim() > _MOST_AXES or math.prod(max(n, 1) for n in tensor.shape) > _MOST_SIZE:
            raise ValueError(f"{name} of shape {tuple(tensor.shape)}")


def check_finite(bundle: Bundle, what: str) -> Bundle:
    """Return a bundle whose tensors are all finite.

    Raises:
        PlayerError: one is not.
    """
    for name, tensor in bundle.tensors.items():
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
            raise PlayerError(f"expected finite numbers in {what}, found NaN or infinity in {name}")
    return bundle


def prefixed(name: str, bundle: Bundle) -> dict[str, Tensor]:
    """Return the tensors of a part of a larger bundle, under the part's name."""
    return {f"{name}/{inside}": tensor for inside, tensor in bundle.tensors.items()}


def part(bundle: Bundle, name: str) -> Bundle:
    """Return a part of a larger bundle: its plain data and its tensors.

    Raises:
        PlayerError: there is none of that name.
    """
    data = bundle.data.get(name)
    if not isinstance(data, dict):
        raise PlayerError(f"expected a part {name!r}, found none")
    return Bundle(data, bundle.prefixed(name))


def spoken(text: str) -> str:
    """Return a stranger's text as one short line without control characters.

    >>> spoken("one" + chr(27) + "[2J" + chr(10) + "two")
    'one [2J two'
    """
    line = " ".join("".join(c if c.isprintable() else " " for c in text[: 4 * _MOST_KEPT]).split())
    return line if len(line) <= _MOST_KEPT else line[: _MOST_KEPT - 1] + "…"
