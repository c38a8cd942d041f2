"""Wrappers: what a party puts between its model and whoever asks, and the registry of them.

Both sides have them: a thief wraps the interface that it delivers, an owner the one that it
publishes. A wrapper travels as its name, its settings and its tensors.
"""

from __future__ import annotations

import dataclasses
from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from pydantic import ConfigDict, TypeAdapter
from torch import Tensor

from arena.game.sides.player import Player, PlayerSpec, Registry
from arena.world.bundle import Bundle
from arena.world.json_values import Json, Raw
from arena.world.rng import Rng

Answer = Callable[[Tensor], Tensor]
"""Inputs (N, ...) -> the whole answer (N, ...): of a classifier, images in [0, 1] -> probabilities.

How much of it a client is shown is decided after the last wrapper.
"""


@dataclass
class Client:
    """Whoever asks, as one wrapper knows it.

    Attributes:
        name: tells clients apart and says nothing else about them.
        rng: the randomness of the present call.
        numbers, tensors: what the wrapper keeps for this client from call to call.
    """

    name: str
    rng: Rng
    numbers: dict[str, Raw] = field(default_factory=dict)
    tensors: dict[str, Tensor] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Wrapper(Player):
    """Base class of wrappers. Subclasses write `respond` and keep nothing in themselves.

    A secret of the party is a field (with `repr=False`) or one of the `tensors`: a wrapper that an
    owner puts before its victim stays behind the gatekeeper with all that it holds.

    Class attributes: `task_needs`, what the task must be: a classifier by default.
    Fields: `tensors`, what the wrapper needs that is no setting.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(arbitrary_types_allowed=True)

    tensors: Mapping[str, Tensor] = field(default_factory=dict, repr=False, compare=False)

    @abstractmethod
    def respond(self, inputs: Tensor, answer: Answer, client: Client) -> Tensor:
        """Return what a client is answered.

        Args:
            inputs: (N, ...) of one call, N > 0. Not to be written to.
            answer: asks what lies behind, as often as the wrapper likes.
            client: who asks, with the randomness of this call and what was kept of it.
        """

    def steer(self, tokens: Tensor, scores: Tensor, client: Client) -> Tensor:
        """Return the scores (N, V) by which the next token of each text is drawn; as they are.

        Args:
            tokens: (N, t), each prompt and what was written behind it. Not to be written to.
            scores: log-probabilities, or what the wrapper behind this one made of them.
            client: who asks.
        """
        return scores

    def settings(self) -> dict[str, Json]:
        """Return the settings as JSON values, without the tensors."""
        bare = dataclasses.replace(self, tensors={})
        named: dict[str, Json] = TypeAdapter(type(self)).dump_python(bare, mode="json")
        return {name: value for name, value in named.items() if name != "tensors"}


wrappers: Registry[Wrapper] = Registry(
    "wrapper", "copyright_arena.wrappers", "copyright_arena.attackers", "copyright_arena.defenders"
)
wrapper = wrappers.register


def pack_wrappers(serving: Sequence[Wrapper]) -> Bundle:
    """Return wrappers as plain data and tensors, the innermost first."""
    specs = [PlayerSpec(name=each.name, settings=each.settings()) for each in serving]
    tensors = {f"{i}/{k}": t for i, each in enumerate(serving) for k, t in each.tensors.items()}
    return Bundle({"wrappers": [spec.plain() for spec in specs]}, tensors)


def unpack_wrappers(bundle: Bundle) -> tuple[Wrapper, ...]:
    """Read wrappers back.

    Raises:
        RegistryError: one is not registered here, or does not take its settings.
    """
    specs = [PlayerSpec.model_validate(spec) for spec in bundle.data["wrappers"]]
    return tuple(
        dataclasses.replace(wrappers.make(spec), tensors=bundle.prefixed(str(i)))
        for i, spec in enumerate(specs)
    )
