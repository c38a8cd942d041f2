"""Forged passports: claims on models that are marked, or not marked, with somebody else's."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from arena.game.rules.keys import Key
from arena.game.rules.threat import ThreatModel
from arena.game.sides.access import Access
from arena.game.sides.as_owner import claimed, posed
from arena.game.sides.attack import Attack, attack
from arena.game.sides.defense import Defense, defenses
from arena.game.sides.deliverable import Deliverable
from arena.game.sides.player import Dial, PlayerSpec
from arena.game.sides.suspect import Suspect
from arena.world.models import Model
from arena.world.rng import Rng
from arena.world.training import Hook, Recipe, StepView
from attackers.claim.passport_blocks import Accessory, Collective, Individual, Passported, Plain
from attackers.claim.passport_maths import bottleneck, placed, solved
from attackers.modify.finetune import labelled
from defenders.passports.scheme import PassportKey, Passports, response

Scheme = Literal["deepipr-v1", "deepipr-v2", "deepipr-v3", "pan"]
_MARGIN = 0.1  # of the sign loss
_ALPHA = 0.1  # its weight
_CLIP = 2.0  # bound on the norm of the passports' gradient, which 1 / MSE makes huge at first
_CLAIMANT = ThreatModel(
    output="weights",
    data=0.3,
    knows=frozenset({"scheme"}),
    deliverables=frozenset({"claim"}),
)


@dataclass(frozen=True, kw_only=True)
class ForgePassport(Attack):
    """Claims a model, weights untouched, with passports that the owner never saw.

    What: base class. The thief expands a key of its own, finds a scale and a shift for each
    passport layer with which the victim's weights work, and solves for passports that give them:
    Avg(W * P) is linear in P. Its bits are the signs that come out.
    Threat model: weights to read, the scheme's name, a few images without labels; no queries.
    Parameters: scheme (under which the claim is made); commits (enters the key into the register,
    which can only be after publication).
    Cost: four forward passes of the images for the key, and the training that a subclass names.
    Differences to the paper: the victim's own answers are the labels; the result is turned into
    passports, so that the published verification itself can be run on the claim.
    Reference: Fan, Ng, Chan, NeurIPS 2019 (the threat); Chen et al., CVPR 2023 (the strong ones).
    Versions: 1.
    """

    paper: ClassVar[str] = "Fan et al., NeurIPS 2019"
    needs: ClassVar[ThreatModel] = _CLAIMANT
    task_needs: ClassVar[frozenset[str]] = frozenset({"classes", "norm"})

    scheme: Scheme = "deepipr-v2"
    commits: bool = False

    def run(self, access: Access, rng: Rng) -> Deliverable:
        """Return the claim: on the victim as it is, or on what the thief made of it before."""
        victim = access.model()
        scheme = defenses.find(self.scheme)()
        key = self._honest(access, victim, scheme, rng)
        secret = self.forged(access, victim, PassportKey.of(key), rng.child("forgery"))
        secret = replace(secret, bits=_signs(victim, secret))
        key = replace(secret.into(key), seed="")
        access.lab.meter.charge({"images_forward": 3 * len(secret.images)})
        figures = scheme.verify(key, Suspect.bare(victim, access.lab.compute), rng).figures
        key = replace(secret, claimed_accuracy=figures.get("private_accuracy", 1.0)).into(key)
        return claimed(access, PlayerSpec(name=self.scheme), key, victim, commits=self.commits)

    def _honest(self, access: Access, victim: Model, scheme: Defense, rng: Rng) -> Key:
        """Return a fresh key of the scheme: the thief plays an owner that trains no step."""
        own = access.data()
        data = replace(own, labels=access.lab.labels(victim, own.images))
        task = posed(access, victim, data, Recipe(epochs=0), rng.child("no training"))
        return scheme.protect(task, rng.child("key")).key

    @abstractmethod
    def forged(self, access: Access, victim: Model, secret: PassportKey, rng: Rng) -> PassportKey:
        """Return the key with the evidence that is claimed."""


def _signs(victim: Model, secret: PassportKey) -> Tensor:
    """Return the bits that the passports give: the signs of their scales."""
    found = [
        response(maps.double(), conv)[0]
        for (_, maps), (conv, _) in zip(secret.pairs(), placed(victim, secret), strict=True)
    ]
    return (torch.cat(found) > 0).to(torch.uint8).cpu()


def reversed_signs(values: Tensor, share: float, rng: Rng) -> Tensor:
    """Return the signs (C,) of values, a share of them reversed."""
    signs = torch.where(values > 0, 1.0, -1.0)
    n_reversed = round(share * len(signs))
    signs[torch.randperm(len(signs), generator=rng.torch())[:n_reversed]] *= -1
    return signs


@attack("forge-passport-1")
@dataclass(frozen=True, kw_only=True)
class RandomPassport(ForgePassport):
    """Claims with passports drawn at random (fake-1): the signs fit, the accuracy does not."""

    def forged(self, access: Access, victim: Model, secret: PassportKey, rng: Rng) -> PassportKey:
        """Return the key as it is."""
        return secret


@dataclass(frozen=True, kw_only=True)
class TrainedPassport(ForgePassport):
    """Trains what gives scale and shift, while all weights stand still.

    Parameters: scheme, commits as in the base class; epochs; lr of Adam; batch (images).
    Cost: 0 queries; epochs * ceil(n / batch) optimiser steps.
    Differences to the paper: Adam for 60 epochs on a tenth of the owner's number of images (SGD at
    0.01 for 100 epochs, fake-2 on all of the training data).
    """

    needs: ClassVar[ThreatModel] = _CLAIMANT.model_copy(update={"data": 1.0})
    dial: ClassVar[Dial | None] = Dial("epochs", 10, 200, "log")

    epochs: int = 60
    lr: float = 0.01
    batch: int = 64

    def trained(
        self,
        access: Access,
        victim: Model,
        secret: PassportKey,
        parts: Sequence[Accessory],
        rng: Rng,
        hooks: Sequence[Hook] = (),
    ) -> None:
        """Train the accessories in the place of the victim's normalisations."""
        model, names = victim.copy(), [layer.norm for layer in secret.layers]
        for name, part in zip(names, parts, strict=True):
            model.set_submodule(name, part)
        recipe = self.recipe().but(train=tuple(names))
        access.lab.train(model, labelled(access, victim, "model"), recipe, rng, hooks)

    def recipe(self) -> Recipe:
        """Return how the accessories are trained."""
        return Recipe(epochs=self.epochs, lr=self.lr, batch=self.batch)


