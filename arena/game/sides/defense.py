"""The owner's side: one scheme protects a model and later verifies suspects with its key."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import zip_longest
from types import MappingProxyType
from typing import ClassVar, Literal

from torch import Tensor

from arena.errors import NoReference, NotComparable, RuleViolation
from arena.game.court.nulls import NullTest, Side, Values
from arena.game.court.reference import Reference
from arena.game.court.verdict import Verdict
from arena.game.rules.innocents import Accused, Half
from arena.game.rules.keys import Key
from arena.game.rules.projection import Projection
from arena.game.serving.query_log import QueryLog
from arena.game.serving.wrapper import Wrapper
from arena.game.sides.lab import Lab
from arena.game.sides.player import Player, Registry
from arena.game.sides.suspect import Suspect
from arena.world.bundle import Bundle
from arena.world.data import Dataset
from arena.world.json_values import Json
from arena.world.kinds.interface import Output
from arena.world.models import Model, ModelCard, pretrained
from arena.world.rng import Rng
from arena.world.task import Task
from arena.world.training import Examples, Hook, Recipe

StandardOfProof = Literal[
    "none", "timestamp", "prf-labels", "seeded", "nulls", "bound", "lineage", "full"
]


@dataclass(frozen=True)
class OwnerTask:
    """The owner's whole world while it protects: its data, its models, its laboratory.

    Attributes:
        data: the owner's split. probe: held-out images for seeds of fingerprints.
        card: what the victim is to be. recipe: how it is trained.
        train_rng: the randomness of the base model, so that a protected twin differs by its mark.
        unprotected: the victim's twin of the same data, recipe and seed; `base` gives copies of it.
        null_models: makes independent models that nobody reports on; `nulls` shows them.
        null_halves: whose data each of them learnt from, where that is known.
        null_kinds: what each of them is ("Neg-1" where it is not said): the reference class.
        exam: images that no null model learnt from, by which utility is measured; the probe where
            it is None.
        marks_base: marks are embedded by fine-tuning the base model instead of from scratch.
    """

    data: Dataset
    probe: Dataset
    card: ModelCard
    recipe: Recipe
    lab: Lab
    train_rng: Rng
    unprotected: Model
    null_models: Callable[[], Sequence[Model]] = field(default=tuple)
    null_halves: tuple[Half, ...] = ()
    marks_base: bool = False
    null_kinds: tuple[str, ...] = ()
    exam: Dataset | None = None

    @classmethod
    def from_task(
        cls,
        task: Task,
        unprotected: Model,
        lab: Lab,
        train_rng: Rng,
        null_models: Callable[[], Sequence[Model]] = tuple,
    ) -> OwnerTask:
        """Return the world of the owner of a model of this task."""
        return cls(
            data=task.splits.owner,
            probe=task.splits.probe,
            card=unprotected.card,
            recipe=task.spec.recipe,
            lab=lab,
            train_rng=train_rng,
            unprotected=unprotected,
            null_models=null_models,
            marks_base=pretrained.is_named(task.spec.model),
        )

    def base(self) -> Model:
        """Return a copy of the unprotected twin of the victim."""
        return self.unprotected.copy()

    def nulls(self) -> list[Suspect]:
        """Return the calibration innocents as suspects whose weights may be read.

        All are innocent of what the scheme accuses; `half` says whose data each learnt from.
        """
        pairs = zip_longest(self.null_models(), self.null_halves)
        return [replace(Suspect.bare(model, self.lab.compute), half=half) for model, half in pairs]

    def reference(self, nulls: Sequence[Suspect], kinds: Sequence[str] = ()) -> Reference:
        """Return the reference class that null models make up, with their utilities.

        Args:
            nulls: those models: all of this task, or some.
            kinds: what each of them is; where none are given, in the order of `null_kinds`.
        """
        exam = self.probe if self.exam is None else self.exam
        return Reference.measured(exam, nulls, kinds or self.null_kinds)

    def trained(
        self,
        hooks: Sequence[Hook] = (),
        recipe: Recipe | None = None,
        examples: Examples | None = None,
    ) -> Model:
        """Return a model trained with these hooks: what embeds a mark.

        An owner trains from scratch with the base model's own randomness, so that base and victim
        differ by the mark alone; whoever marks a finished model (`marks_base`) fine-tunes a copy.
        """
        if self.marks_base:
            model = self.base()
        else:
            model = self.lab.build(self.card, self.train_rng.child("initial"))
        own = Examples.of(self.data) if examples is None else examples
        self.lab.train(model, own, recipe or self.recipe, self.train_rng.child("training"), hooks)
        return model


@dataclass(frozen=True)
class Triggers:
    """Images (K, *input_shape), and labels (K,) that were drawn for them out of so many classes."""

    images: Tensor
    labels: Tensor
    n_classes: int


@dataclass(frozen=True)
class Protected:
    """The victim that is released, the key that stays, and the wrappers that serve the victim.

    The first wrapper is the innermost. Whoever asks meets the victim behind them; whoever is
    granted weights has the bare model.
    """

    model: Model
    key: Key
    serving: tuple[Wrapper, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Defense(Player):
    """Base class of protections. Subclasses write `protect` and `examine`.

    Class attributes: `reads`, what verification must see of a suspect; `uses_nulls`, whether it
    takes null models where there are any (who needs them says so in `task_needs`); `invasive`,
    whether the model is changed at all (fingerprints do not); `answers_for`, whether what protects
    stands before the model and alters its answers, so that a bare model has none of it; `exposes`,
    what a thief must be said to know for `exposed` to be handed to it; `statistic`, what verdicts
    measure and whether copies are low or high in it; `accuses`, what a verdict is about: it decides
    which independent models are innocent, and what can be a suspect; `strictness`, the settings
    that say how much proof is enough; `victim`, as in `Attack`: the task that trials of the scheme
    are played on, nothing for any.
    Fields: `level`, the p-value at which a suspect is called a copy; `protocol`, the standard of
    proof in disputes over this scheme's keys (docs/protocol.md).
    """

    reads: ClassVar[Output] = "weights"
    uses_nulls: ClassVar[bool] = False
    invasive: ClassVar[bool] = True
    answers_for: ClassVar[bool] = False
    exposes: ClassVar[str] = ""
    accuses: ClassVar[Accused] = "model"
    statistic: ClassVar[tuple[str, Literal["low", "high"]]] = ("", "high")
    strictness: ClassVar[frozenset[str]] = frozenset({"level"})
    victim: ClassVar[Mapping[str, Json]] = MappingProxyType({})

    level: float = 0.01
    protocol: StandardOfProof = "full"

    @abstractmethod
    def protect(self, task: OwnerTask, rng: Rng) -> Protected:
        """Return the model to release and the key. Never touches objects of the other side."""

    @abstractmethod
    def examine(self, key: Key, suspect: Suspect, rng: Rng) -> Verdict:
        """Return the verdict on a suspect; may raise `NotComparable` for a strange one."""

    def verify(self, key: Key, suspect: Suspect, rng: Rng) -> Verdict:
        """Return the verdict on any suspect: one that the key cannot read is "not verified".

        One that no null model of the key is like has "no reference".
        """
        try:
            if self.accuses != "output":
                suspect.need_model(f"{self.name} accuses {_ACCUSED[self.accuses]}")
            return self.examine(key, suspect, rng)
        except NoReference as error:
            return Verdict.no_reference(str(error), *self.statistic)
        except (NotComparable, RuleViolation) as error:
            return Verdict.unreadable(str(error), *self.statistic)

    def null_test(self, key: Key, copies: Side) -> NullTest:
        """Return how rare a statistic is among those of independent models.

        Args:
            key: that found it.
            copies: on which side the verdict says that copies lie.
        """
        return Values(copies)

    def as_strict_as(self, other: Defense) -> Defense:
        """Return the scheme with as much proof as another asks for.

        A setting of `strictness` that the other does not have is this scheme's default: whoever
        presents a key chooses the scheme, and not how much it has to show.
        """
        own = self.settings()
        bound = self.strictness & own.keys()
        kept = {name: value for name, value in own.items() if name not in bound}
        asked = {name: value for name, value in other.settings().items() if name in bound}
        return type(self).of({**kept, **asked}, f"scheme {self.name!r}")

    def seeing(self, grants: Output) -> Defense:
        """Return the scheme for suspects of which no more than that is seen; here, itself."""
        return self

    def evidence(self, key: Key, log: QueryLog) -> Key:
        """Return the key with what its owner finds in the log of its interface; here, nothing.

        Called before every verification, and never shown the suspect. A scheme that overrides it
        finds its mark in answers, so its interface is logged.
        """
        return key

    @property
    def reads_log(self) -> bool:
        """Return whether `evidence` is the scheme's own: then its interface is logged."""
        return type(self).evidence is not Defense.evidence

    @property
    def releases_twin(self) -> bool:
        """Return whether all that is met of an owner is the bare twin of its victim."""
        before = self.answers_for or self.reads_log
        return not (self.invasive or before or self.accuses == "output")

    def rederive(self, key: Key) -> Key | None:
        """Return the key that its revealed seed expands to; None where a key has no such form."""
        return None

    def exposed(self, key: Key) -> Bundle:
        """Return the part of the key that a scenario may expose on purpose; none."""
        return Bundle()

    def trial_exposed(self, model: Model, examples: Examples, rng: Rng) -> Bundle:
        """Return what stands for `exposed` in the trial of an attack on an unprotected model."""
        return Bundle()

    def trigger_images(self, key: Key) -> Tensor | None:
        """Return the inputs (images, latents) that a key is verified by; None for a key of none."""
        return None

    def drawn_triggers(self, key: Key) -> Triggers | None:
        """Return the triggers whose labels a key's seed must give; None where it draws none."""
        return None

    def projection(self, key: Key, suspect: Suspect) -> Projection | None:
        """Return what a key projects in a suspect; None where no linear decoder reads the bits."""
        return None

    def reprojected(self, key: Key, rows: Tensor) -> Key:
        """Return the key with other rows (N, M) in its projection; as it is where it has none."""
        return key


_ACCUSED: dict[Accused, str] = {
    "model": "a model",
    "data": "whoever trains a model on its data",
    "output": "what a model made",
}
defenses: Registry[Defense] = Registry("defender", "copyright_arena.defenders")
defense = defenses.register
