"""A suite and a subject as scenarios: one in which strengths are chosen, one that is reported."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from arena.errors import ScenarioError
from arena.game.match.play import offered
from arena.game.sides.attack import attacks
from arena.game.sides.needs import Offer, unmet
from arena.runs.bench.subject import Subject
from arena.runs.bench.suite import Suite, SuiteThief
from arena.runs.scenario import Limits, Move, OwnerTable, Scenario, ThiefTable, ThreatTable
from arena.runs.scenario_problems import problems_of, unplayable
from arena.world.json_values import Json
from arena.world.task import TaskSpec, TaskTable

MODEL_SEED = 0
"""The seed of the splits that protected models of a person's own are trained on."""


@dataclass(frozen=True)
class Part:
    """A thief of the suite in one of its parts: a strength of the search, or a seed."""

    thief: SuiteThief
    number: int
    strength: float | None = None

    @property
    def name(self) -> str:
        """Return the name under which it plays."""
        return f"{self.thief.name}.{self.number}"

    def moves(self) -> tuple[Move, ...]:
        """Return its rounds; the strength is that of the last."""
        *earlier, last = (
            Move(move=move) if isinstance(move, str) else move for move in self.thief.moves
        )
        if self.strength is not None:
            last = last.model_copy(update={"strength": self.strength})
        return (*earlier, last)


@dataclass(frozen=True)
class Plan:
    """A subject, and the suite that it is put to on a data set."""

    suite: Suite
    subject: Subject
    data: str

    @property
    def task(self) -> TaskTable:
        """Return what is protected: of a model of a person's own, its own architecture."""
        table, card = self.suite.task_on(self.data), self.subject.card
        return TaskTable(
            data=self.data,
            model=card.architecture if card else table.model,
            arguments=dict(card.arguments) if card else table.arguments,
            recipe=table.recipe,
        )

    def thieves(self) -> tuple[SuiteThief, ...]:
        """Return who can play on the data: what an architecture lacks nobody attacks."""
        offer = offered(TaskSpec(**dict(self.task)), self.suite.innocents)
        return tuple(thief for thief in self.suite.thief if not list(_lacks(thief, offer)))

    def searched(self) -> tuple[Part, ...]:
        """Return every thief at every strength that is tried of it."""
        return tuple(
            Part(thief, i, strength)
            for thief in self.thieves()
            for i, strength in enumerate(thief.strengths)
        )

    def reported(self, strengths: Mapping[str, float]) -> tuple[Part, ...]:
        """Return every thief at its strength, once for each seed."""
        n_seeds = self.suite.seeds * (self.suite.victims if self.subject.stand_in else 1)
        return tuple(
            Part(thief, seed, strengths.get(thief.name))
            for thief in self.thieves()
            for seed in range(n_seeds)
        )

    def search(self) -> Scenario:
        """Return the scenario in which strengths are chosen; raises like `report`."""
        suite, owner = self.suite, self.subject.calibration
        return self._scenario(
            name=f"{suite.name}-search",
            seed=suite.calibration_seed,
            repeats=suite.calibration_victims,
            owner=OwnerTable(scheme=owner.name, settings=owner.settings),
            parts=self.searched() or self.reported({})[:1],
        )

    def report(self, strengths: Mapping[str, float]) -> Scenario:
        """Return the scenario that is reported.

        Args:
            strengths: of the thieves that have one, by name.

        Raises:
            ScenarioError: it cannot be played, with one sentence for each problem.
        """
        suite, owner, one = self.suite, self.subject.scheme, self.subject.stand_in is not None
        return self._scenario(
            name=suite.name,
            seed=MODEL_SEED if one else suite.seed,
            repeats=1 if one else suite.victims,
            owner=OwnerTable(scheme=owner.name, settings=owner.settings),
            parts=self.reported(strengths),
        )

    def _scenario(
        self, name: str, seed: int, repeats: int, owner: OwnerTable, parts: Sequence[Part]
    ) -> Scenario:
        table = self.suite.task_on(self.data)
        players = (str(self.subject.players),) if self.subject.players else ()
        scenario = Scenario(
            name=name,
            description=self.suite.description,
            seed=seed,
            repeats=repeats,
            paired=True,
            players=players,
            task=self.task,
            innocents=self.suite.innocents,
            limits=Limits() if self.subject.stand_in else self.suite.limits,
            owner=(owner,),
            thief=tuple(_seated(part, table.surrogate, table.pool) for part in parts),
        )
        problems = list(problems_of(scenario, "")) or list(unplayable(scenario, ""))
        if problems:
            raise ScenarioError(problems)
        return scenario


def _lacks(thief: SuiteThief, offer: Offer) -> Iterator[str]:
    for action in thief.script():
        yield from unmet(attacks.make(action.move), offer)


def _seated(part: Part, surrogate: str, pool: str) -> ThiefTable:
    """Return a thief as a scenario's, with the architecture and the pool that the task names."""
    grants = part.thief.grants()
    extra: dict[str, Json] = {}
    if not grants.knows_architecture:
        extra["own_architecture"] = surrogate
    if grants.pool == "*":
        extra["pool"] = pool
    threat = part.thief.threat
    table = ThreatTable(preset=threat) if isinstance(threat, str) else threat
    seated = table.model_copy(update={"grant": {**table.grant, **extra}})
    return ThiefTable(name=part.name, moves=part.moves(), threat=seated)
