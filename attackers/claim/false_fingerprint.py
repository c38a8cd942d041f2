"""False fingerprints: any model looks like a copy beside negatives that the claimant chose."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import ClassVar, Literal

import torch

from arena.game.rules.threat import ThreatModel
from arena.game.sides.access import Access
from arena.game.sides.as_owner import References, needs_to_pose, posed, trained_references
from arena.game.sides.attack import Attack, attack
from arena.game.sides.defense import defenses
from arena.game.sides.deliverable import Claim, Deliverable
from arena.game.sides.player import Dial, PlayerSpec
from arena.world.json_values import Json
from arena.world.rng import Rng
from arena.world.training import Examples, Recipe

_IPGUARD = PlayerSpec(name="ipguard", settings={"margin": 10.0, "lr": 0.01, "target": "random"})


@attack("false-fingerprint")
@dataclass(frozen=True, kw_only=True)
class FalseFingerprint(Attack):
    """Commits to a fingerprint of its own model early, then claims any model of the task.

    What: the claimant runs a fingerprint scheme's own code on a model of its own. Points far behind
    the boundary transfer to whatever was trained for the task; and the models that the scheme takes
    for independent, and sets its threshold by, are never trained, so every trained model stands out
    as a copy. As a suspect is compared with models that are as useful, the labels of the exam by
    which usefulness is measured are drawn at random: everybody is as useless there. The key is what
    its seed expands to. The victim is never looked at.
    Threat model: labelled own data, the scheme's name, a commitment before publication; no access.
    Parameters: scheme (any fingerprint by name, with its settings); negatives ("untrained", or
    "trained" as an honest claimant's would be), n_negatives (how many); epochs, lr of Adam and
    batch (images) of the own model, and of trained negatives.
    Cost: 0 queries; a training of the own model, n_negatives more where they are trained, and what
    the scheme's protection costs.
    Differences to the paper: it moves images until they transfer; here the published generation of
    tests is left as it is, and its settings and negatives are chosen (our derivation).
    Reference: Liu et al.: False claims against model ownership resolution, 2024.
    Versions: 1.
    """

    paper: ClassVar[str] = "Liu et al., USENIX Security 2024"
    needs: ClassVar[ThreatModel] = ThreatModel(
        data=1,
        data_labels=True,
        precommit=True,
        knows=frozenset({"scheme"}),
        deliverables=frozenset({"claim"}),
    )
    dial: ClassVar[Dial] = Dial("n_negatives", 2, 32, "log")
    quick: ClassVar[Mapping[str, Json]] = MappingProxyType(
        {"epochs": 10, "scheme": {"name": "ipguard", "settings": {"n_points": 30, "lr": 0.01}}}
    )

    scheme: PlayerSpec = _IPGUARD
    negatives: Literal["untrained", "trained"] = "untrained"
    n_negatives: int = 12
    epochs: int = 30
    lr: float = 1e-3
    batch: int = 64

    @property
    def needs_of_task(self) -> frozenset[str]:
        """Return what the scheme needs, whose part is played."""
        return needs_to_pose(self.scheme)

    def run(self, access: Access, rng: Rng) -> Deliverable:
        """Commit first, claim afterwards."""
        own_data = access.data()
        recipe = Recipe(lr=self.lr, epochs=self.epochs, batch=self.batch)
        stream = rng.child("own", "reference", 0)
        streams = stream.child("initial"), stream.child("training")
        own = access.lab.surrogate(access.card, Examples.of(own_data), recipe, *streams)
        references = self._references(access, recipe, rng.child("negatives"))
        task = posed(access, own, own_data, recipe, rng.child("train"), references)
        key = defenses.make(self.scheme).protect(task, rng.child("key")).key
        access.commit(key.commitment(), own.digest())
        return Deliverable(claim=Claim(self.scheme, key, own))

    def _references(self, access: Access, recipe: Recipe, rng: Rng) -> References:
        n = self.n_negatives
        if self.negatives == "trained":
            return trained_references(access, access.data(), recipe, n, rng)
        drawn = rng.child("exam").torch()
        labels = torch.randint(access.card.n_classes, (len(access.data()),), generator=drawn)
        exam = replace(access.data(), labels=labels)
        made = functools.cache(
            lambda: [access.lab.build(access.card, rng.child(i)) for i in range(n)]
        )
        return References(made, exam)