@dataclass(frozen=True, kw_only=True)
class ReverseEngineered(TrainedPassport):
    """Trains scale and shift without any passport, then solves for passports that give them."""

    def forged(self, access: Access, victim: Model, secret: PassportKey, rng: Rng) -> PassportKey:
        """Train scale and shift, then turn them into passports."""
        copies = placed(victim.copy(), secret)
        parts = [
            self.accessory(norm, self.start(norm, rng.child("signs", i)), rng.child("block", i))
            for i, (_, norm) in enumerate(copies)
        ]
        self.trained(access, victim, secret, parts, rng.child("training"))
        maps, nets = dict(secret.maps), dict(secret.bottlenecks)
        for i, ((conv, _), part) in enumerate(zip(copies, parts, strict=True)):
            wanted, passports = part.affine().detach().cpu(), maps[str(i)]
            net = secret.bottleneck(i)
            if net is None:
                maps[str(i)] = solved(wanted, passports, conv)
                continue
            made = bottleneck(response(passports.double(), conv).detach(), wanted, net)
            nets[f"{i}/0"], nets[f"{i}/1"] = made
        return replace(secret, maps=maps, bottlenecks=nets)

    def start(self, norm: nn.BatchNorm2d, rng: Rng) -> Tensor:
        """Return the scale (C,) to start at: 1, as a fresh normalisation has it."""
        return torch.ones_like(norm.weight)

    @abstractmethod
    def accessory(self, norm: nn.BatchNorm2d, scale: Tensor, rng: Rng) -> Accessory:
        """Return what takes the place of a normalisation, its scale (C,) to start at."""


@attack("forge-passport-2")
@dataclass(frozen=True, kw_only=True)
class ReversedPassport(ReverseEngineered):
    """Trains scale and shift alone and claims them (fake-2).

    Parameters of this variant: flips is the share of the victim's visible signs that are reversed
    at the start: with all kept, the forged bits of a model that shows its scales are the owner's.
    """

    flips: float = 0.5

    def start(self, norm: nn.BatchNorm2d, rng: Rng) -> Tensor:
        """Return the victim's visible signs (C,), a share of them reversed."""
        return reversed_signs(norm.weight.detach(), self.flips, rng)

    def accessory(self, norm: nn.BatchNorm2d, scale: Tensor, rng: Rng) -> Accessory:
        """Return bare values."""
        return Plain(norm, scale)


