"""Randomness for libraries that take no generator: the global ones, lent to them for a while."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import numpy as np
import torch

from arena.world.rng import Rng


@contextlib.contextmanager
def lent(rng: Rng, device: str = "cpu") -> Iterator[None]:
    """Let what draws from the global generators of torch and NumPy draw from a stream instead.

    Both are put back afterwards, so nobody else's draws move. It is not for two threads at once.
    """
    devices = [torch.cuda.current_device()] if device == "cuda" else []
    before = np.random.get_state()  # the generator that art.attacks draws from
    stream = np.random.RandomState(rng.child("numpy").integer() % 2**32)
    with torch.random.fork_rng(devices=devices):
        torch.default_generator.set_state(rng.child("torch").torch().get_state())
        for index in devices:
            torch.cuda.default_generators[index].manual_seed(rng.child("torch").integer())
        np.random.set_state(stream.get_state())
        try:
            yield
        finally:
            np.random.set_state(before)
