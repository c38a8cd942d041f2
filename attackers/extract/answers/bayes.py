"""Recovery of altered answers by a table: which honest rows would have been altered to this one."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, ClassVar

import torch
from pydantic import Field
from torch import Tensor

from arena.game.rules.threat import ThreatModel
from arena.game.sides.access import Access
from arena.game.sides.attack import attack
from arena.game.sides.player import Dial
from arena.world.rng import Rng
from arena.world.training import Examples
from attackers.extract.answers.recover import Alteration, altered
from attackers.extract.knockoff import Retrain

_LEAST = 1e-3  # of a class's probability, so that a Dirichlet's parameter is positive


def honest_rows(answers: Tensor, n: int, concentration: float, rng: Rng) -> Tensor:
    """Return `n` rows (n, C) such as honest answers may be, drawn around the altered ones.

    Each comes from a Dirichlet distribution whose mean is one of the answers (M, C), with
    parameters that sum to C times the concentration. Source: Tang et al., USENIX Security 2024.
    """
    draw, n_classes = rng.numpy(), answers.shape[1]
    centres = answers.double().clamp_min(_LEAST)[torch.arange(n) % len(answers)]
    alpha = concentration * n_classes * centres / centres.sum(1, keepdim=True)
    rows = torch.from_numpy(draw.standard_gamma(alpha.numpy())).clamp_min(1e-12)
    return (rows / rows.sum(1, keepdim=True)).float()


def recalled(answers: Tensor, honest: Tensor, seen: Tensor, tolerance: float) -> Tensor:
    """Return the mean of the honest rows that were altered to about each answer, (M, C).

    Rows of the table count where they have the answer's first class and lie within the tolerance
    in L1 distance, or, where none does, are the nearest. An answer whose first class the table has
    not stays as it is. Source: Tang et al., USENIX Security 2024 (partial Bayes).

    >>> honest = torch.tensor([[0.9, 0.1], [0.7, 0.3]])
    >>> recalled(torch.tensor([[0.6, 0.4]]), honest, torch.full((2, 2), 0.5), 0.5)
    tensor([[0.8000, 0.2000]])
    """
    found, tops = answers.clone(), seen.argmax(1)
    for label in answers.argmax(1).unique():
        mine, known = answers.argmax(1) == label, tops == label
        if not bool(known.any()):
            continue
        distance = torch.cdist(answers[mine], seen[known], p=1)  # (m, T)
        reach = distance.amin(1, keepdim=True).clamp_min(tolerance)
        near = (distance <= reach).to(honest.dtype)
        found[mine] = near @ honest[known] / near.sum(1, keepdim=True)
    return found


@attack("partial-bayes")
@dataclass(frozen=True, kw_only=True)
class PartialBayes(Retrain):
    """Looks altered answers up in a table of what honest ones become, then learns those (pBayes).

    What: honest rows are drawn around the answers and altered as the owner is believed to alter
    them; each answer is replaced by the mean of the honest rows that come near it. Nothing is
    trained for it and nothing is asked twice.
    Threat model: probabilities; unlabelled own data; which alteration the owner uses and how far it
    goes, which Kerckhoffs grants, but none of its secrets; no weights.
    Parameters: against (the alteration: "modelguard", "mad", "mad-class-kept" or "rounding"); eps
    (of it, L1 distance); n_rows (of the table); concentration (of the Dirichlet distribution, for
    each class); tolerance (L1 distance); the others as for Retrain.
    Cost: as for Retrain.
    Differences to the paper: a table of 20,000 rows in place of a million; the alteration is given.
    Reference: Tang, Dai, DiValentin, Ding, Hass, Gong, Chen, Li: ModelGuard: information-theoretic
    defense against model extraction attacks, 2024 (as the attack that a defence must stand).
    Versions: 1.
    """

    paper: ClassVar[str] = "Tang et al., USENIX Security 2024"
    needs: ClassVar[ThreatModel] = ThreatModel(output="probabilities", data=1)
    dial: ClassVar[Dial] = Dial("n_rows", 200, 100_000, "log")
    quick = MappingProxyType({"n_rows": 500, "epochs": 5})

    against: Alteration = "modelguard"
    eps: Annotated[float, Field(ge=0, le=2)] = 1.0
    n_rows: Annotated[int, Field(ge=1)] = 20_000
    concentration: Annotated[float, Field(gt=0)] = 8.0
    tolerance: Annotated[float, Field(ge=0)] = 0.01

    def ask(self, access: Access, images: Tensor, rng: Rng) -> Examples:
        """Return the images that were answered, each with its restored row."""
        answers = access.soft_answers(images)
        if not len(answers):
            return Examples(images[:0], answers)
        honest = honest_rows(answers, self.n_rows, self.concentration, rng.child("table"))
        seen = altered(honest, self.against, self.eps, rng.child("altered"))
        return Examples(images[: len(answers)], recalled(answers, honest, seen, self.tolerance))
