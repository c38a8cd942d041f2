"""Keys and commitments: what an owner keeps secret, and the register that says since when."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from arena.errors import PlayerError, RuleViolation
from arena.world.bundle import Bundle
from arena.world.json_values import Frozen, Raw, digest
from arena.world.rng import Rng

_EVIDENCE = "evidence/"  # before the names of tensors that were added after the commitment


@dataclass(frozen=True)
class Key:
    """What an owner keeps secret to prove ownership: a seed, settings, and the material.

    `seed` is the hex seed from which anyone to whom it is revealed can expand the tensors again; an
    empty seed means that the material was not expanded from one. `evidence` is what the owner read
    in the log of its interface after it had committed: no part of the commitment, and heard from
    nobody but the owner whose log the referee kept.
    """

    scheme: str
    seed: str = ""
    settings: Mapping[str, Raw] = field(default_factory=dict)
    tensors: Mapping[str, Tensor] = field(default_factory=dict)
    evidence: Mapping[str, Tensor] = field(default_factory=dict)

    def bundle(self) -> Bundle:
        """Return the key as plain data and tensors."""
        data = {"scheme": self.scheme, "seed": self.seed, "settings": dict(self.settings)}
        late = {_EVIDENCE + name: tensor for name, tensor in self.evidence.items()}
        return Bundle(data, {**self.tensors, **late})

    @classmethod
    def read(cls, bundle: Bundle) -> Key:
        """Return the key in a bundle, which shares no memory with it.

        Raises:
            PlayerError: it is not of the form of a key.
        """
        scheme, seed, settings = (bundle.data.get(n) for n in ("scheme", "seed", "settings"))
        named = isinstance(scheme, str) and isinstance(seed, str)
        if not named or not isinstance(settings, Mapping):
            raise PlayerError("expected a key with a scheme, a seed and settings")
        copies = {name: tensor.clone() for name, tensor in bundle.tensors.items()}
        own = {k: t for k, t in copies.items() if not k.startswith(_EVIDENCE)}
        evidence = Bundle(tensors=copies).prefixed(_EVIDENCE.rstrip("/"))
        return cls(str(scheme), str(seed), settings, own, evidence)

    def without_evidence(self) -> Key:
        """Return the key as it was committed."""
        return replace(self, evidence={})

    def commitment(self) -> str:
        """Return the hash that is published: of the key without evidence; the seed is the salt."""
        blob = self.without_evidence().bundle().to_bytes()
        return hashlib.sha256(b"arena key" + blob).hexdigest()


def fresh_seed(rng: Rng) -> str:
    """Return 32 random bytes as hex: the seed from which a whole key is expanded."""
    return rng.child("key seed").numpy().bytes(32).hex()


def expand(seed: str, purpose: str) -> Rng:
    """Return the stream that a committed seed expands to for one purpose.

    A pseudo-random function of (seed, purpose): the stream's root is SHA-256 of both, so whoever
    is shown the seed can expand the same key again, and nobody can choose the outcome.
    """
    state = hashlib.sha256(f"{seed}|{purpose}".encode()).digest()
    return Rng(int.from_bytes(state[:8], "little"), (seed, purpose))


MOST_REDRAWS = 16
"""How often a key may be drawn anew from one seed: what a forger gains by it is four bits."""


def redrawn(seed: str, n: int) -> str:
    """Return the seed of the n-th redraw: the committed seed itself for 0, else a hash of both."""
    if n == 0:
        return seed
    return hashlib.sha256(f"{seed}|redraw {n}".encode()).hexdigest()


def drawn_seed(key: Key) -> str:
    """Return the seed that a key's material expands from: its committed seed, redrawn as it says.

    A key that claims more redraws than are allowed expands from its committed seed.
    """
    n = key.settings.get("redraws", 0)
    allowed = isinstance(n, int) and 0 <= n < MOST_REDRAWS
    return redrawn(key.seed, n if allowed else 0)


def first_fair(is_fair: Callable[[str], bool], seed: str) -> int:
    """Return the number of the first redraw of a seed whose key is fair; 0 if none of them is.

    Args:
        is_fair: whether the key of a seed says no more of independent models than it may.
        seed: the committed seed.
    """
    return next((n for n in range(MOST_REDRAWS) if is_fair(redrawn(seed, n))), 0)


def prf_labels(seed: str, images: Tensor, n_classes: int) -> Tensor:
    """Return the label (N,) that a seed gives to each image: SHA-256(seed, image) mod classes."""
    labels = []
    for image in images.cpu().contiguous().numpy():
        state = hashlib.sha256(seed.encode() + b"|" + image.tobytes()).digest()
        labels.append(int.from_bytes(state[:8], "little") % n_classes)
    return torch.tensor(labels, dtype=torch.int64)


def random_bits(rng: Rng, n_bits: int) -> Tensor:
    """Return independent fair bits (n_bits,) as uint8. Never all ones: chance must be 1/2."""
    return torch.from_numpy(rng.numpy().integers(0, 2, n_bits).astype(np.uint8))


class Entry(Frozen):
    """One line of the register."""

    number: int
    time: int  # logical: see `Register`
    author: Literal["owner", "thief"]
    commitment: str
    model: str = ""  # digest of a model that the commitment is bound to
    previous: str = ""  # digest of the line before: nothing can be changed afterwards


PUBLICATION = 10
"""The logical time at which the victim is released; everything a thief does to it is later."""


class Register:
    """The append-only public register of commitments, each line chained to the one before."""

    def __init__(self, entries: tuple[Entry, ...] = ()) -> None:
        self._entries = list(entries)
        self._check()

    def _check(self) -> None:
        previous = ""
        for entry in self._entries:
            if entry.previous != previous:
                raise RuleViolation(f"the register was changed before line {entry.number}")
            previous = digest(entry.plain())

    @property
    def entries(self) -> tuple[Entry, ...]:
        """Return every line, in the order of entry."""
        return tuple(self._entries)

    def enter(
        self, author: Literal["owner", "thief"], commitment: str, time: int, model: str = ""
    ) -> Entry:
        """Append a commitment and return its line.

        Raises:
            RuleViolation: the commitment is not a SHA-256 in hex.
        """
        if len(commitment) != 64 or set(commitment) - set("0123456789abcdef"):
            raise RuleViolation("expected a commitment of 64 hex digits; use Key.commitment()")
        previous = digest(self._entries[-1].plain()) if self._entries else ""
        entry = Entry(
            number=len(self._entries),
            time=time,
            author=author,
            commitment=commitment,
            model=model,
            previous=previous,
        )
        self._entries.append(entry)
        return entry

    def earliest(self, commitment: str) -> Entry | None:
        """Return the first line (by logical time) that holds a commitment."""
        lines = [entry for entry in self._entries if entry.commitment == commitment]
        return min(lines, key=lambda entry: (entry.time, entry.number), default=None)

    def plain(self) -> list[Raw]:
        """Return the register as JSON values."""
        return [entry.plain() for entry in self._entries]

    @classmethod
    def read(cls, lines: list[Raw]) -> Register:
        """Read a register back; its chain is checked."""
        return cls(tuple(Entry.model_validate(line) for line in lines))
