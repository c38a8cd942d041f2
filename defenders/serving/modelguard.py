"""ModelGuard in its static form: the least informative answers within a distance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

from pydantic import Field
from torch import Tensor

from arena.game.serving.wrapper import Answer, Client, Wrapper, wrapper
from arena.game.sides.defense import OwnerTask, defense
from arena.game.sides.player import Dial
from arena.world.rng import Rng
from defenders.serving.answering import Answering
from defenders.serving.scheme import least_informative

Distance = Annotated[float, Field(ge=0, le=2)]


@wrapper("modelguard-answers")
@dataclass(frozen=True, kw_only=True)
class ModelGuardAnswers(Wrapper):
    """Moves probability from the first class of each row to the last."""

    paper: ClassVar[str] = "Tang et al., USENIX Security 2024"

    eps: Distance = 1.0

    def respond(self, inputs: Tensor, answer: Answer, client: Client) -> Tensor:
        """Answer, with each row altered."""
        return least_informative(answer(inputs), self.eps)


@defense("modelguard")
@dataclass(frozen=True, kw_only=True)
class ModelGuard(Answering):
    """Answers the least informative row within a distance of the honest one (ModelGuard, static).

    What: probability is taken from the answered class and given to the least likely one, which
    lowers the expected log-likelihood of the honest row the most, while the class stays first.
    Parameters: eps (L1 distance, 0 to 2, that an answer may be moved); n_points (of AKH).
    Differences to the paper: the linear programme (ModelGuard-W) in closed form, which is exact
    unless the answered class would lose its lead: then nothing else is moved; the second form, a
    quantiser that learns from the queries, is left out; AKH says whose a copy is.
    Reference: Tang et al.: ModelGuard: information-theoretic defense against model extraction
    attacks, 2024.
    Versions: 1.
    """

    paper: ClassVar[str] = "Tang et al., USENIX Security 2024"
    dial: ClassVar[Dial] = Dial("eps", 0.05, 2.0)

    eps: Distance = 1.0

    def answers(self, task: OwnerTask, rng: Rng) -> Wrapper:
        """Return the wrapper."""
        return ModelGuardAnswers(eps=self.eps)
