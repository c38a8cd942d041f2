"""Randomness: one root seed, and named streams that do not depend on the order of their making."""

from __future__ import annotations

import hashlib

import numpy as np
import torch


class Rng:
    """A named stream of randomness; children are named, so adding one never moves another.

    Source: NumPy's `SeedSequence` with the hash of the name as spawn key.

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

    def _sequence(self) -> np.random.SeedSequence:
        text = "\x00".join(self.path).encode()
        words = np.frombuffer(hashlib.sha256(text).digest()[:16], dtype=np.uint32)
        return np.random.SeedSequence(self.seed, spawn_key=tuple(int(word) for word in words))

    def integer(self) -> int:
        """Return the stream's own 63-bit number: the same at every call."""
        return int(self._sequence().generate_state(1, np.uint64)[0] >> np.uint64(1))

    def numpy(self) -> np.random.Generator:
        """Return a fresh NumPy generator at the start of this stream."""
        return np.random.default_rng(self._sequence())

    def torch(self, device: str | torch.device = "cpu") -> torch.Generator:
        """Return a fresh torch generator on `device` at the start of this stream."""
        generator = torch.Generator(device=device)
        generator.manual_seed(self.integer())
        return generator