@attack("forge-passport-ierb")
@dataclass(frozen=True, kw_only=True)
class IndividualPassport(ReverseEngineered):
    """Trains them behind a small block for each channel (IERB, Chen et al. 2023)."""

    paper: ClassVar[str] = "Chen et al., CVPR 2023"

    def accessory(self, norm: nn.BatchNorm2d, scale: Tensor, rng: Rng) -> Accessory:
        """Return the blocks."""
        return Individual(norm, scale, rng)


@attack("forge-passport-cerb")
@dataclass(frozen=True, kw_only=True)
class CollectivePassport(ReverseEngineered):
    """Trains them behind one block for all channels of a layer (CERB, Chen et al. 2023)."""

    paper: ClassVar[str] = "Chen et al., CVPR 2023"

    def accessory(self, norm: nn.BatchNorm2d, scale: Tensor, rng: Rng) -> Accessory:
        """Return the block."""
        return Collective(norm, scale, rng)


class Elsewhere(Hook):
    """The extra loss of fake-3: wanted signs, and passports that move away from the stolen ones.

    Args:
        parts: hold the passports that are trained.
        signs: (C,) for each part.
        stolen: (2, I, H, W) for each part; training starts beside them, never at them.
    """

    def __init__(
        self, parts: Sequence[Passported], signs: Sequence[Tensor], stolen: Sequence[Tensor]
    ) -> None:
        self.parts, self.signs, self._stolen = tuple(parts), tuple(signs), tuple(stolen)

    def start(self, model: nn.Module, rng: Rng, device: str) -> None:
        """Move everything to the device."""
        self.signs = tuple(signs.to(device) for signs in self.signs)
        self._stolen = tuple(stolen.to(device) for stolen in self._stolen)

    def loss(self, view: StepView) -> Tensor:
        """Return the sign loss and 1 / MSE. Source: Fan et al., NeurIPS 2019 (fake-3)."""
        terms = []
        for part, signs, stolen in zip(self.parts, self.signs, self._stolen, strict=True):
            terms.append(_ALPHA * F.relu(_MARGIN - signs * part.found()[0]).sum())
            terms.append(1 / F.mse_loss(part.passports, stolen))
        return torch.stack(terms).sum()


@attack("forge-passport-3")
@dataclass(frozen=True, kw_only=True)
class StolenPassport(TrainedPassport):
    """Moves stolen passports until some bits are others and the model still works (fake-3).

    Parameters of this variant: flips is the share of the owner's bits that are to be reversed;
    epochs and lr of SGD with momentum, its gradient clipped to a norm of 2; jitter (standard
    deviation of the noise that the passports start with).
    Threat model of this variant: an insider's; the owner's passports are known.
    Differences to the paper, of this variant: data alone, as above; optimiser and losses are its.
    """

    needs: ClassVar[ThreatModel] = TrainedPassport.needs.model_copy(
        update={"knows": frozenset({"scheme", "passport"})}
    )

    flips: float = 0.1
    epochs: int = 100
    jitter: float = 1e-3

    def recipe(self) -> Recipe:
        """Return SGD with clipping: Adam would remember the first, huge gradients of 1 / MSE."""
        return Recipe(
            optimiser="sgd",
            momentum=0.9,
            weight_decay=5e-4,
            clip=_CLIP,
            epochs=self.epochs,
            lr=self.lr,
            batch=self.batch,
        )

    def forged(self, access: Access, victim: Model, secret: PassportKey, rng: Rng) -> PassportKey:
        """Train the passports themselves."""
        stolen = Passports.read(access.exposed())
        parts, signs, owners = [], [], []
        for i, (conv, norm) in enumerate(placed(victim.copy(), stolen)):
            passports = stolen.maps[str(i)]
            noise = torch.randn(passports.shape, generator=rng.child("jitter", i).torch())
            moved = passports + self.jitter * noise
            conv.requires_grad_(False)
            parts.append(Passported(norm, conv, moved, stolen.bottleneck(i)))
            scale = response(passports, conv)[0].detach()
            signs.append(reversed_signs(scale, self.flips, rng.child("signs", i)))
            owners.append(passports)
        hook = Elsewhere(parts, signs, owners)
        secret = replace(
            secret, layers=stolen.layers, maps=stolen.maps, bottlenecks=stolen.bottlenecks
        )
        self.trained(access, victim, secret, parts, rng.child("training"), [hook])
        maps = {str(i): part.passports.detach().cpu() for i, part in enumerate(parts)}
        return replace(secret, maps=maps)
