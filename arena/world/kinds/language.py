"""Models of language: from the tokens so far to the token that follows."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from arena.errors import ArenaError, DataError, ModelError, RuleViolation
from arena.world.compute import Compute
from arena.world.data import Dataset
from arena.world.data.dataset import Source
from arena.world.json_values import Json
from arena.world.kinds.interface import Interface, Output
from arena.world.kinds.kind import Exam, Kind, Objective, Steer
from arena.world.kinds.registry import kind
from arena.world.kinds.tokens import BYTES, Tokenizer, tokenizer
from arena.world.kinds.writing import written
from arena.world.models import pretrained
from arena.world.models.card import ModelCard
from arena.world.models.model import Model
from arena.world.rng import Rng
from arena.world.training.hooks import StepView
from arena.world.training.recipe import Examples, Recipe

if TYPE_CHECKING:
    from arena.world.task import TaskSpec

_MOST_EXAMINED = 128  # rows of the exam: 16,000 characters
_MOST_ANSWERED = 2**26  # probabilities that are held of an exam: a quarter of a GiB
_DIGITS = 7  # decimal digits of a float32

SMALL_WRITER: Mapping[str, Json] = MappingProxyType(
    {
        "data": "fables",
        "model": "gpt",
        "arguments": {"depth": 1, "width": 32, "heads": 2},
        "recipe": {"steps": 60, "batch": 8, "lr": 0.01, "schedule": "cosine"},
    }
)
"""A task of seconds, on which players of texts are tried."""
_REFEREE: Mapping[str, object] = MappingProxyType(
    {
        "model": "gpt",
        "arguments": {"depth": 2, "width": 64},
        "recipe": Recipe(steps=400, batch=16, lr=5e-3, schedule="cosine", clip=1.0),
    }
)
"""What the referee measures the texts of a pretrained model with, in a task's `model` and so on."""


def tokens_of(card: ModelCard) -> Tokenizer:
    """Return what a model of language reads and writes; raises like `tokenizer`."""
    return tokenizer(card.tokenizer, card.vocabulary)


def _in_tokens(data: Dataset, cut: Tokenizer) -> Dataset:
    """Return rows of bytes (N, T) as rows of tokens (M, T), int64; an end that fills none is lost.

    Raises:
        DataError: there are fewer than T tokens.
    """
    length = data.input_shape[0]
    tokens = cut.encode(BYTES.decode(data.images.flatten()))
    n = len(tokens) // length
    if not n:
        raise DataError(
            f"expected a text of at least {length} tokens for a part of {data.name!r}, found "
            f"{len(tokens)}; take a longer one"
        )
    rows = tokens[: n * length].view(n, length)
    return Dataset(data.name, rows, torch.zeros(n, dtype=torch.int64), data.classes)


def entropy(tokens: Tensor) -> float:
    """Return the entropy of single tokens (any shape) in bits: what a unigram model needs."""
    shares = torch.bincount(tokens.flatten().long()).double() / tokens.numel()
    return float(-(shares * shares.clamp_min(1e-300).log2()).sum())


