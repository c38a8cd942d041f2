"""What launderers of texts have in common: they ask for texts, change them, and pass them on."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field

from arena.game.rules.threat import ThreatModel
from arena.game.sides.access import Access
from arena.game.sides.attack import Attack, attack
from arena.game.sides.deliverable import Deliverable
from arena.game.sides.outputs import Outputs
from arena.world.json_values import Json
from arena.world.kinds.language import SMALL_WRITER
from arena.world.kinds.registry import find
from arena.world.rng import Rng

ASKS = ThreatModel(output="outputs", data=1, length=40, deliverables=frozenset({"outputs"}))
LETTERS = "etaoinshrdlcumwfgypbvk"


def asked(access: Access, n_texts: int, prompt: int) -> tuple[str, ...]:
    """Return what the victim writes behind the first tokens of the thief's own texts."""
    prompts = access.data().images[:n_texts, :prompt].long()
    return find(access.card.kind).texts(access.query(prompts), access.card)


@dataclass(frozen=True, kw_only=True)
class Launderer(Attack):
    """Base class of launderers. Subclasses write `laundered`.

    A launderer works on the texts that it holds from an earlier round; it asks for some where it
    holds none.
    """

    needs: ClassVar[ThreatModel] = ASKS
    task_needs: ClassVar[frozenset[str]] = frozenset({"text"})
    victim: ClassVar[Mapping[str, Json]] = SMALL_WRITER
    quick: ClassVar[Mapping[str, Json]] = MappingProxyType({"n_texts": 4})

    n_texts: Annotated[int, Field(ge=1)] = 32
    prompt: Annotated[int, Field(ge=1)] = 16

    def run(self, access: Access, rng: Rng) -> Deliverable:
        """Pass the changed texts on."""
        held = access.current().outputs
        texts = held.texts if held else asked(access, self.n_texts, self.prompt)
        return Deliverable(outputs=Outputs(self.laundered(texts, access, rng)))

    @abstractmethod
    def laundered(self, texts: tuple[str, ...], access: Access, rng: Rng) -> tuple[str, ...]:
        """Return what is passed on in place of the texts."""


@dataclass(frozen=True, kw_only=True)
class Changer(Launderer):
    """Base class of launderers that change one text at a time. Subclasses write `changed`."""

    def laundered(self, texts: tuple[str, ...], access: Access, rng: Rng) -> tuple[str, ...]:
        """Return each text changed by itself."""
        return tuple(self.changed(text, rng.child(i).numpy()) for i, text in enumerate(texts))

    @abstractmethod
    def changed(self, text: str, draw: np.random.Generator) -> str:
        """Return one changed text."""


@attack("pass-on")
@dataclass(frozen=True, kw_only=True)
class PassOn(Changer):
    """Passes on what the victim wrote, as it is.

    What: the control of launderers.
    Threat model: texts of the victim, and own texts to ask with.
    Parameters: n_texts; prompt (tokens of an own text that each answer is asked with).
    Cost: one query a text.
    Differences to the paper: there is no paper.
    Reference: none.
    Versions: 1.
    """

    control: ClassVar[bool] = True

    def changed(self, text: str, draw: np.random.Generator) -> str:
        """Return the text."""
        return text
