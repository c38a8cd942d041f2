"""The parts of a match in one line each: for whoever writes players, and for tests of them.

    task = testing.task()
    victim = testing.trained(task)
    owner = testing.owner_task(task, victim)                     # the world of `Defense.protect`
    thief = testing.thief(task, victim, ThreatModel(output="labels"))
    delivered = MyAttack().run(thief.access, Rng(0))             # the world of `Attack.run`
    judgement = testing.referee(task, protected).judge(delivered, (), Rng(0))
    records = testing.play(testing.match("uchida", "prune"), "prune")

Nothing is kept between calls, and nothing here is random that is not seeded.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from torch import Tensor

from arena.game.checks.fixtures import Bystander
from arena.game.court.referee import OwnerCase, Referee
from arena.game.match.agents import Action, Scripted
from arena.game.match.grants import granted, own_card
from arena.game.match.play import MatchSpec, Pools, RoundRecord, play_here
from arena.game.match.steps.protect_step import OWNER_TIME
from arena.game.match.steps.step_cache import Memo, MemoryMemo, Setting
from arena.game.rules.keys import Register
from arena.game.rules.meters import Meters
from arena.game.rules.threat import ThreatModel
from arena.game.sides.access import Access
from arena.game.sides.attack import Attack
from arena.game.sides.defense import Defense, OwnerTask, Protected
from arena.game.sides.deliverable import Deliverable
from arena.game.sides.gatekeeper import Gatekeeper
from arena.game.sides.lab import Lab
from arena.game.sides.player import PlayerSpec
from arena.world.data import Dataset
from arena.world.json_values import Json
from arena.world.models import Model
from arena.world.rng import Rng
from arena.world.task import Task, TaskSpec, load_task
from arena.world.training import Examples, Recipe

FEW = Pools(
    calibration_same=1,
    calibration_other=1,
    calibration_odd=0,
    reporting_same=1,
    reporting_other=1,
    reporting_odd=0,
)
"""Innocents enough for a match to be played, and too few for thresholds that mean anything."""
WHITE_BOX = ThreatModel(output="weights", data=1, data_labels=True)
"""A thief that holds the weights and the whole of its own split, with labels."""


def task(data: str = "digits", model: str = "cnn8", epochs: int = 8) -> Task:
    """Return a loaded task whose models train for so many epochs."""
    return load_task(TaskSpec(data=data, model=model, recipe=Recipe(epochs=epochs)))


def trained(
    task: Task, data: Dataset | None = None, rng: Rng | None = None, recipe: Recipe | None = None
) -> Model:
    """Return a model of the task's card, trained by its recipe on the owner's data, off the meter.

    Args:
        task: the task.
        data: what it learns from instead.
        rng: its start and its order of examples.
        recipe: how it is trained instead.
    """
    lab, rng = Lab(task.compute), rng or Rng(3)
    model = lab.build(task.card, rng.child("initial"))
    examples = Examples.of(data or task.splits.owner)
    lab.train(model, examples, recipe or task.spec.recipe, rng.child("training"))
    return model


def owner_task(
    task: Task,
    unprotected: Model,
    null_models: Sequence[Model] = (),
    seed: int = 3,
    null_kinds: Sequence[str] = (),
) -> OwnerTask:
    """Return the world of an owner whose unprotected model was `trained` with `Rng(seed)`."""
    lab = Lab(task.compute, Meters())
    world = OwnerTask.from_task(task, unprotected, lab, Rng(seed), lambda: null_models)
    return replace(world, null_kinds=tuple(null_kinds))


@dataclass
class Thief:
    """A thief before its move: the referee's side of its channel, and its own.

    Attributes:
        gate: the gatekeeper, with meters and what is granted. access: the world of `Attack.run`.
        task: what is stolen.
    """

    gate: Gatekeeper
    access: Access
    task: Task

    @property
    def victim(self) -> Model:
        """Return the model that is behind the gatekeeper."""
        return self.gate.victim

    def deliver(self, attack: Attack, seed: int = 7) -> Deliverable:
        """Make a move and return what it delivers."""
        return attack.run(self.access, Rng(seed))

    def play(self, attack: Attack, seed: int = 7) -> Model:
        """Make a move that delivers a model, and return the model."""
        model = self.deliver(attack, seed).model
        assert model is not None, f"{attack.name} delivered no model"  # noqa: S101 - of a test
        return model

    def spent(self, meter: str) -> float:
        """Return the reading of a meter."""
        return self.gate.meters.reading().of(meter)

    def answers(self, images: Tensor) -> Tensor:
        """Return the classes (N,) that the victim gives to images, off the meter."""
        return self.task.compute.labels(self.victim, images)

    def accuracy(self, model: Model) -> float:
        """Return the accuracy in [0, 1] of a model on the test split."""
        test = self.task.splits.test
        return self.task.compute.accuracy(model, test.images, test.labels)


def gatekeeper(task: Task, victim: Model, grants: ThreatModel = WHITE_BOX) -> Gatekeeper:
    """Return the referee's side for a thief that is granted its own split as `grants` has it.

    A pool, data of another task, an exposed key, a register or the thief's suspect are added with
    `dataclasses.replace`.
    """
    return Gatekeeper(
        grants=grants,
        victim=victim,
        meters=Meters(grants.budget),
        compute=task.compute,
        data=granted(task.splits.thief, grants.data, Rng(0)),
    )


def access(task: Task, gate: Gatekeeper) -> Access:
    """Return the thief's side of a gatekeeper."""
    grants = gate.grants
    card = own_card(task, grants)
    return Access(gate.answer, grants, card, gate.compute)


