"""Whose protection is measured: a model and a key that a person brings, as a step of a match."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from arena.game.match.protect_step import OWNER_TIME, ProtectStep
from arena.game.match.step_cache import Inputs, Parts, Setting, Step
from arena.game.match.train_step import TrainStep, yardsticks
from arena.game.rules.keys import Register
from arena.game.serving.wrapper import pack_wrappers
from arena.game.sides.defense import defenses
from arena.runs.keys.folder import OwnedKey
from arena.world.bundle import Bundle
from arena.world.compute import Compute
from arena.world.json_values import Frozen, Json
from arena.world.models import Model, pack
from arena.world.task import TaskSpec, load_task


class SubjectRecord(Frozen):
    """What was measured, by name and by fingerprint.

    Attributes:
        scheme, key_sha256, model_sha256: the key's scheme and commitment, and the model's digest.
        data, data_sha256: the data by name, and the digest of the thieves' part of them.
    """

    scheme: str
    key_sha256: str
    model_sha256: str
    data: str
    data_sha256: str


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
class Subject:
    """A protected model and its task."""

    victim: Model
    owned: OwnedKey
    task: TaskSpec

    @classmethod
    def of(cls, victim: Model, owned: OwnedKey, data: str, data_seed: int = 0) -> Subject:
        """Return the subject that a person's model is, on data by name."""
        compute = Compute.choose("cpu")
        task = TaskSpec(
            data=data,
            model=victim.card.architecture,
            arguments=_plain(victim.card.arguments),
            seed=data_seed,
            precision=compute.precision,
        )
        return cls(victim, owned, task)

    def step(self) -> OwnedStep:
        """Return the protection as a step."""
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
            data_sha256=load_task(self.task, setting.cache).splits.thief.digest(),
        )


def _plain(arguments: Mapping[str, Json]) -> dict[str, Json]:
    return dict(arguments)
