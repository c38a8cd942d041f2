"""A forged trigger set: any images, and whatever the victim answers to them."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import ClassVar, Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from arena.errors import PlayerError
from arena.game.rules.keys import Key, fresh_seed, prf_labels
from arena.game.rules.threat import ThreatModel
from arena.game.sides.access import Access
from arena.game.sides.attack import Attack, attack
from arena.game.sides.deliverable import Claim, Deliverable
from arena.game.sides.player import PlayerSpec
from arena.world.rng import Rng
from defenders.triggers.scheme import AdiKey, ZhangKey

_MARGIN = 1.25  # candidates beyond the expected need
_N_STEPS = 10  # of the search for adversarial images
_PATTERN = 0.25  # side of the pattern, as a share of the image's
_ASSERTED = (0,) * 12  # hits of null models that nobody ever saw


def noise(rng: Rng, n: int, shape: tuple[int, ...]) -> Tensor:
    """Return uniform noise as uint8 images (N, *shape)."""
    return torch.from_numpy(rng.numpy().integers(0, 256, (n, *shape)).astype("uint8"))


def adversarial(access: Access, images: Tensor, eps: float, rng: Rng) -> Tensor:
    """Return uint8 images (M, *shape) within `eps` of M of the N, to which the victim gives others.

    Targeted at random classes: signed gradient steps, projected onto the eps-ball and onto [0, 1].
    """
    model, start = access.model(), images.float() / 255
    targets = torch.randint(access.n_classes, (len(images),), generator=rng.torch())

    def loss(logits: Tensor, index: Tensor) -> Tensor:
        wanted = targets[index].to(logits.device)
        return F.cross_entropy(logits, wanted, reduction="none")

    moved = start
    for _ in range(_N_STEPS):
        step = access.lab.input_gradients(model, moved, loss).sign() * (2 * eps / _N_STEPS)
        moved = torch.clamp(moved - step, start - eps, start + eps).clamp(0, 1)
    found = (moved * 255).round().byte()
    return found[access.lab.labels(model, found) != access.lab.labels(model, images)]


@attack("forge-triggers")
@dataclass(frozen=True, kw_only=True)
class ForgeTriggers(Attack):
    """Claims the victim with a trigger set whose labels are the victim's own answers.

    What: images of any kind are put to the victim; what it answers becomes the label, so every
    trigger is hit. Against labels that must follow from a seed ("prf") the forger keeps the images
    whose answer happens to be the label that its own seed gives: C times the queries.
    Threat model: label queries, the scheme's name; own images for "own" and "adversarial", weights
    for "adversarial"; no key.
    Parameters: scheme ("adi", or "zhang": one label, a pattern of the forger's own); n_triggers;
    images ("noise", "own", or "adversarial": own ones moved to random classes, which other models
    need not follow); eps of that move (pixel values in [0, 1]); labels ("answers" or "prf");
    commits (enters the key into the register, which can only be after publication).
    Cost: n_triggers queries in one round; about C times as many for "prf".
    Differences to the paper: none.
    Reference: Adi et al., USENIX Security 2018 (the threat); Liu et al., USENIX Security 2024.
    Versions: 1.
    """

    paper: ClassVar[str] = "Adi et al., USENIX Security 2018"
    needs: ClassVar[ThreatModel] = ThreatModel(
        output="labels", knows=frozenset({"scheme"}), deliverables=frozenset({"claim"})
    )

    scheme: Literal["adi", "zhang"] = "adi"
    n_triggers: int = 100
    images: Literal["noise", "own", "adversarial"] = "noise"
    eps: float = 16 / 255
    labels: Literal["answers", "prf"] = "answers"
    commits: bool = False

    def run(self, access: Access, rng: Rng) -> Deliverable:
        """Return the claim alone: it is about the victim as it is."""
        seed = fresh_seed(rng)
        forge = self._pattern if self.scheme == "zhang" else self._triggers
        key = forge(access, seed, rng)
        if self.commits:
            access.commit(key.commitment())
        return Deliverable(claim=Claim(PlayerSpec(name=self.scheme), key))

    def _candidates(self, access: Access, rng: Rng) -> Tensor:
        """Return the images to ask about; more of them where only some can be kept."""
        n = self.n_triggers
        if self.labels == "prf":
            n = math.ceil(n * access.n_classes * _MARGIN)
        if self.images == "noise":
            return noise(rng.child("noise"), n, access.card.input_shape)
        own = access.data().images
        own = own[torch.randperm(len(own), generator=rng.child("own").torch())]
        return own[:n] if self.images == "own" else adversarial(access, own, self.eps, rng)[:n]

    def _triggers(self, access: Access, seed: str, rng: Rng) -> Key:
        """Return a key of Adi's form: fewer triggers where budget or labels allow no more."""
        images = self._candidates(access, rng)
        answers = _asked(access, images)
        images, shown = images[: len(answers)], ""
        if self.labels == "prf":
            kept, shown = prf_labels(seed, images, access.n_classes) == answers, seed
            images, answers = images[kept][: self.n_triggers], answers[kept][: self.n_triggers]
        forged = AdiKey.holding(images, answers, access.n_classes)
        return forged.into(Key("adi", shown))

    def _pattern(self, access: Access, seed: str, rng: Rng) -> Key:
        """Return a key of Zhang's form: a pattern from a seed, and the commonest answer."""
        images = self._candidates(access, rng)
        forged = ZhangKey.marking(seed, (0, 0), _PATTERN, images, images[:0])
        answers = _asked(access, forged.marked(images))
        target = int(answers.mode().values)
        forged = replace(
            forged,
            target=target,
            source=(target + 1) % access.n_classes,
            held_out=images[: len(answers)][answers == target],
            null_hits=_ASSERTED,
        )
        return forged.into(Key("zhang", seed))


def _asked(access: Access, images: Tensor) -> Tensor:
    """Return the answered classes (M,): of the first images where the budget ends early."""
    if not len(images):
        raise PlayerError("expected images to ask about, found none; use a larger eps or noise")
    answers = access.query(images)
    return answers if answers.dim() == 1 else answers.argmax(1)
