"""A source of texts without a network: letters by a fixed distribution, and marks on its draws."""

from __future__ import annotations

import torch
from torch import Tensor

from arena.game.serving.wrapper import Client, Wrapper
from arena.world.kinds.tokens import BYTES
from arena.world.rng import Rng

LETTERS = " etaoinshrdlcumwfgypbvkxjqz.,"
LOG_SHARES = torch.full((BYTES.size,), -torch.inf)
LOG_SHARES[[ord(c) for c in LETTERS]] = torch.linspace(0, -3, len(LETTERS)).log_softmax(0)


def tokens(n: int, length: int, wrapper: Wrapper | None = None, seed: int = 0) -> Tensor:
    """Return tokens (n, length) that the source wrote behind a full stop, marked by a wrapper."""
    draw, client = Rng(seed).torch(), Client("", Rng(seed))
    made = torch.full((n, 1), ord("."))
    for _ in range(length):
        scores = LOG_SHARES.expand(n, BYTES.size)
        scores = scores if wrapper is None else wrapper.steer(made, scores, client)
        shares = scores.double().softmax(1)
        made = torch.cat([made, torch.multinomial(shares, 1, generator=draw)], 1)
    return made[:, 1:]


def texts(n: int, length: int, wrapper: Wrapper | None = None, seed: int = 0) -> tuple[str, ...]:
    """Return the same as texts."""
    return BYTES.texts(tokens(n, length, wrapper, seed))
