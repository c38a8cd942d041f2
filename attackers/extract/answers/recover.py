"""Recovery of altered answers: a network learns, from the public maths, what they were before."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor

from arena.game.rules.threat import ThreatModel
from arena.game.sides.access import Access
from arena.game.sides.attack import attack
from arena.game.sides.player import Dial
from arena.world.rng import Rng
from arena.world.training import Examples, Recipe
from attackers.extract.knockoff import Retrain
from defenders.serving.scheme import least_informative, moved_towards, widest_angle

Alteration = Literal["modelguard", "mad", "mad-class-kept", "rounding"]
_NOISE = 0.3  # deviation of the noise under which the shadow model answers


def altered(rows: Tensor, how: Alteration, eps: float, rng: Rng) -> Tensor:
    """Return rows (N, C) as an owner of that kind would answer them.

    Args:
        rows: honest probabilities.
        how: the kind. Of `mad` a thief does not know the proxy; a random one stands for it.
        eps: the L1 distance; of rounding nothing, that is to one decimal.
        rng: of the proxy.
    """
    if how == "rounding":
        return (rows * 10).round() / 10
    if how == "modelguard":
        return least_informative(rows, eps)
    proxy = torch.randn(rows.shape, generator=rng.torch()).softmax(1)
    return moved_towards(rows, widest_angle(rows, proxy), eps, how == "mad-class-kept")


@attack("d-dae")
@dataclass(frozen=True, kw_only=True)
class DDAE(Retrain):
    """Learns to undo altered answers on a model of its own, then learns what it restored (D-DAE).

    What: a shadow model learns the answered classes; its own answers to noisy images are altered
    as the owner is believed to alter them, and a small network learns the way back. What the victim
    answered goes through that network before the copy learns it. Nothing is asked twice.
    Threat model: probabilities; unlabelled own data; which alteration the owner uses and how far it
    goes, which Kerckhoffs grants, but none of its secrets; no weights.
    Parameters: against (the alteration: "modelguard", "mad", "mad-class-kept" or "rounding"); eps
    (of it, L1 distance); n_rows (from which the network learns); restore_epochs (of its training);
    the others as for Retrain.
    Cost: the queries of Retrain; its steps twice, and those of the small network.
    Differences to the paper: the alteration is given, where the paper's classifier finds out which
    one it is; one shadow model, which learns the classes, in place of many on public data; the
    network is a plain one of two hidden layers, as in the ModelGuard authors' code.
    Reference: Chen, Guan, Zhang, Zhang, Hu, Zhou: D-DAE: defense-penetrating model extraction
    attacks, 2023; Tang et al.: ModelGuard, 2024 (as the attack that a defence must stand).
    Versions: 1.
    """

    paper: ClassVar[str] = "Chen et al., S&P 2023"
    needs: ClassVar[ThreatModel] = ThreatModel(output="probabilities", data=1)
    dial: ClassVar[Dial] = Dial("n_rows", 200, 20_000, "log")
    quick = MappingProxyType({"n_rows": 200, "restore_epochs": 2, "epochs": 5})

    against: Alteration = "modelguard"
    eps: Annotated[float, Field(ge=0, le=2)] = 1.0
    n_rows: Annotated[int, Field(ge=1)] = 4000
    restore_epochs: int = 30

    def ask(self, access: Access, images: Tensor, rng: Rng) -> Examples:
        """Return the images that were answered, each with its restored row."""
        answers = access.soft_answers(images)
        asked = images[: len(answers)]
        honest = self.shadow_rows(access, Examples(asked, answers.argmax(1)), rng)
        seen = altered(honest, self.against, self.eps, rng.child("altered"))
        return Examples(asked, self.restored(access, answers, Examples(seen, honest), rng))

    def shadow_rows(self, access: Access, classes: Examples, rng: Rng) -> Tensor:
        """Return what a model that learnt the classes answers to noisy images, (n_rows, C)."""
        streams = rng.child("shadow"), rng.child("shadow training")
        shadow = access.lab.surrogate(access.card, classes, self.recipe(), *streams)
        generator = rng.child("noise").torch()
        index = torch.randint(len(classes), (self.n_rows,), generator=generator)
        images = classes.images[index]
        floats = images.float() / 255 if images.dtype == torch.uint8 else images
        scale = torch.rand(self.n_rows, *[1] * (floats.dim() - 1), generator=generator) * _NOISE
        noisy = floats + scale * torch.randn(floats.shape, generator=generator)
        return access.lab.logits(shadow, noisy.clamp(0, 1)).softmax(1)

    def restored(self, access: Access, answers: Tensor, pairs: Examples, rng: Rng) -> Tensor:
        """Return answers (M, C) as the network that learns the pairs restores them."""
        changes = {
            "architecture": "mlp",
            "arguments": {},
            "input_shape": (access.n_classes,),
            "mean": (0.0,),
            "std": (1.0,),
        }
        card = access.card.model_copy(update=changes)
        recipe = Recipe(epochs=self.restore_epochs, batch=64)
        streams = rng.child("restorer"), rng.child("restorer training")
        restorer = access.lab.surrogate(card, pairs, recipe, *streams)
        return access.lab.logits(restorer, answers).softmax(1)
