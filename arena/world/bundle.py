"""Bundles: plain data and tensors in one safetensors blob; all that is stored or sent is one."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from safetensors.torch import load, save

from arena.errors import StoreError
from arena.world.json_values import Raw, canonical, from_json

_HEADER = 8  # bytes that hold the length of the safetensors header


@dataclass(frozen=True)
class Bundle:
    """Plain data and named tensors; nothing in it runs when it is read."""

    data: Mapping[str, Raw] = field(default_factory=dict)
    tensors: Mapping[str, torch.Tensor] = field(default_factory=dict)

    def to_bytes(self) -> bytes:
        """Return the safetensors blob; the plain data travels in its metadata."""
        tensors = {
            name: tensor.detach().cpu().contiguous().clone()
            for name, tensor in sorted(self.tensors.items())
        }
        return save(tensors, metadata={"data": canonical(dict(self.data))})

    @classmethod
    def from_bytes(cls, blob: bytes) -> Bundle:
        """Read a blob.

        Raises:
            StoreError: the bytes are not a safetensors blob written by `to_bytes`.
        """
        try:
            size = int.from_bytes(blob[:_HEADER], "little")
            header = from_json(blob[_HEADER : _HEADER + size])
            return cls(from_json(header["__metadata__"]["data"]), load(blob))
        except Exception as error:
            raise StoreError(f"expected a bundle, found damaged bytes ({error})") from error

    def copy(self) -> Bundle:
        """Return the same words and values, in memory of their own."""
        tensors = {name: tensor.detach().clone() for name, tensor in self.tensors.items()}
        return Bundle(copy.deepcopy(dict(self.data)), tensors)

    def digest(self) -> str:
        """Return the SHA-256 of the blob."""
        return hashlib.sha256(self.to_bytes()).hexdigest()

    def prefixed(self, prefix: str) -> dict[str, torch.Tensor]:
        """Return the tensors whose name starts with `prefix/`, without the prefix."""
        start = prefix + "/"
        return {k.removeprefix(start): v for k, v in self.tensors.items() if k.startswith(start)}
