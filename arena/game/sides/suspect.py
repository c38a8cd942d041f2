"""A suspect as a verifier sees it: only what the verifier was granted, and never by reference."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass, field

from torch import Tensor

from arena.errors import NotComparable, RuleViolation
from arena.game.rules.innocents import Half
from arena.game.sandbox.networks.cards import is_own
from arena.game.serving.service import Service
from arena.game.serving.wrapper import Answer
from arena.game.sides.deliverable import Deliverable
from arena.game.sides.outputs import Outputs
from arena.world.compute import Compute
from arena.world.kinds.interface import Output, level
from arena.world.kinds.kind import Kind, Steer
from arena.world.kinds.registry import find
from arena.world.layers import weight_of
from arena.world.models import Model, ModelCard
from arena.world.models.calls import module_of
from arena.world.rng import Rng
from arena.world.task import Task


@dataclass
class Suspect:
    """A model under suspicion behind an interface that answers up to a level of output.

    Attributes:
        answer: inputs -> what a model of its kind serves: of a classifier, probabilities (N, C).
        grants: the most that may be read ("labels", "probabilities", "weights").
        card: what goes in and comes out; behind a foreign interface, that of the task.
        compute: where models run that a verifier reads; never under autocast.
        n_queries: inputs answered so far.
        half: of the referee's own models, whose data it learnt from.
        delivered: texts or images alone, where there is no model to ask.
        writer: (prompts (N, t), length) -> the tokens (N, length) that it writes behind them.
    """

    answer: Answer
    grants: Output
    card: ModelCard
    compute: Compute = field(default_factory=Compute)
    n_queries: int = 0
    half: Half | None = None
    delivered: Outputs | None = None
    writer: Callable[[Tensor, int], Tensor] | None = None
    _model: Model | None = None

    def __post_init__(self) -> None:
        self.compute = self.compute.float32

    @property
    def kind(self) -> Kind:
        """What the suspect does."""
        return find(self.card.kind)

    @property
    def input_shape(self) -> tuple[int, ...]:
        """The shape of one input."""
        return self.card.input_shape

    @property
    def n_classes(self) -> int:
        """How many classes a classifier tells apart."""
        return self.card.n_classes

    @classmethod
    def of(cls, deliverable: Deliverable, grants: Output, compute: Compute, rng: Rng) -> Suspect:
        """Return the suspect that a deliverable is, through its own interface (wrapped if it is).

        Raises:
            RuleViolation: the deliverable holds no model.
        """
        model = deliverable.model
        if model is None:
            raise RuleViolation("expected a deliverable with a model, found a claim alone")

        def plain(inputs: Tensor) -> Tensor:
            return model.kind.serve(model, inputs, compute, rng.child("answer"))

        service = Service(plain, deliverable.serving, rng)

        def write(prompts: Tensor, length: int) -> Tensor:
            def writer(asked: Tensor, steer: Steer, draws: Rng) -> Tensor:
                return model.kind.write(model, asked, length, steer, draws)

            compute.place(model)
            return service.write(prompts, writer)

        readable = None if is_own(model.card.architecture) else model
        return cls(service.answer, grants, model.card, compute, writer=write, _model=readable)

    @classmethod
    def bare(cls, model: Model, compute: Compute, grants: Output = "weights") -> Suspect:
        """Return an unwrapped model as a suspect."""
        return cls.of(Deliverable(model), grants, compute, Rng(0))

    @classmethod
    def of_outputs(cls, outputs: Outputs, card: ModelCard, grants: Output) -> Suspect:
        """Return the suspect that texts or images alone are: there is nobody to ask.

        Args:
            outputs: what was handed in.
            card: of the models of the task.
            grants: what verification may see.
        """

        def nobody(inputs: Tensor) -> Tensor:
            raise NotComparable("the suspect is texts or images alone, nobody answers")

        return cls(nobody, grants, card, delivered=outputs)

    def need_model(self, reason: str) -> None:
        """Refuse to go on where there is no model to ask.

        Raises:
            NotComparable: the suspect is texts or images alone, with the reason.
        """
        if self.delivered is not None:
            raise NotComparable(f"the suspect is texts or images alone, and {reason}")

    def _need(self, output: Output) -> None:
        if level(output) > level(self.grants):
            raise RuleViolation(
                f"verification asks for {output}, the scenario grants {self.grants}; "
                'set verification = "' + output + '" in the scenario'
            )

    def outputs(self, inputs: Tensor) -> Tensor:
        """Return what a model of this kind serves (N, ...), on the CPU; as `probabilities` else."""
        self._need(self.kind.served)
        return self._ask(inputs)

    def probabilities(self, images: Tensor) -> Tensor:
        """Return a classifier's answers (N, C), on the CPU.

        Raises:
            NotComparable: the images are not of the form that the suspect takes.
            RuleViolation: the level is not granted.
        """
        self._need("probabilities")
        return self._ask(images)

    def labels(self, images: Tensor) -> Tensor:
        """Return a classifier's classes (N,), on the CPU; raises like `probabilities`."""
        self._need("labels")
        return self._ask(images).argmax(1)

    def right(self, inputs: Tensor, labels: Tensor) -> Tensor:
        """Return the share of each input (N,) answered right; raises like `probabilities`.

        Args:
            inputs: (N, ...).
            labels: true ones, (N,).
        """
        self._need("labels")
        return self.kind.right(self._ask(inputs), inputs, labels)

    def written(self, prompts: Tensor, length: int) -> Tensor:
        """Return the tokens (N, length) that a model of language writes behind prompts (N, t).

        Raises:
            NotComparable: the suspect writes no texts, or takes no such prompts.
            RuleViolation: outputs are not granted.
        """
        self._need("outputs")
        if self.writer is None or not self.kind.writes:
            raise NotComparable("the suspect writes no texts")
        self._check(prompts)
        self.n_queries += len(prompts)
        return self.writer(prompts, length)

    def _ask(self, inputs: Tensor) -> Tensor:
        self._check(inputs)
        self.n_queries += len(inputs)
        return self.answer(inputs)

    def _check(self, inputs: Tensor) -> None:
        if not self.kind.fits(inputs, self.card):
            raise NotComparable(
                f"the suspect takes inputs of {self.input_shape}, the key holds "
                f"{tuple(inputs.shape[1:])}"
            )

    def model(self) -> Model:
        """Return a copy of the suspect's model, in eval mode.

        Raises:
            RuleViolation: weights are not granted.
            NotComparable: the suspect is an interface without a model behind it that can be read.
        """
        self._need("weights")
        if self._model is None:
            raise NotComparable("the suspect is an interface; its weights cannot be read")
        return self._model.copy().eval()

    def read_as(self, model: Model) -> Suspect:
        """Return the suspect with its weights read as those of a model; it answers as before."""
        return dataclasses.replace(self, _model=model)

    def weights(self, layer: str, shape: tuple[int, ...] | None = None) -> Tensor:
        """Return the weight of a named layer as float64, on the CPU.

        Raises:
            NotComparable: no such layer, or another shape than the key expects.
        """
        self._need("weights")
        if self._model is None:
            raise NotComparable("the suspect is an interface; its weights cannot be read")
        tensor = weight_of(dict(self._model.named_modules()).get(layer))
        if tensor is None:
            raise NotComparable(f"the suspect has no layer {layer!r} with weights")
        if shape is not None and tuple(tensor.shape) != tuple(shape):
            raise NotComparable(
                f"layer {layer!r} has weights {tuple(tensor.shape)}, the key reads {tuple(shape)}"
            )
        return tensor.detach().cpu().double()

    def activations(self, layer: str, images: Tensor) -> Tensor:
        """Return the outputs (N, ...) of a layer, or of one of its calls; raises like `weights`."""
        model = self.model()
        if module_of(layer) not in dict(model.named_modules()):
            raise NotComparable(f"the suspect has no layer {layer!r}")
        self._check(images)
        self.n_queries += len(images)
        return self.compute.activations(model, images, [layer])[layer]


def accused(deliverable: Deliverable, task: Task, grants: Output, rng: Rng) -> Suspect:
    """Return whom a deliverable accuses: its model, or texts or images alone; raises like `of`."""
    if deliverable.model is None and deliverable.outputs is not None:
        return Suspect.of_outputs(deliverable.outputs, task.card, grants)
    return Suspect.of(deliverable, grants, task.compute, rng)
