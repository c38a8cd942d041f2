"""DFME: a copy without data by the distance of logits that are recovered from probabilities."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from arena.game.sides.attack import attack
from attackers.extract.datafree.disagreement import Loss, logit_distance
from attackers.extract.datafree.generators import ByDisagreement


@attack("dfme")
@dataclass(frozen=True, kw_only=True)
class Dfme(ByDisagreement):
    """Copies without data by the L1 distance of recovered logits and one guessed direction (DFME).

    What: disagreement is the mean absolute difference of logits, the victim's up to a constant
    from its probabilities; its gradient does not vanish as the copy gets better. No replay.
    Differences to the paper: 100,000 queries where the authors take millions; rates fall along a
    cosine in place of three steps; the copy is asked in eval mode while gradients are guessed.
    """

    paper: ClassVar[str] = "Truong et al., CVPR 2021"
    loss: ClassVar[Loss] = staticmethod(logit_distance)

    batch: int = 256
    latent: int = 256
    generator_lr: float = 5e-4
