"""What a stranger's process may send, and what is refused."""

from __future__ import annotations

import json
import os
import struct
from multiprocessing import Pipe

import pytest
import torch

from arena.errors import PlayerError
from arena.game.sandbox.messages import check_finite, parse, receive, send, spoken
from arena.world.bundle import Bundle

MESSAGE = {"kind": "done"}


def blob(data: str, tensors: bytes = b"") -> bytes:
    """Return a safetensors blob with any text as plain data."""
    header = json.dumps({"__metadata__": {"data": data}}).encode()
    return len(header).to_bytes(8, "little") + header + tensors


def test_a_message_comes_back_as_it_was_sent() -> None:
    ours, theirs = Pipe()
    send(ours, MESSAGE, Bundle({"n": 1}, {"t": torch.arange(3)}))
    message, carried = receive(theirs)
    assert message == MESSAGE
    assert carried.data == {"n": 1}
    assert carried.tensors["t"].tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    "bytes_",
    [
        b"",
        b"garbage",
        (2**40).to_bytes(8, "little") + b"{}",
        blob("[" * 10_000 + "]" * 10_000),
        blob('{"message": {}, "carried": {"x": NaN}}'),
        blob('{"message": {}, "carried": {"x": 1e400}}'),
        blob('{"message": {}, "carried": {"x": 1' + "0" * 200 + "}}"),
        blob('{"message": {}, "carried": {"x": ' + "[" * 20 + "]" * 20 + "}}"),
        blob('{"message": {}, "carried": {"x": "' + "a" * 2_000_000 + '"}}'),
        blob('{"message": [1, 2], "carried": 3}'),
        blob('{"carried": {}}'),
    ],
    ids=[
        *("empty", "garbage", "long header", "deep", "NaN", "infinite", "huge number", "too deep"),
        *("long text", "wrong types", "no message"),
    ],
)
def test_what_is_no_message_costs_the_player(bytes_: bytes) -> None:
    with pytest.raises(PlayerError, match="not a message"):
        parse(bytes_)


def test_an_announced_size_beyond_the_bound_is_not_waited_for() -> None:
    ours, theirs = Pipe()
    os.write(ours.fileno(), struct.pack("!i", -1) + struct.pack("!Q", 2**40))
    with pytest.raises(OSError, match="bad message length"):
        receive(theirs)


def test_empty_tensors_cannot_claim_sizes_beyond_memory() -> None:
    whole = Bundle({"message": {}, "carried": {}}, {"t": torch.empty(0, 2**41)})
    with pytest.raises(PlayerError, match="shape"):
        parse(whole.to_bytes())


def test_keys_and_answers_are_finite() -> None:
    good = Bundle(tensors={"t": torch.zeros(2)})
    assert check_finite(good, "a key") is good
    with pytest.raises(PlayerError, match="found NaN or infinity in t"):
        check_finite(Bundle(tensors={"t": torch.tensor([float("nan")])}), "a key")


def test_a_strangers_words_are_one_short_line() -> None:
    assert spoken("a\x1b[2Jb\nc") == "a [2Jb c"
    assert len(spoken("x" * 10_000)) == 300
