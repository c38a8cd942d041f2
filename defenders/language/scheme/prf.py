"""The pseudo-random function behind marks in texts: integers alone, the same on every device.

A key and the tokens before a place give its context; a context and a token give a number in (0, 1)
by which the token is coloured or drawn.
"""

from __future__ import annotations

import hashlib
from typing import Literal

import torch
from torch import Tensor

Seeding = Literal["lefthash", "minhash", "selfhash", "ordered"]
"""How the tokens before a place give its context: their sum; the least of their hashes; the same
with the token itself among them; a hash of all of them in their order."""

_GAMMA = -7046029254386353131  # 0x9e3779b97f4a7c15, the increment of splitmix64
_FACTORS = (-4658895280553007687, -7723592293110705685)  # its two multipliers
_MANTISSA = 52  # so that no number rounds to 1


def mix(values: Tensor) -> Tensor:
    """Return the finaliser of splitmix64 of int64 values, wrapping as 64 bits do.

    Source: Steele, Lea and Flood, OOPSLA 2014.
    """
    mixed = values + _GAMMA
    mixed = (mixed ^ _shifted(mixed, 30)) * _FACTORS[0]
    mixed = (mixed ^ _shifted(mixed, 27)) * _FACTORS[1]
    return mixed ^ _shifted(mixed, 31)


def _shifted(values: Tensor, n: int) -> Tensor:
    """Return a shift to the right that fills with zeros."""
    return (values >> n) & ((1 << (64 - n)) - 1)


def keyed(secret: str) -> int:
    """Return the 64-bit key of a secret, by SHA-256."""
    digest = hashlib.sha256(b"mark in texts" + secret.encode()).digest()
    return int.from_bytes(digest[:8], "little", signed=True)


def contexts(windows: Tensor, key: int, seeding: Seeding) -> Tensor:
    """Return the context (...) of each window of tokens (..., h), int64; of h = 0 it is the key's.

    Args:
        windows: the h tokens before a place; for "selfhash" the token itself is the last of them.
        key: see `keyed`.
        seeding: how.

    Source: Kirchenbauer et al., ICML 2023 and ICLR 2024; "ordered" as in Aaronson's mark.
    """
    start = torch.tensor(key, device=windows.device)
    if not windows.shape[-1]:
        return mix(start).expand(windows.shape[:-1])
    if seeding == "lefthash":
        return mix(start ^ mix(windows.sum(-1)))
    if seeding in ("minhash", "selfhash"):
        least: Tensor = mix(start ^ windows).amin(-1)
        return least
    hashed = start.expand(windows.shape[:-1])
    for place in range(windows.shape[-1]):
        hashed = mix(hashed ^ windows[..., place])
    return hashed


def uniforms(context: Tensor, tokens: Tensor) -> Tensor:
    """Return a number in (0, 1) for each context and token, whose shapes broadcast; float64."""
    bits = _shifted(mix(context ^ mix(tokens)), 64 - _MANTISSA)
    return (bits.double() + 0.5) / 2.0**_MANTISSA


def list_size(gamma: float, vocabulary: int) -> int:
    """Return how many tokens a green list holds: floor(gamma V).

    >>> list_size(0.25, 65)
    16
    """
    return int(gamma * vocabulary)


def green_lists(context: Tensor, gamma: float, vocabulary: int) -> Tensor:
    """Return the green list of each context (N,) as a mask (N, V) with floor(gamma V) tokens.

    Those with the least numbers are green: a random subset of a fixed size.
    """
    every = torch.arange(vocabulary, device=context.device)
    values = uniforms(context[:, None], every)
    least = values.topk(list_size(gamma, vocabulary), 1, largest=False).indices
    return torch.zeros_like(values, dtype=torch.bool).scatter(1, least, True)
