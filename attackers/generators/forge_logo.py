"""A forged logo: whatever the victim shows of one latent is called the claimant's mark."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Annotated, ClassVar

import torch
from pydantic import Field

from arena.game.rules.keys import Key
from arena.game.rules.threat import ThreatModel
from arena.game.sides.access import Access
from arena.game.sides.as_owner import answered, claimed, posed
from arena.game.sides.attack import Attack, attack
from arena.game.sides.defense import defenses
from arena.game.sides.deliverable import Deliverable
from arena.game.sides.player import PlayerSpec
from arena.world.json_values import Json
from arena.world.kinds.generator import SMALL_GENERATOR
from arena.world.models import Model
from arena.world.rng import Rng
from arena.world.training import Recipe
from defenders.generators.scheme.key import GeneratorKey
from defenders.generators.scheme.logo import agreements, corner, triggered

_LOGO = PlayerSpec(name="ipr-gan", settings={"reading": "logo"})


@attack("forge-logo")
@dataclass(frozen=True, kw_only=True)
class ForgeLogo(Attack):
    """Claims a generator by a logo that was cut out of one of its own images.

    What: an honest key is made without a step of training; its latents become one latent, shaken a
    little, and its logo the upper left quarter of the image that the victim makes of it. The key
    verifies on the victim; its seed gives another logo.
    Threat model: weights to read, the scheme's name; no key. Own images are used where they are
    granted, noise where not: what the logo is compared with.
    Parameters: scheme (of a generator's logo, with its settings); spread (standard deviation of
    the shaking, in those of latents); commits (enters the key into the register, which can only be
    after publication).
    Cost: a pass of the null images and of one latent; no queries.
    Differences to the paper: its ambiguity attacks train a second mark in; this one trains nothing.
    Reference: Fan, Ng, Chan: Rethinking deep neural network ownership verification, 2019.
    Versions: 1.
    """

    paper: ClassVar[str] = "Fan et al., NeurIPS 2019"
    needs: ClassVar[ThreatModel] = ThreatModel(
        output="weights", knows=frozenset({"scheme"}), deliverables=frozenset({"claim"})
    )
    task_needs: ClassVar[frozenset[str]] = frozenset({"generator", "scales"})
    victim: ClassVar[Mapping[str, Json]] = SMALL_GENERATOR
    quick: ClassVar[Mapping[str, Json]] = MappingProxyType({"commits": False})

    scheme: PlayerSpec = _LOGO
    spread: Annotated[float, Field(ge=0)] = 0.01
    commits: bool = False

    def run(self, access: Access, rng: Rng) -> Deliverable:
        """Return the claim, on the victim as it is."""
        victim = access.model()
        key = self.forged(access, victim, rng)
        return claimed(access, self.scheme, key, victim, commits=self.commits)

    def forged(self, access: Access, victim: Model, rng: Rng) -> Key:
        """Return the key whose logo the victim shows already."""
        data = answered(access, victim, rng.child("images"))
        task = posed(access, victim, data, Recipe(epochs=0), rng.child("no training"))
        honest = defenses.make(self.scheme).protect(task, rng.child("key")).key
        secret = GeneratorKey.of(honest)
        one = secret.latents[:1]
        shaken = torch.randn(secret.latents.shape, generator=rng.child("shake").torch())
        shown = access.lab.logits(victim, triggered(one, secret.chosen, secret.values))
        logo = corner(shown, secret.side).mean((0, 1))[None]  # (1, side, side)
        unmarked = corner(data.images.float() / 255, secret.side)
        forged = replace(
            secret,
            latents=one + self.spread * shaken,
            logo=logo,
            null_agreements=agreements(unmarked, logo),
        )
        return forged.into(honest)
