"""A stranger's attack, as the arena sees it: its words are read, its moves are made elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import ClassVar, Self

from arena.errors import ArenaError, InvalidDeliverable
from arena.game.sandbox.messages import spoken
from arena.game.sandbox.networks.own_network import named
from arena.game.sandbox.players_file import PlayersFile
from arena.game.sides.access import Access
from arena.game.sides.attack import Attack
from arena.game.sides.deliverable import Deliverable
from arena.game.sides.player import PlayerSpec
from arena.world.bundle import Bundle
from arena.world.json_values import Json, Raw
from arena.world.rng import Rng


@dataclass(frozen=True, kw_only=True)
class StrangerAttack(Attack):
    """Stands for an attack in a process of its own; subclasses carry its traits."""

    home: ClassVar[PlayersFile]
    chosen: Mapping[str, Json] = field(default_factory=lambda: MappingProxyType({}))

    @classmethod
    def of(cls, settings: Mapping[str, Raw], title: str) -> Self:
        """Return the player with these hyper-parameters, checked by its own class."""
        spec = PlayerSpec(name=cls.name, settings=dict(settings))
        return cls(chosen=cls.home.check(spec, "attack", None)["settings"])

    def at(self, strength: float) -> Self:
        """Return the same player, milder or harsher, as its own class says."""
        found = self.home.check(self.spec(), "attack", strength)
        return type(self)(chosen=found["settings"])

    @classmethod
    def author(cls) -> tuple[str, str]:
        """Return the file and the title of the class that this one stands for."""
        return str(cls.home.path), cls.__name__

    @classmethod
    def version(cls) -> str:
        """Return a hash of the file."""
        return cls.home.version

    @property
    def needs_of_task(self) -> frozenset[str]:
        """Return what the task must offer, as its own class says."""
        return frozenset(self.home.check(self.spec(), "attack", None)["needs_of_task"])

    def settings(self) -> dict[str, Json]:
        """Return the hyper-parameters as JSON values."""
        return dict(self.chosen)

    def spec(self) -> PlayerSpec:
        """Return the player by name."""
        return PlayerSpec(name=self.name, settings=self.settings())

    def run(self, access: Access, rng: Rng) -> Deliverable:
        """Let a process of its own make the move, and pass its requests on.

        Raises:
            PlayerError: the process died, or the player raised. RuleViolation, BudgetExceeded,
            InvalidDeliverable: as if the move had been made here.
        """
        compute = access.lab.compute
        device = compute.device if self.home.cell.gpu else "cpu"
        task = {
            "player": self.spec().plain(),
            "grants": access.grants.plain(),
            "card": access.card.plain(),
            "compute": [device, compute.precision],
            "rng": [rng.seed, list(rng.path)],
        }

        def answer(request: str, given: Bundle) -> Bundle:
            if request == "progress":
                access.lab.progress(int(given.data["done"]), int(given.data["total"]))
                return Bundle()
            if request == "verify" and may_own:
                given = named(given, self.home)
            return access.channel(request, given)

        may_own = "network" in access.grants.deliverables
        with self.home.process() as process:
            found = process.do("run", Bundle(task), answer)
            return delivered(found, self.home if may_own else None)


def delivered(bundle: Bundle, home: PlayersFile | None = None) -> Deliverable:
    """Return the deliverable that a stranger's bundle holds.

    Args:
        bundle: what its process sent.
        home: the file whose own networks may be delivered, None where none may.

    Raises:
        InvalidDeliverable: it holds none.
    """
    try:
        return Deliverable.read(bundle if home is None else named(bundle, home))
    except ArenaError as error:
        raise InvalidDeliverable(spoken(str(error))) from error
    except Exception as error:  # a stranger's data can break a reader in any way
        reason = spoken(f"{type(error).__name__}: {error}")
        raise InvalidDeliverable(
            f"expected a deliverable, found something else ({reason})"
        ) from error
