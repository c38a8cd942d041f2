"""Randomness: one root seed, and named streams that do not depend on the order of their making."""

from __future__ import annotations

import hashlib
from secrets import randbits

import numpy as np
import torch

_SECRET = 1 << 64
"""Roots from here on hold a secret: their streams are one-way functions of root and name."""
_BITS = 128


def secret_root() -> int:
    """Return a root that nobody can guess, another one at every call."""
    return _SECRET + randbits(_BITS)


class Rng:
    """A named stream of randomness; children are named, so adding one never moves another.

    Source: NumPy's `SeedSequence` with the hash of the name as spawn key; under a secret root, with
    the SHA-256 of root and name as entropy.

    >>> Rng(7).child("victim").integer() == Rng(7).child("victim").integer()
    True
    >>> Rng(7).child("victim").integer() == Rng(7).child("thief").integer()
    False
    """

    def __init__(self, seed: int, path: tuple[str, ...] = ()) -> None:
        self.seed, self.path = seed, path

    def __repr__(self) -> str:
        return f"Rng({self.seed}, {'/'.join(self.path)!r})"

    def child(self, *names: str | int) -> Rng:
        """Return the stream of that name below this one."""
        return Rng(self.seed, (*self.path, *(str(name) for name in names)))

    def alone(self) -> Rng:
        """Return a stream of its own: it has no name, and no other can be derived from it."""
        return Rng(self.integer())

    def sealed(self) -> Rng:
        """Return the stream for a player to hold: none but its own children can be derived from it.

        Under a root that anybody may know there is nothing to hide, and the stream stays.
        """
        return self.alone() if self.seed >= _SECRET else self

    def _sequence(self) -> np.random.SeedSequence:
        text = "\x00".join(self.path).encode()
        if self.seed >= _SECRET:
            root = self.seed.to_bytes((self.seed.bit_length() + 7) // 8, "big")
            return np.random.SeedSequence(int.from_bytes(hashlib.sha256(root + text).digest()))
        words = np.frombuffer(hashlib.sha256(text).digest()[:16], dtype=np.uint32)
        return np.random.SeedSequence(self.seed, spawn_key=tuple(int(word) for word in words))

    def integer(self) -> int:
        """Return the stream's own 63-bit number: the same at every call."""
        return int(self._sequence().generate_state(1, np.uint64)[0] >> np.uint64(1))

    def root(self) -> int:
        """Return the stream's own secret root: the same at every call.

        >>> Rng(7).child("victim").root() == Rng(7).child("victim").root() >= 1 << 64
        True
        """
        high, low = map(int, self._sequence().generate_state(_BITS // 64, np.uint64))
        return _SECRET + (high << 64 | low)

    def numpy(self) -> np.random.Generator:
        """Return a fresh NumPy generator at the start of this stream."""
        return np.random.default_rng(self._sequence())

    def torch(self, device: str | torch.device = "cpu") -> torch.Generator:
        """Return a fresh torch generator on `device` at the start of this stream."""
        generator = torch.Generator(device=device)
        generator.manual_seed(self.integer())
        return generator
