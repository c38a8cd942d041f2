"""Whose protection is measured: a model with its key, or a recipe that makes both for each seed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from arena.game.match.play import MatchSpec
from arena.game.match.steps.protect_step import OWNER_TIME, ProtectStep
from arena.game.match.steps.step_cache import Inputs, Parts, Setting, Step
from arena.game.match.steps.train_step import TrainStep, yardsticks
from arena.game.rules.keys import Register
from arena.game.serving.wrapper import pack_wrappers
from arena.game.sides.defense import defenses
from arena.runs.keys.folder import OwnedKey
from arena.world.bundle import Bundle
from arena.world.compute import Compute
from arena.world.json_values import Frozen, Json, digest
from arena.world.models import Model, pack
from arena.world.task import TaskSpec, load_task

_ROOT_DIGITS = 12


class SubjectRecord(Frozen):
    """What was measured, by name and by fingerprint.

    Attributes:
        scheme: of the key. data, data_sha256: the data by name, and the digest of thieves' part.
        key_sha256, model_sha256: the commitment to the key, and the digest of the model.
        recipe_sha256: of what makes both, where that is measured.
    """

    scheme: str
    data: str
    data_sha256: str
    key_sha256: str = ""
    model_sha256: str = ""
    recipe_sha256: str = ""

    @property
    def root(self) -> int:
        """Return the root of the seeds that belongs to the subject: measured once, looked up."""
        return int(digest(self.plain())[:_ROOT_DIGITS], 16)


class Subject(Protocol):
    """Whose protection is measured."""

    def step(self, seed: tuple[str, str]) -> ProtectStep:
        """Return the protection that thieves of a seed attack."""

    def record(self, setting: Setting) -> SubjectRecord:
        """Return what a baseline says of the subject."""


@dataclass(frozen=True, kw_only=True)
class OwnedStep(ProtectStep):
    """The protection that a person brings, in the place of one that a match would make."""

    victim: Model = field(compare=False, repr=False)
    owned: OwnedKey = field(compare=False, repr=False)

    def parents(self) -> tuple[Step, ...]:
        """Return what the kind of task measures utility with, where it needs that."""
        return yardsticks(self.base.task)

    def recipe(self) -> dict[str, Json]:
        """Return what tells one protection from another."""
        return {
            "victim": self.victim.digest(),
            "key": self.owned.key.commitment(),
            "defense": self.defense.plain(),
            "code": defenses.find(self.defense.name).version(),
            "task": self.base.task.plain(),
        }

    def compute(self, inputs: Inputs, setting: Setting) -> Parts:
        """Return the parts that the steps of a match read; the key stays with the referee."""
        scheme, key = defenses.make(self.defense), self.owned.key
        register = Register()
        register.enter("owner", key.commitment(), OWNER_TIME, self.victim.digest())
        return {
            "victim": pack(self.victim),
            "key": key.bundle(),
            "serving": pack_wrappers(()),
            "register": Bundle({"lines": register.plain()}),
            "exposed": scheme.exposed(key),
        }


@dataclass(frozen=True)
class OwnedSubject:
    """A protected model and its task: the same for every seed, so only the thief varies."""

    victim: Model
    owned: OwnedKey
    task: TaskSpec

    @classmethod
    def of(cls, victim: Model, owned: OwnedKey, data: str, data_seed: int = 0) -> OwnedSubject:
        """Return the subject that a person's model is, on data by name."""
        compute = Compute.choose("cpu")
        task = TaskSpec(
            data=data,
            model=victim.card.architecture,
            arguments=dict(victim.card.arguments),
            seed=data_seed,
            precision=compute.precision,
        )
        return cls(victim, owned, task)

    def step(self, seed: tuple[str, str]) -> OwnedStep:
        """Return the protection as a step, whatever the seed."""
        base = TrainStep(self.task, 0, ("regress", "unprotected"))  # names the task, never trained
        return OwnedStep(
            base=base,
            defense=self.owned.about.scheme,
            seed=0,
            stream=("regress", "owner"),
            victim=self.victim,
            owned=self.owned,
        )

    def record(self, setting: Setting) -> SubjectRecord:
        """Return what a baseline says of the subject."""
        return SubjectRecord(
            scheme=self.owned.about.scheme.name,
            key_sha256=self.owned.about.commitment,
            model_sha256=self.victim.digest(),
            data=self.task.data,
            data_sha256=_thieves_data(self.task, setting),
        )


@dataclass(frozen=True)
class RecipeSubject:
    """What makes protected models, as a scenario says it: a victim and a key for each seed."""

    match: MatchSpec

    def step(self, seed: tuple[str, str]) -> ProtectStep:
        """Return the protection of the seed's own victim."""
        root, repeat = map(int, seed)
        return self.match.model_copy(update={"seed": root, "repeat": repeat}).protect()

    def record(self, setting: Setting) -> SubjectRecord:
        """Return what a baseline says of the subject."""
        match = self.match
        recipe: Json = [match.task.plain(), match.defense.plain(), match.pools.plain()]
        return SubjectRecord(
            scheme=match.defense.name,
            recipe_sha256=digest(recipe),
            data=match.task.data,
            data_sha256=_thieves_data(match.task, setting),
        )


def _thieves_data(task: TaskSpec, setting: Setting) -> str:
    return load_task(task, setting.cache).splits.thief.digest()
