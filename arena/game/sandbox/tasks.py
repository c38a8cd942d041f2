"""What a player's process does, by name: given a bundle and a channel to ask through, a bundle."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

from arena.errors import PlayerError
from arena.game.rules.threat import ThreatModel
from arena.game.sandbox.networks.own_tasks import OWN_TASKS
from arena.game.sandbox.owner_tasks import OWNER_TASKS
from arena.game.sandbox.traits import Traits
from arena.game.sides.access import Access, Channel
from arena.game.sides.attack import attacks
from arena.game.sides.defense import defenses
from arena.game.sides.deliverable import Deliverable
from arena.game.sides.player import Player, PlayerSpec
from arena.game.sides.plugins import import_file
from arena.world.bundle import Bundle
from arena.world.compute import Compute
from arena.world.models import ModelCard
from arena.world.rng import Rng

_SHIPPED = ("arena", "attackers", "defenders")


def import_source(given: Bundle, _channel: Channel) -> Bundle:
    """Import the source of a file, under its stem as name."""
    if given.data["stem"]:
        folder = Path(tempfile.mkdtemp())
        sys.path.insert(0, str(folder))
        path = folder / f"{given.data['stem']}.py"
        path.write_text(given.data["source"])
        import_file(path)
    return Bundle()


def describe(_given: Bundle, _channel: Channel) -> Bundle:
    """Return the traits of every player that was registered by a file."""
    entered: list[type[Player]] = [*attacks.entered().values(), *defenses.entered().values()]
    own = [player for player in entered if player.__module__.partition(".")[0] not in _SHIPPED]
    return Bundle({"players": [Traits.of(player).plain() for player in own]})


def check(given: Bundle, _channel: Channel) -> Bundle:
    """Return all hyper-parameters of a player, and what follows from them."""
    spec, strength = PlayerSpec.model_validate(given.data["player"]), given.data["strength"]
    player: Player = attacks.make(spec) if given.data["side"] == "attack" else defenses.make(spec)
    if strength is not None:
        player = player.at(strength)
    return Bundle({"settings": player.settings(), "needs_of_task": sorted(player.needs_of_task)})


def run(given: Bundle, channel: Channel) -> Bundle:
    """Make a thief's move."""
    data = given.data
    attack = attacks.make(PlayerSpec.model_validate(data["player"]))
    seed, path = data["rng"]

    def progress(done: int, total: int) -> None:
        channel("progress", Bundle({"done": done, "total": total}))

    access = Access(
        channel,
        ThreatModel.model_validate(data["grants"]),
        ModelCard.model_validate(data["card"]),
        Compute(*data["compute"]),
        progress,
    )
    delivered = attack.run(access, Rng(seed, tuple(path)))
    if not isinstance(delivered, Deliverable):
        raise PlayerError(
            f"expected a Deliverable from {attack.name}, found {type(delivered).__name__}; "
            "return Deliverable(model)"
        )
    return delivered.bundle()


TASKS: Mapping[str, Callable[[Bundle, Channel], Bundle]] = MappingProxyType(
    {
        **{"import": import_source, "describe": describe, "check": check, "run": run},
        **OWNER_TASKS,
        **OWN_TASKS,
    }
)
