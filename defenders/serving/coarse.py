"""The controls of altered answers: rounded rows, and classes alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from pydantic import Field
from torch import Tensor

from arena.game.serving.plain_wrappers import OutputLabels
from arena.game.serving.wrapper import Answer, Client, Wrapper, wrapper
from arena.game.sides.defense import OwnerTask, defense
from arena.game.sides.player import Dial
from arena.world.rng import Rng
from defenders.serving.answering import Answering


@wrapper("rounded-answers")
@dataclass(frozen=True, kw_only=True)
class RoundedAnswers(Wrapper):
    """Rounds each probability; rows need not sum to one."""

    control: ClassVar[bool] = True

    decimals: int = 1

    def respond(self, inputs: Tensor, answer: Answer, client: Client) -> Tensor:
        """Answer the rounded rows."""
        return answer(inputs).round(decimals=self.decimals)


@defense("coarse-answers")
@dataclass(frozen=True, kw_only=True)
class CoarseAnswers(Answering):
    """Answers less than it knows: rounded probabilities, or the class alone.

    What: the controls of altered answers: nothing is chosen, something is kept back.
    Parameters: keeps ("decimals" or "class"); decimals (of a probability); n_points (of AKH).
    Differences to the paper: AKH says whose a copy is.
    Reference: Tramer, Zhang, Juels, Reiter, Ristenpart: Stealing machine learning models via
    prediction APIs, 2016 (rounding, and labels alone).
    Versions: 1.
    """

    paper: ClassVar[str] = "Tramer et al., USENIX Security 2016"
    dial: ClassVar[Dial] = Dial("decimals", 4, 0)

    keeps: Literal["decimals", "class"] = "decimals"
    decimals: Annotated[int, Field(ge=0)] = 1

    def answers(self, task: OwnerTask, rng: Rng) -> Wrapper:
        """Return the wrapper."""
        return OutputLabels() if self.keeps == "class" else RoundedAnswers(decimals=self.decimals)