@dataclass(frozen=True, eq=False)
class BitsPerCharacter(Exam):
    """How much of what a unigram model needs for a character a model saves.

    1 minus the bits a character over those of the text's own unigram model, at least 0. Texts alone
    are worth 1 where the yardstick needs as many bits for them as for real ones, 0 where it needs
    as many more as the unigram model does, or as many fewer: what repeats itself is no good text.
    A character is a byte, whatever the tokens are.

    Attributes:
        inputs: real texts (N, T), int64.
        yardstick: a model of bytes that learnt from texts that neither side has, for texts alone.
        tokens: what the texts are made of.
    """

    inputs: Tensor
    yardstick: Model | None = None
    tokens: Tokenizer = BYTES

    def bits(self, answers: Tensor) -> float:
        """Return the bits a character that probabilities (N, T, V) need for the next ones."""
        behind = self.inputs[:, 1:]
        given = answers[:, :-1].gather(2, behind[..., None]).double()
        needed = -given.clamp_min(torch.finfo(torch.float32).tiny).log2().sum()
        return float(needed) / len(self.tokens.spelt(behind))

    @cached_property
    def unigram(self) -> float:
        """Return the bits a character of a model that knows how frequent each is here."""
        return entropy(self.tokens.spelt(self.inputs))

    def utility(self, answers: Tensor) -> float:
        """Return the share of the unigram model's bits that is saved."""
        return max(0.0, 1 - self.bits(answers) / max(self.unigram, 1e-12))

    def perplexity(self, spelt: Tensor) -> float:
        """Return the bits a character that the yardstick needs for bytes (n,), n from 2 up."""
        if self.yardstick is None:
            raise ArenaError("expected a yardstick to measure texts with, found none")
        length = min(len(spelt), self.yardstick.card.input_shape[0])
        rows = spelt[: len(spelt) // length * length].view(-1, length)
        answers = Compute().outputs(self.yardstick, rows).softmax(2)
        return BitsPerCharacter(rows).bits(answers)

    @cached_property
    def real(self) -> float:
        """Return the bits a character that the yardstick needs for real texts."""
        return self.perplexity(self.tokens.spelt(self.inputs))

    def worth(self, texts: Sequence[str], images: Tensor | None) -> float:
        """Return how near the yardstick's bits for the texts are to those for real ones."""
        spelt = BYTES.encode("\n".join(texts))
        if len(spelt) < 2:
            return 0.0
        spread = self.unigram - self.real
        if spread <= 0:
            raise ArenaError(
                "expected a yardstick that has learnt more than how frequent each character is, "
                "found one that has not; train it longer or take a longer text"
            )
        return max(0.0, 1 - abs(self.perplexity(spelt) - self.real) / spread)

    @property
    def floor(self) -> float:
        """Return the utility of the unigram model."""
        return 0.0


@kind("language")
class Language(Kind):
    """A model that returns the logits (B, T, V) of what follows each of its tokens (B, T)."""

    levels: ClassVar[tuple[Output, ...]] = (
        "nothing",
        "outputs",
        "probabilities",
        "logits",
        "weights",
    )
    served: ClassVar[Output] = "probabilities"
    losses: ClassVar[tuple[str, ...]] = ("next-token",)
    metric: ClassVar[str] = "bits saved"
    plain_architecture: ClassVar[str] = "gpt"
    heavy: ClassVar[bool] = True
    writes: ClassVar[bool] = True

    def problems(self, card: ModelCard) -> list[str]:
        """Check that texts go in and that the tokens are as many as the tokenizer's."""
        problems = []
        if len(card.input_shape) != 1:
            problems.append(f"input_shape is that of a text, (T,), found {card.input_shape}")
        try:
            size = tokens_of(card).size
        except ModelError as error:
            return [*problems, str(error)]
        if card.vocabulary != size:
            problems.append(f"vocabulary is {size}: tokens are bytes, found {card.vocabulary}")
        return problems

    def read(self, source: Source, architecture: str) -> Source:
        """Return the text in the tokens of a pretrained model, in rows as long as they were."""
        if not pretrained.is_named(architecture):
            return source
        cut = pretrained.read(architecture).tokens
        return Source(_in_tokens(source.train, cut), _in_tokens(source.test, cut))

    def card(self, data: Dataset, architecture: str, arguments: dict[str, Json]) -> ModelCard:
        """Return the card of models that read as much at once as a row of the data holds."""
        if pretrained.is_named(architecture):
            return pretrained.read(architecture).card(data.input_shape, arguments)
        return ModelCard(
            kind=self.name,
            architecture=architecture,
            arguments=arguments,
            input_shape=data.input_shape,
            vocabulary=BYTES.size,
        )

    def sizes(self, card: ModelCard) -> tuple[object, ...]:
        """Return (input_shape, vocabulary)."""
        return card.input_shape, card.vocabulary

    def output_shape(self, card: ModelCard) -> tuple[int, ...]:
        """Return (T, V)."""
        return (*card.input_shape, card.vocabulary)

    def form_mismatch(self, found: ModelCard, expected: ModelCard) -> str:
        """Compare the tokens; how much is read at once may differ."""
        if found.vocabulary != expected.vocabulary:
            return (
                f"expected a model of {expected.vocabulary} tokens, found {found.vocabulary}; "
                "deliver a model for the task"
            )
        if found.tokenizer != expected.tokenizer:
            return (
                "expected a model with the tokenizer of the task, found one with another; deliver "
                "a model for the task"
            )
        return ""

    def blank(self, card: ModelCard) -> Tensor:
        """Return one text of zeros, (1, T)."""
        return torch.zeros(1, *card.input_shape, dtype=torch.int64)

    def prepare(self, inputs: Tensor, compute: Compute, dtype: torch.dtype) -> Tensor:
        """Return tokens as the models read them: int64 on the device."""
        return inputs.to(compute.device).long()

    # Training

    def objectives(
        self,
        model: Model,
        trained: Sequence[nn.Parameter],
        recipe: Recipe,
        rng: Rng,
        compute: Compute,
    ) -> Sequence[Objective]:
        """Return one objective: the cross-entropy of each token behind the first."""
        self.loss_name(recipe)

        def loss(view: StepView) -> Tensor:
            logits = view.outputs[:, :-1].float().flatten(0, 1)
            return F.cross_entropy(logits, view.inputs[:, 1:].flatten())

        return [Objective(trained, loss)]

    def validate(self, model: Model, held_out: Examples, compute: Compute) -> float:
        """Return the utility on held-out texts."""
        exam = BitsPerCharacter(held_out.images.cpu().long())
        return exam.utility(compute.outputs(model, exam.inputs).softmax(2))

    # Answers

    def reveal(self, answer: Tensor, interface: Interface) -> Tensor:
        """Return what the interface lets out of logits (N, T, V).

        For "outputs" that is the most probable next token (N, T); whole texts are written by
        `write`.
        """
        if interface.output == "outputs":
            return answer.argmax(2)
        rows = answer if interface.output == "logits" else answer.softmax(2)
        return rows if interface.decimals is None else rows.round(decimals=interface.decimals)

    def right(self, served: Tensor, inputs: Tensor, labels: Tensor) -> Tensor:
        """Return the share of each text's tokens (N,) that were the most probable ones."""
        return (served[:, :-1].argmax(2) == inputs[:, 1:]).double().mean(1)

    def unserved(self, served: Tensor) -> Tensor:
        """Return logits of probabilities: their logarithms."""
        return served.clamp_min(torch.finfo(served.dtype).tiny).log()

    def write(self, model: Model, prompts: Tensor, length: int, steer: Steer, rng: Rng) -> Tensor:
        """Return `length` tokens behind each prompt, sampled at temperature 1."""
        return written(model, prompts, length, steer, rng)

    def texts(self, tokens: Tensor, card: ModelCard) -> tuple[str, ...]:
        """Return the text of each row of tokens."""
        return tokens_of(card).texts(tokens)

    def bits(self, card: ModelCard, interface: Interface) -> float:
        """Return the bits of the tokens that are written, or the digits of the numbers shown."""
        if interface.output == "outputs":
            return interface.length * math.log2(card.vocabulary)
        digits = interface.decimals if interface.decimals is not None else _DIGITS
        return math.prod(self.output_shape(card)) * max(digits * math.log2(10), 1.0)

    def inputs(self, examples: Tensor) -> Tensor:
        """Return tokens as int64."""
        return examples.long()

    def fits(self, inputs: Tensor, card: ModelCard) -> bool:
        """Say whether inputs are (N, t) tokens, 1 to T of them."""
        return inputs.dim() == 2 and 1 <= inputs.shape[1] <= card.input_shape[0]

    def admit(self, inputs: Tensor, card: ModelCard, interface: Interface) -> None:
        """Check that inputs are tokens (N, t), at most T of them."""
        if not self.fits(inputs, card) or not len(inputs):
            raise RuleViolation(
                f"expected tokens of (N, t) with N > 0 and t from 1 to {card.input_shape[0]}, "
                f"found {tuple(inputs.shape)}"
            )
        if inputs.dtype not in (torch.uint8, torch.int64):
            raise RuleViolation(f"expected tokens of uint8 or int64, found {inputs.dtype}")
        if int(inputs.min()) < 0 or int(inputs.max()) >= card.vocabulary:
            raise RuleViolation(
                f"expected tokens from 0 to {card.vocabulary - 1}, found {int(inputs.min())} to "
                f"{int(inputs.max())}"
            )

    def probes(self, card: ModelCard, n: int, rng: Rng) -> Tensor:
        """Return texts of uniform tokens (n, T)."""
        draw = rng.torch()
        return torch.randint(0, card.vocabulary, (n, *card.input_shape), generator=draw)

    # Judging

    def yardstick(self, spec: TaskSpec) -> TaskSpec | None:
        """Return the task itself, on other texts of the source; a small gpt for a pretrained model.

        Of what somebody pretrained nobody knows which texts it has not seen.
        """
        return spec.model_copy(update=dict(_REFEREE)) if pretrained.is_named(spec.model) else spec

    def questions(self, data: Dataset, card: ModelCard, rng: Rng) -> Tensor:
        """Return the texts as tokens."""
        return data.images.long()

    def exam(self, data: Dataset, card: ModelCard, yardstick: Model | None, rng: Rng) -> Exam:
        """Return the exam of bits a character on the data: as many rows as answers can be held of.

        Those are 128 of bytes, and ten of 128 out of 50,000 tokens.
        """
        held = _MOST_ANSWERED // math.prod(self.output_shape(card))
        inputs = data.images[: max(1, min(_MOST_EXAMINED, held))].long()
        return BitsPerCharacter(inputs, yardstick, tokens_of(card))

    def likeness(self, answers: Tensor, others: Tensor) -> float:
        """Return 1 minus the mean distance in variation of probabilities (N, T, V)."""
        return 1 - float((answers - others).abs().sum(2).double().mean()) / 2

    def agreement(self, answers: Tensor, others: Tensor) -> float:
        """Return the share of places where the most probable next token is the same."""
        return float((answers.argmax(2) == others.argmax(2)).double().mean())
