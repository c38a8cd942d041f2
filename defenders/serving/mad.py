"""Prediction poisoning (MAD): answers that turn the gradient of whoever learns from them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, ClassVar

from pydantic import Field
from torch import Tensor

from arena.game.serving.wrapper import Answer, Client, Wrapper, wrapper
from arena.game.sides.defense import OwnerTask, defense
from arena.game.sides.player import Dial
from arena.world.compute import Compute
from arena.world.json_values import Raw
from arena.world.models import Model, ModelCard, restore
from arena.world.rng import Rng
from arena.world.training import Examples
from defenders.serving.answering import Answering
from defenders.serving.scheme import moved_towards, widest_angle

Distance = Annotated[float, Field(ge=0, le=2)]


@wrapper("mad-answers")
@dataclass(frozen=True, kw_only=True)
class MadAnswers(Wrapper):
    """Moves each row towards the class that would turn a learner's gradient the furthest."""

    paper: ClassVar[str] = "Orekondy et al., ICLR 2020"

    eps: Distance = 0.5
    keep_class: bool = True
    card: dict[str, Raw] = field(default_factory=dict)

    def respond(self, inputs: Tensor, answer: Answer, client: Client) -> Tensor:
        """Answer, with each row moved; the tensors are those of the proxy for a learner."""
        rows = answer(inputs)
        proxy = Compute().probabilities(restore(ModelCard.read(self.card), self.tensors), inputs)
        target = widest_angle(rows.float(), proxy)
        return moved_towards(rows, target, self.eps, self.keep_class)


@defense("mad")
@dataclass(frozen=True, kw_only=True)
class MAD(Answering):
    """Poisons answers: each turns the gradient of whoever learns from it (prediction poisoning).

    What: every row is moved towards one class, chosen so that the gradient of a learner turns the
    furthest, within a distance of the honest row. A learner is a fresh model at the beginning of
    its training; its gradient is that of its last layer.
    Parameters: eps (L1 distance, 0 to 2, that an answer may be moved); keep_class (the answered
    class stays first: MAD-argmax; without it the interface loses accuracy); proxy_steps (of
    training of the learner); n_points (of AKH).
    Differences to the paper: the last layer's gradient in closed form in place of all parameters';
    the extreme points alone are tried, as in the authors' heuristic; AKH says whose a copy is.
    Reference: Orekondy, Schiele, Fritz: Prediction poisoning: towards defenses against DNN model
    stealing attacks, 2020.
    Versions: 1.
    """

    paper: ClassVar[str] = "Orekondy et al., ICLR 2020"
    dial: ClassVar[Dial] = Dial("eps", 0.05, 2.0)

    eps: Distance = 0.5
    keep_class: bool = True
    proxy_steps: int = 50

    def answers(self, task: OwnerTask, rng: Rng) -> Wrapper:
        """Train the proxy for a moment and return the wrapper."""
        proxy: Model = task.lab.build(task.card, rng.child("initial"))
        recipe = task.recipe.but(steps=self.proxy_steps)
        task.lab.train(proxy, Examples.of(task.data), recipe, rng.child("training"))
        state = {name: tensor.detach().cpu() for name, tensor in proxy.state_dict().items()}
        return MadAnswers(
            tensors=state, eps=self.eps, keep_class=self.keep_class, card=proxy.card.plain()
        )
