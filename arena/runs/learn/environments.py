"""The environments of a scenario: who may learn what against whom, through a tournament's memo."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

from arena.errors import ScenarioError, did_you_mean
from arena.game.envs.owner import OwnerEnv
from arena.game.envs.thief import ThiefEnv
from arena.game.match.play import offered
from arena.game.match.steps.step_cache import Memo, Setting
from arena.game.rules.threat import ThreatModel
from arena.game.sides.attack import attacks
from arena.game.sides.defense import defenses
from arena.game.sides.needs import Offer, unmet
from arena.game.sides.player import PlayerSpec, Registry
from arena.runs.scenario import Scenario, ThiefTable
from arena.world.json_values import canonical
from arena.world.kinds.interface import level
from arena.world.task import TaskSpec

LEARNER = "learner"
"""Under this name a learner plays while it learns."""

ArenaEnv: TypeAlias = ThiefEnv | OwnerEnv


@dataclass(frozen=True)
class School:
    """A scenario to learn in.

    Attributes:
        scenario: whose players are the menu and the opponents. task: its task.
        memo: what is played is kept in. setting: where steps run.
        n_strengths: at how many strengths each player is on offer.
        n_rounds: moves in an episode of a thief; None is as many as the longest script has.
        like: the thief under whose threat model a thief learns; "" is the first.
    """

    scenario: Scenario
    task: TaskSpec
    memo: Memo
    setting: Setting
    n_strengths: int = 3
    n_rounds: int | None = None
    like: str = ""

    def model(self) -> ThiefTable:
        """Return the thief under whose threat model a thief learns.

        Raises:
            ScenarioError: there is none of that name.
        """
        if not self.like:
            return self.scenario.thief[0]
        named = {thief.name: thief for thief in self.scenario.thief}
        if self.like not in named:
            hint = did_you_mean(self.like, named)
            raise ScenarioError([f"no thief of the scenario is called {self.like!r}{hint}"])
        return named[self.like]

    def thief_env(self) -> ThiefEnv:
        """Return where a thief learns: every owner of the scenario, once in each repeat.

        The menu holds the moves of all thieves that its threat model and the task allow.

        Raises:
            ScenarioError: no move can be played under it.
        """
        like = self.model()
        grants = like.grants()
        offer = offered(self.task, self.scenario.innocents)
        scripts = [
            [action.move for action in thief.script()]
            for thief in self.scenario.thief
            if thief.script() and all(_playable(one.move, grants, offer) for one in thief.script())
        ]
        if not scripts:
            problem = f"expected a thief that can play as {like.name!r} is granted, found none"
            raise ScenarioError([problem])
        learner = like.model_copy(update={"name": LEARNER, "against": ()})
        alone = self.scenario.model_copy(update={"thief": (learner,)})
        first, *others = [match for match, _ in alone.matches(self.task)]
        return ThiefEnv(
            match=first,
            others=others,
            moves=self._distinct(attacks, (move for script in scripts for move in script)),
            n_strengths=self.n_strengths,
            n_rounds=self.n_rounds or max(map(len, scripts)),
            memo=self.memo,
            setting=self.setting,
        )

    def owner_env(self) -> OwnerEnv:
        """Return where an owner learns: every scripted thief that plays all owners.

        The menu holds the schemes of all owners; suspects are shown as to the owner who sees most.

        Raises:
            ScenarioError: no thief plays all owners.
        """
        thieves = tuple(
            thief for thief in self.scenario.thief if thief.script() and not thief.against
        )
        if not thieves:
            raise ScenarioError(["expected a scripted thief that plays all owners, found none"])
        owners = self.scenario.owner
        verification = max((owner.verification for owner in owners), key=level)
        update = {"thief": thieves, "owner": owners[:1]}
        games = [
            (match.model_copy(update={"verification": verification}), script)
            for match, script in self.scenario.model_copy(update=update).matches(self.task)
        ]
        return OwnerEnv(
            games=games,
            schemes=self._distinct(defenses, (owner.spec() for owner in owners)),
            n_strengths=self.n_strengths,
            memo=self.memo,
            setting=self.setting,
        )

    def _distinct(
        self, registry: Registry[Any], specs: Iterable[PlayerSpec]
    ) -> tuple[PlayerSpec, ...]:
        """Return the players without those that are the same at every strength on offer."""
        found = {canonical(list(self._faces(registry, spec))): spec for spec in reversed([*specs])}
        return tuple(reversed(found.values()))

    def _faces(self, registry: Registry[Any], spec: PlayerSpec) -> Iterator[list[Any]]:
        player = registry.make(spec)
        ends = (player,) if self.n_strengths == 1 else (player.at(0.0), player.at(1.0))
        for end in ends:
            yield [spec.name, end.settings()]


def _playable(move: PlayerSpec, grants: ThreatModel, offer: Offer) -> bool:
    attack = attacks.make(move)
    return not grants.missing(attack.needs) and not list(unmet(attack, offer))
