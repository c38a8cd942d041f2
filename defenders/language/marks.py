"""What marks in texts have in common: an interface that writes them, and a verdict on a text."""

from __future__ import annotations

import dataclasses
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Annotated, ClassVar

import torch
from pydantic import Field
from torch import Tensor

from arena.errors import NotComparable
from arena.game.court.verdict import Verdict
from arena.game.rules.innocents import Accused
from arena.game.rules.keys import Key, fresh_seed
from arena.game.serving.wrapper import Answer, Client, Wrapper
from arena.game.sides.defense import Defense, OwnerTask, Protected, StandardOfProof
from arena.game.sides.suspect import Suspect
from arena.world.json_values import Json
from arena.world.kinds.interface import Output
from arena.world.kinds.language import SMALL_WRITER, tokens_of
from arena.world.kinds.tokens import BYTES, Tokenizer
from arena.world.rng import Rng
from defenders.language.scheme.normalise import normalised

TEXT = frozenset({"text"})
_PROMPT = "\n"  # what a suspect that is a model writes behind


def read(texts: Sequence[str], tokens: Tokenizer = BYTES) -> list[Tensor]:
    """Return the tokens (T,) of each text, as marks look at them: normalised, without case."""
    return [tokens.folded(tokens.encode(normalised(text))) for text in texts]


def cooled(scores: Tensor, temperature: float) -> Tensor:
    """Return log-probabilities at a temperature; at 0 all mass lies on the most probable token."""
    if temperature == 0:
        best = scores.argmax(-1, keepdim=True)
        return torch.full_like(scores, -torch.inf).scatter(-1, best, 0.0)
    return (scores / temperature).log_softmax(-1)


@dataclass(frozen=True, kw_only=True)
class MarkedTexts(Wrapper):
    """Base class of interfaces that mark what they write. Subclasses write `reads` and `marked`.

    `tensors` holds as "small" which token stands for each (V,); nothing stands for bytes.
    """

    task_needs: ClassVar[frozenset[str]] = TEXT

    secret: str = field(default="", repr=False)
    temperature: Annotated[float, Field(ge=0)] = 1.0

    @property
    @abstractmethod
    def reads(self) -> int:
        """Return how many tokens must stand before a place for it to be marked."""

    @abstractmethod
    def marked(self, tokens: Tensor, scores: Tensor) -> Tensor:
        """Return the scores (M, V) with the mark; tokens (M, t) are folded, t >= `reads`."""

    @property
    def small(self) -> Tensor:
        """Which token stands for each (V,), without capitals."""
        return self.tensors.get("small", BYTES.small)

    def steer(self, tokens: Tensor, scores: Tensor, client: Client) -> Tensor:
        """Mark the next token of each text, where enough stands before it."""
        plain = cooled(scores, self.temperature)
        return (
            self.marked(self.small[tokens.long()], plain)
            if tokens.shape[1] >= self.reads
            else plain
        )

    def respond(self, inputs: Tensor, answer: Answer, client: Client) -> Tensor:
        """Return probabilities as they are: the mark is in what is written."""
        return answer(inputs)


@dataclass(frozen=True, kw_only=True)
class TextMark(Defense):
    """Base class of marks in texts. Subclasses write `wrapper`, `reading` and `judged`.

    The key says by what settings texts are read, so its commitment binds them: who could choose
    them when the text is known would try one after the other.
    """

    reads: ClassVar[Output] = "outputs"
    invasive: ClassVar[bool] = False
    accuses: ClassVar[Accused] = "output"
    task_needs: ClassVar[frozenset[str]] = TEXT
    victim: ClassVar[Mapping[str, Json]] = SMALL_WRITER
    quick: ClassVar[Mapping[str, Json]] = MappingProxyType(
        {"n_texts": 4, "length": 60, "level": 1e-5}
    )

    protocol: StandardOfProof = "seeded"
    temperature: Annotated[float, Field(ge=0)] = 1.0
    n_texts: Annotated[int, Field(ge=1)] = 16
    length: Annotated[int, Field(ge=1)] = 200

    @abstractmethod
    def wrapper(self, secret: str, tokens: Tokenizer = BYTES) -> MarkedTexts:
        """Return the interface that writes tokens with a secret."""

    @property
    @abstractmethod
    def reading(self) -> dict[str, Json]:
        """Return the settings by which texts are read."""

    @abstractmethod
    def judged(self, key: Key, texts: Sequence[Tensor]) -> Verdict:
        """Return the verdict on texts, each its folded tokens (T,)."""

    def protect(self, task: OwnerTask, rng: Rng) -> Protected:
        """Release the model as it is, behind an interface that marks what it writes."""
        key = self.key_of(fresh_seed(rng), task.card.vocabulary)
        return Protected(task.base(), key, (self.wrapper(key.seed, tokens_of(task.card)),))

    def key_of(self, seed: str, vocabulary: int) -> Key:
        """Return the key of a seed, for texts of so many different tokens."""
        return Key(self.name, seed, {"vocabulary": vocabulary, **self.reading})

    def rederive(self, key: Key) -> Key:
        """Return the key: the seed and the settings are all of it."""
        return dataclasses.replace(key, tensors={}, evidence={})

    def texts_of(self, suspect: Suspect) -> tuple[str, ...]:
        """Return the texts that are accused; a suspect that is a model writes some first.

        Raises:
            NotComparable: the suspect is images, or a model that writes no texts.
        """
        if suspect.delivered is None:
            prompts = tokens_of(suspect.card).encode(_PROMPT).expand(self.n_texts, -1)
            return suspect.kind.texts(suspect.written(prompts, self.length), suspect.card)
        if not suspect.delivered.texts:
            raise NotComparable("the suspect is images, and a mark in texts is read in texts")
        return suspect.delivered.texts

    def examine(self, key: Key, suspect: Suspect, rng: Rng) -> Verdict:
        """Look for the mark in all texts together, cut into the tokens of the suspect's card.

        Raises:
            NotComparable: the key is of other tokens, or was made to be read by other settings.
        """
        tokens = tokens_of(suspect.card)
        if tokens.size != int(key.settings["vocabulary"]):
            raise NotComparable(
                f"the key is of {key.settings['vocabulary']} tokens, the suspect has {tokens.size}"
            )
        for name, value in self.reading.items():
            if key.settings.get(name) != value:
                raise NotComparable(
                    f"the key is read with {name} {key.settings.get(name)}, the scheme has {value}"
                )
        return self.judged(key, read(self.texts_of(suspect), tokens))
