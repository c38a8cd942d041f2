"""MAZE: a copy without data by the divergence of answers, with replay."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from arena.game.sides.attack import attack
from attackers.extract.datafree.disagreement import Loss, divergence
from attackers.extract.datafree.generators import ByDisagreement


@attack("maze")
@dataclass(frozen=True, kw_only=True)
class Maze(ByDisagreement):
    """Copies without data by KL divergence, ten guessed directions and replay (MAZE).

    What: disagreement is KL(victim || copy). The first batch that the copy learns is the
    generator's own, whose answers are known; the last batch of every turn is remembered.
    Differences to the paper: 100,000 queries where the authors take millions; the generator learns
    by Adam, the copy is asked in eval mode while gradients are guessed; no real images (MAZE-PD).
    """

    paper: ClassVar[str] = "Kariyappa et al., CVPR 2021"
    loss: ClassVar[Loss] = staticmethod(divergence)
    reuses: ClassVar[bool] = True

    n_directions: int = 10
    replay_steps: int = 10
    generator_lr: float = 1e-3