def thief(
    task: Task,
    victim: Model,
    grants: ThreatModel = WHITE_BOX,
    current: Model | None = None,
    pool: Dataset | None = None,
) -> Thief:
    """Return a thief before its move.

    Args:
        task: what is stolen.
        victim: the released model.
        grants: the threat model.
        current: the model that it holds from an earlier round.
        pool: public data.
    """
    holds = None if current is None else Deliverable(current)
    gate = replace(gatekeeper(task, victim, grants), current=holds, pool=pool)
    return Thief(gate, access(task, gate), task)


def committed(owner: Protected) -> Register:
    """Return a register in which an owner has committed its key in time, bound to its model."""
    register = Register()
    register.enter("owner", owner.key.commitment(), OWNER_TIME, owner.model.digest())
    return register


def referee(
    task: Task,
    owner: Protected,
    scheme: Defense | None = None,
    grants: ThreatModel = WHITE_BOX,
    register: Register | None = None,
) -> Referee:
    """Return the judge of what a thief delivers.

    Args:
        task: what was stolen.
        owner: the released model and its key.
        scheme: who verifies; without one the owner accuses nobody.
        grants: the thief's threat model.
        register: who committed what; else the owner, in time.
    """
    register = committed(owner) if register is None else register
    scheme = scheme or Bystander()
    evidence = OwnerCase(scheme, owner.key, owner.model, register, owner.serving)
    return Referee(task, evidence, grants)


def spec(name: str, **settings: Json) -> PlayerSpec:
    """Return a player by name with settings that differ from its defaults."""
    return PlayerSpec(name=name, settings=settings)


def match(
    owner: str | PlayerSpec,
    thief: str | PlayerSpec,
    grants: ThreatModel = WHITE_BOX,
    task: TaskSpec | None = None,
    pools: Pools = FEW,
    seed: int = 0,
) -> MatchSpec:
    """Return a match; the thief's name is that of a move.

    Args:
        owner: a scheme.
        thief: who plays.
        grants: its threat model.
        task: by default the digits and eight epochs.
        pools: how many innocents.
        seed: of everything.
    """
    scheme = spec(owner) if isinstance(owner, str) else owner
    return MatchSpec(
        task=task or TaskSpec(recipe=Recipe(epochs=8)),
        owner=scheme.name,
        defense=scheme,
        thief=thief if isinstance(thief, str) else thief.name,
        grants=grants,
        pools=pools,
        seed=seed,
    )


def play(match: MatchSpec, *moves: str | PlayerSpec, memo: Memo | None = None) -> list[RoundRecord]:
    """Play a match in this process, a move a round; a memo keeps what was made for the next."""
    named = [spec(move) if isinstance(move, str) else move for move in moves]
    script = Scripted([Action(move) for move in named])
    return play_here(match, script, MemoryMemo() if memo is None else memo, Setting())
