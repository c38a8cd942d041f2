"""The form of IPR-GAN's keys."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from arena.game.rules.key_form import Count, KeyForm, Shape, shape_problem
from arena.game.rules.keys import expand, random_bits
from defenders.generators.scheme.logo import drawn_logo, drawn_mask


@dataclass(frozen=True, kw_only=True)
class GeneratorKey(KeyForm):
    """Where the bits are, and what brings out which logo.

    Attributes:
        layers, sizes: the normalisations and their channels. bits: (n,) of all of them.
        image: (C, H, W). side: of the logo, in pixels.
        latents: (K, L) that are asked. chosen, values: (L,) what the trigger fixes in them.
        logo: (1, side, side).
        null_agreements: (M,) of the owner's unmarked images with the logo; not of the seed.
    """

    layers: Sequence[str]
    sizes: Sequence[Count]
    image: Shape
    side: Count
    latent: Count
    n_triggers: Count
    bits: Tensor
    latents: Tensor
    chosen: Tensor
    values: Tensor
    logo: Tensor
    null_agreements: Tensor

    @classmethod
    def drawn(
        cls, seed: str, places: dict[str, int], image: Shape, latent: int, n_triggers: int
    ) -> GeneratorKey:
        """Return the key that a seed expands to for a generator with such scales."""
        blank = torch.zeros(0)
        form = cls(
            layers=tuple(places),
            sizes=tuple(places.values()),
            image=image,
            side=max(1, min(image[1:]) // 2),
            latent=latent,
            n_triggers=n_triggers,
            bits=blank,
            latents=blank,
            chosen=blank,
            values=blank,
            logo=blank,
            null_agreements=blank,
        )
        return form.expanded(seed)

    def expanded(self, seed: str) -> GeneratorKey:
        """Return the key with the bits, the trigger and the logo of a seed."""
        chosen, values = drawn_mask(seed, self.latent)
        shape = (self.n_triggers, self.latent)
        drawn = torch.randn(shape, generator=expand(seed, "generator latents").torch())
        return replace(
            self,
            bits=random_bits(expand(seed, "generator bits"), sum(self.sizes)),
            latents=drawn,
            chosen=chosen,
            values=values,
            logo=drawn_logo(seed, "generator logo", self.side),
        )

    def problems(self) -> Iterator[str]:
        """Yield what does not fit."""
        if len(self.layers) != len(self.sizes) or len(self.image) != 3:
            yield "expected a size for each layer, and an image of (C, H, W)"
        yield from shape_problem("bits", self.bits, sum(self.sizes))
        yield from shape_problem("latents", self.latents, self.n_triggers, self.latent)
        yield from shape_problem("chosen", self.chosen, self.latent)
        yield from shape_problem("values", self.values, self.latent)
        yield from shape_problem("logo", self.logo, 1, self.side, self.side)
        yield from shape_problem("null_agreements", self.null_agreements, None)
