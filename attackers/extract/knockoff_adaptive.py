"""Knockoff Nets with a policy: a bandit learns which classes of a pool are worth asking about."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch

from arena.game.rules.threat import ThreatModel
from arena.game.sides.access import Access
from arena.game.sides.attack import Attack, attack
from arena.game.sides.deliverable import Deliverable
from arena.game.sides.player import Dial
from arena.world.data import Dataset
from arena.world.rng import Rng
from arena.world.training import Examples, Recipe
from attackers.extract.queries import ask, ask_more
from attackers.extract.sampling_policy import Reward, Rewards, SamplingPolicy, Stock


@attack("knockoff-adaptive")
@dataclass(frozen=True, kw_only=True)
class KnockoffAdaptive(Attack):
    """Asks about the pool's classes that pay: Knockoff Nets with its adaptive policy.

    What: a bandit draws classes of the pool; the answers' certainty, their diversity and the
    substitute's surprise are its reward; the substitute learns one step from each batch. When all
    is asked, the copy is trained from scratch on everything that was answered.
    Threat model: probabilities; a public pool whose own classes are known; no own data, no weights.
    Parameters: n_queries (None asks about the whole pool); per_round (images in an adaptive round);
    rewards (which of them count, equally); policy_lr and policy_momentum of the substitute's SGD;
    epochs, lr of Adam and batch (images) of the final training.
    Cost: n_queries queries in n_queries / per_round adaptive rounds, as many optimiser steps, then
    epochs * ceil(n_queries / batch); two models.
    Differences to the paper: an image is asked about once; no hierarchy of classes; random weights
    at the start, as no pretrained ones are at hand. The authors' published code has no policy.
    Reference: Orekondy, Schiele, Fritz: Knockoff Nets, 2019.
    Versions: 1.
    """

    paper: ClassVar[str] = "Orekondy et al., CVPR 2019"
    needs: ClassVar[ThreatModel] = ThreatModel(output="probabilities", pool="*")
    dial: ClassVar[Dial] = Dial("epochs", 3, 60, "log")

    n_queries: int | None = None
    per_round: int = 8
    rewards: tuple[Reward, ...] = ("certainty", "diversity", "loss")
    policy_lr: float = 0.01
    policy_momentum: float = 0.5
    epochs: int = 30
    lr: float = 1e-3
    batch: int = 64

    def run(self, access: Access, rng: Rng) -> Deliverable:
        """Ask round by round, then learn from all answers."""
        known = self.asked(access, access.pool(), rng.child("policy"))
        model = access.lab.build(access.card, rng.child("model"))
        recipe = Recipe(lr=self.lr, epochs=self.epochs, batch=self.batch)
        access.lab.train(model, known, recipe, rng.child("training"))
        return Deliverable(model)

    def asked(self, access: Access, pool: Dataset, rng: Rng) -> Examples:
        """Return what was answered before the number, the pool or the budget came to an end.

        Raises:
            BudgetExceeded: not even one image can be answered.
        """
        stock, policy = Stock(pool, rng.child("stock")), SamplingPolicy(pool.n_classes)
        rewards = Rewards(self.rewards, access.n_classes)
        substitute = access.lab.build(access.card, rng.child("substitute"))
        wanted = len(pool) if self.n_queries is None else min(self.n_queries, len(pool))
        parts: list[Examples] = []
        while wanted > 0:
            draws = [stock.draw(policy) for _ in range(min(self.per_round, wanted))]
            images = pool.images[[draw.index for draw in draws]]
            fresh = ask_more(access, images) if parts else ask(access, images)
            if not len(fresh):
                break
            earned = rewards.of(fresh.targets, access.lab.logits(substitute, fresh.images))
            for draw, reward in zip(draws, earned.tolist(), strict=False):  # those answered
                policy.learn(draw.label, draw.chances, reward)
            access.lab.train(substitute, fresh, self._step(), rng.child("round", len(parts)))
            parts.append(fresh)
            wanted -= len(fresh)
        answered = torch.cat([part.images for part in parts])
        return Examples(answered, torch.cat([part.targets for part in parts]))

    def _step(self) -> Recipe:
        """Return how the substitute follows: one step a round."""
        lr, momentum = self.policy_lr, self.policy_momentum
        return Recipe(optimiser="sgd", lr=lr, momentum=momentum, steps=1, batch=self.per_round)
