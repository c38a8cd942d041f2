"""What a kind of task decides: cards, training, answers, and how useful an answer is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import torch
from torch import Tensor, nn

from arena.errors import ArenaError, NotComparable, RuleViolation
from arena.world.kinds.interface import Interface, Output
from arena.world.rng import Rng

if TYPE_CHECKING:
    from arena.world.compute import Compute
    from arena.world.data import Dataset
    from arena.world.data.dataset import Source
    from arena.world.json_values import Json
    from arena.world.models.card import ModelCard
    from arena.world.models.model import Model
    from arena.world.task import TaskSpec
    from arena.world.training import Examples, Recipe, StepView


Steer = Callable[[Tensor, Tensor], Tensor]
"""(tokens so far (N, t), log-probabilities (N, V) of the next) -> the scores it is drawn by."""


@dataclass(frozen=True)
class Objective:
    """What one optimiser brings down in each step of training.

    Attributes:
        parameters: what the optimiser changes.
        loss: a step's view -> the scalar.
        passes: how often an image goes through a network for it, for the meter.
        betas: decay rates of Adam's moments.
    """

    parameters: Sequence[nn.Parameter]
    loss: Callable[[StepView], Tensor]
    passes: int = 1
    betas: tuple[float, float] = (0.9, 0.999)


class Exam(ABC):
    """How the referee measures what models of a kind are worth.

    Attributes:
        inputs: (N, *input_shape), what each model is asked, as an interface takes it.
    """

    inputs: Tensor

    @abstractmethod
    def utility(self, answers: Tensor) -> float:
        """Return how useful the answers (N, ...) to `inputs` are, in [0, 1]."""

    def each(self, answers: Tensor) -> Tensor | None:
        """Return which answers are right (N,), bool; None where utility is no share of those."""
        return None

    def worth(self, texts: Sequence[str], images: Tensor | None) -> float:
        """Return how useful texts or images (N, C, H, W) alone are, in [0, 1].

        Where making such outputs is not the task, they are worth nothing.
        """
        return 0.0

    @property
    @abstractmethod
    def floor(self) -> float:
        """Return the utility in [0, 1] of what knows nothing."""


class Kind(ABC):
    """What the models of a task do. A subclass is one file; `@kind(name)` registers it.

    Class attributes:
        name: set by the registry.
        levels: what an interface to such a model can let out, the least first.
        served: the level at which the referee and verifiers ask.
        losses: the names that a recipe's `loss` may have; the first is what "" stands for.
        metric: what `utility` is called on pages.
        plain_architecture: what somebody builds who does not know the victim's.
        needs_labels: its models learn from true labels, and utility cannot be told without them.
        labels_examples: what its models answer can stand for the labels of examples (`labels`).
        heavy: one flat input (a latent, a text) costs as much as an image.
        writes: its "outputs" are texts, written token by token (`write`).
        draws: what it serves are images in [0, 1], which a report can show.
    """

    name: ClassVar[str] = ""
    levels: ClassVar[tuple[Output, ...]]
    served: ClassVar[Output]
    losses: ClassVar[tuple[str, ...]]
    metric: ClassVar[str]
    plain_architecture: ClassVar[str]
    needs_labels: ClassVar[bool] = False
    labels_examples: ClassVar[bool] = False
    heavy: ClassVar[bool] = False
    writes: ClassVar[bool] = False
    draws: ClassVar[bool] = False

    # Cards and models

    @abstractmethod
    def problems(self, card: ModelCard) -> list[str]:
        """Return what is wrong with a card, in words, beside what is wrong for every kind."""

    @abstractmethod
    def card(self, data: Dataset, architecture: str, arguments: dict[str, Json]) -> ModelCard:
        """Return the card of a task's models, made from the train part of its data."""

    def read(self, source: Source, architecture: str) -> Source:
        """Return data as a task's models read them, whose architecture is named: as they are."""
        return source

    @abstractmethod
    def sizes(self, card: ModelCard) -> tuple[object, ...]:
        """Return the positional arguments of the builders of this kind's architectures."""

    @abstractmethod
    def output_shape(self, card: ModelCard) -> tuple[int, ...]:
        """Return the shape of the output for one input."""

    def example_shape(self, card: ModelCard) -> tuple[int, ...]:
        """Return the shape of an example of the data that such a model learns from: its input's."""
        return card.input_shape

    def mismatch(self, found: ModelCard, expected: ModelCard) -> str:
        """Return "expected ..., found ..." where one cannot stand for the other, else ""."""
        if found.kind != expected.kind:
            return f"expected a {expected.kind}, found a {found.kind}; deliver a model for the task"
        return self.form_mismatch(found, expected)

    @abstractmethod
    def form_mismatch(self, found: ModelCard, expected: ModelCard) -> str:
        """Compare what goes into two models of this kind and comes out, as `mismatch` does."""

    def preparation(self, card: ModelCard) -> nn.Module:
        """Return the first module of a model, made from its card: the identity."""
        return nn.Identity()

    def blank(self, card: ModelCard) -> Tensor:
        """Return one blank input (1, *input_shape): what layers are found with."""
        return torch.zeros(1, *card.input_shape)

    def prepare(self, inputs: Tensor, compute: Compute, dtype: torch.dtype) -> Tensor:
        """Return stored inputs as the models read them: floats in [0, 1] from uint8 pixels."""
        return compute.images(inputs, dtype)

    def head(self, model: Model) -> str:
        """Return the name of the last layer with weights that runs: what "last" trains.

        Raises:
            NotComparable: no layer has weights.
        """
        from arena.world import layers

        return layers.last(model, model.card.input_shape)

    # Training

    def loss_name(self, recipe: Recipe) -> str:
        """Return the name of the loss that a recipe asks for.

        Raises:
            ArenaError: this kind has none of that name.
        """
        if recipe.loss and recipe.loss not in self.losses:
            raise ArenaError(
                f"expected a loss of {', '.join(self.losses)} for a {self.name}, "
                f"found {recipe.loss!r}; change the recipe"
            )
        return recipe.loss or self.losses[0]

    def batch(self, examples: Examples, card: ModelCard, generator: torch.Generator) -> Examples:
        """Return a step's (inputs, targets) from augmented examples: as they are."""
        return examples

    def forward(self, model: Model, inputs: Tensor, targets: Tensor) -> Tensor:
        """Return what a model in training makes of a step's inputs: for most, of these alone."""
        outputs: Tensor = model(inputs)
        return outputs

    @abstractmethod
    def objectives(
        self,
        model: Model,
        trained: Sequence[nn.Parameter],
        recipe: Recipe,
        rng: Rng,
        compute: Compute,
    ) -> Sequence[Objective]:
        """Return what a run of training brings down: opponents first, the model's own last.

        Args:
            model: on the device, in its place.
            trained: those of its parameters that train.
            recipe: how.
            rng: what opponents are drawn from.
            compute: where they run.
        """

    def validate(self, model: Model, held_out: Examples, compute: Compute) -> float:
        """Return how good a model is on held-out examples, for early stopping.

        Raises:
            ArenaError: this kind has no such figure.
        """
        raise ArenaError(
            f"expected a recipe without early stopping for a {self.name}, found patience; set it 0"
        )

    # Answers

    def answer(
        self, model: nn.Module, inputs: Tensor, compute: Compute, rng: Rng, *, double: bool = False
    ) -> Tensor:
        """Return everything that the fullest interface could tell, (N, ...), on the CPU."""
        return compute.outputs(model, inputs, double=double)

    @abstractmethod
    def reveal(self, answer: Tensor, interface: Interface) -> Tensor:
        """Return what an interface lets out of an `answer`."""

    @abstractmethod
    def bits(self, card: ModelCard, interface: Interface) -> float:
        """Return the information in one revealed answer, in bits."""

    def serve(self, model: nn.Module, inputs: Tensor, compute: Compute, rng: Rng) -> Tensor:
        """Return what a model answers to the referee and to verifiers: the `served` level.

        In float32, whatever the autocast.
        """
        answer = self.answer(model, inputs, compute.float32, rng)
        return self.reveal(answer, Interface(output=self.served))

    def labels(self, outputs: Tensor) -> Tensor:
        """Return the labels that a model's outputs (N, ...) give to the examples it was asked.

        Raises:
            NotComparable: they give none.
        """
        raise NotComparable(f"a {self.name} does not label examples")

    def right(self, served: Tensor, inputs: Tensor, labels: Tensor) -> Tensor:
        """Return which inputs (N,) were answered right, or which share of each, float64.

        Args:
            served: what a model answered, (N, ...).
            inputs: as they were asked.
            labels: true ones of the inputs, (N,).

        Raises:
            NotComparable: answers of this kind are not right or wrong.
        """
        same = self.labels(served) == labels
        return same.reshape(len(labels), -1).all(1).double()

    def unserved(self, served: Tensor) -> Tensor:
        """Return an `answer` from which `reveal` makes what was served, and every lower level."""
        return served

    def write(self, model: Model, prompts: Tensor, length: int, steer: Steer, rng: Rng) -> Tensor:
        """Return the tokens (N, length) that a model writes behind prompts (N, t).

        Args:
            model: in its place.
            prompts: tokens.
            length: how many are written behind each.
            steer: what changes the scores of each next token.
            rng: of the draws.

        Raises:
            NotComparable: models of this kind write no texts.
        """
        raise NotComparable(f"a {self.name} writes no texts")

    def texts(self, tokens: Tensor, card: ModelCard) -> tuple[str, ...]:
        """Return the texts that tokens (N, t) of such a model stand for.

        Raises:
            NotComparable: models of this kind write no texts.
        """
        raise NotComparable(f"a {self.name} writes no texts")

    def inputs(self, examples: Tensor) -> Tensor:
        """Return examples of a data set as every interface takes them: floats in [0, 1]."""
        return examples.float() / 255 if examples.dtype == torch.uint8 else examples.float()

    def fits(self, inputs: Tensor, card: ModelCard) -> bool:
        """Say whether inputs (N, ...) have the form that a model takes."""
        return tuple(inputs.shape[1:]) == card.input_shape

    def admit(self, inputs: Tensor, card: ModelCard, interface: Interface) -> None:
        """Check inputs (N, *input_shape) that somebody puts to an interface.

        Raises:
            RuleViolation: they have another form, or values that the interface does not take.
        """
        if not self.fits(inputs, card) or not len(inputs):
            raise RuleViolation(
                f"expected inputs of (N, {', '.join(map(str, card.input_shape))}) with N > 0, "
                f"found {tuple(inputs.shape)}"
            )
        if inputs.is_floating_point() and not bool(inputs.isfinite().all()):
            raise RuleViolation("expected finite inputs, found NaN or infinity")

    @abstractmethod
    def probes(self, card: ModelCard, n: int, rng: Rng) -> Tensor:
        """Return noise (n, *input_shape) on which unrelated models answer differently."""

    # Judging

    def yardstick(self, spec: TaskSpec) -> TaskSpec | None:
        """Return the task of a model that the referee measures utility with; None: it needs none.

        It is trained on data that neither side has.
        """
        return None

    def questions(self, data: Dataset, card: ModelCard, rng: Rng) -> Tensor:
        """Return what somebody with such data asks an interface: the data, pixels as uint8."""
        return data.images

    @abstractmethod
    def exam(self, data: Dataset, card: ModelCard, yardstick: Model | None, rng: Rng) -> Exam:
        """Return how models are measured on some data."""

    @abstractmethod
    def likeness(self, answers: Tensor, others: Tensor) -> float:
        """Return how alike two served answers to the same inputs are, in [0, 1]."""

    def agreement(self, answers: Tensor, others: Tensor) -> float:
        """Return the share in [0, 1] of the inputs to which two models answer the same."""
        return self.likeness(answers, others)
