"""Normalisations whose scale and shift are learnt in a roundabout way, for forged passports."""

from __future__ import annotations

from abc import abstractmethod

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call

from arena.world.rng import Rng
from defenders.passports.scheme import Bottleneck, response, squeezed

_EXPANDED = 10  # hidden units of one channel's own block
_SHARE = 8  # of the channels, hidden units of the block for all


class Accessory(nn.Module):
    """A batch normalisation with the scale and shift that `affine` returns."""

    def __init__(self, norm: nn.BatchNorm2d) -> None:
        super().__init__()
        self.norm = norm.requires_grad_(False)

    @abstractmethod
    def affine(self) -> Tensor:
        """Return scale and shift (2, O)."""

    def forward(self, x: Tensor) -> Tensor:
        """Return the normalised channels (B, O, H, W)."""
        scale, shift = self.affine()
        out: Tensor = functional_call(self.norm, {"weight": scale, "bias": shift}, (x,))
        return out


class Plain(Accessory):
    """Scale and shift are what is trained."""

    def __init__(self, norm: nn.BatchNorm2d, scale: Tensor) -> None:
        super().__init__(norm)
        self.values = nn.Parameter(torch.stack([scale, torch.zeros_like(scale)]))

    def affine(self) -> Tensor:
        """Return the trained values."""
        return self.values


class Collective(Plain):
    """CERB: a block C -> C / 8 -> C with a skip behind the scale; channels move each other."""

    def __init__(self, norm: nn.BatchNorm2d, scale: Tensor, rng: Rng) -> None:
        super().__init__(norm, scale)
        n, hidden, generator = len(scale), max(1, len(scale) // _SHARE), rng.torch()
        self.narrow = nn.Parameter(torch.randn(hidden, n, generator=generator) * (2 / n) ** 0.5)
        self.wide = nn.Parameter(torch.randn(n, hidden, generator=generator) * hidden**-0.5)
        self.offsets = nn.Parameter(torch.zeros(hidden))
        self.shifts = nn.Parameter(torch.zeros(n))

    def affine(self) -> Tensor:
        """Return scale + block(scale), and the shift."""
        scale, shift = self.values
        inner = F.leaky_relu(F.linear(scale, self.narrow, self.offsets))
        return torch.stack([scale + F.linear(inner, self.wide, self.shifts), shift])


class Individual(Plain):
    """IERB: for each channel a block 1 -> 10 -> 1 of its own with a skip behind the scale."""

    def __init__(self, norm: nn.BatchNorm2d, scale: Tensor, rng: Rng) -> None:
        super().__init__(norm, scale)
        shape, generator = (_EXPANDED, len(scale)), rng.torch()
        self.wide = nn.Parameter(torch.randn(shape, generator=generator) * 2**0.5)
        self.narrow = nn.Parameter(torch.randn(shape, generator=generator) * _EXPANDED**-0.5)
        self.offsets = nn.Parameter(torch.zeros(shape))
        self.shifts = nn.Parameter(torch.zeros(len(scale)))

    def affine(self) -> Tensor:
        """Return scale + block(scale), and the shift."""
        scale, shift = self.values
        inner = F.leaky_relu(scale * self.wide + self.offsets)  # (10, C)
        return torch.stack([scale + (inner * self.narrow).sum(0) + self.shifts, shift])


class Passported(Accessory):
    """Scale and shift are the response to passports, and the passports are what is trained."""

    def __init__(
        self,
        norm: nn.BatchNorm2d,
        conv: nn.Conv2d,
        passports: Tensor,
        net: Bottleneck | None,
    ) -> None:
        super().__init__(norm)
        self.passports = nn.Parameter(passports.clone())
        self._outside = (conv, net)  # in a tuple: neither trained nor moved with this module

    def found(self) -> Tensor:
        """Return the response (2, O) itself, in whose signs the bits are."""
        return response(self.passports, self._outside[0])

    def affine(self) -> Tensor:
        """Return what the scheme makes of the response."""
        net = self._outside[1]
        if net is None:
            return self.found()
        return squeezed((net[0].to(self.passports), net[1].to(self.passports)), self.found())
