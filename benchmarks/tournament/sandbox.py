"""What a sandbox costs a player: `python -m benchmarks.tournament.sandbox`.

Two figures, each against the same player in a plain process: seconds until a player's process has
imported a file and can play, and images a second that a thief's queries get answered (a black box
of the digits' cnn8, 100 images a call). Both kinds are measured in turns.
"""

from __future__ import annotations

import sys
from pathlib import Path

from arena.game.rules.meters import Meters
from arena.game.rules.threat import ThreatModel
from arena.game.sandbox.jail.bubblewrap import missing
from arena.game.sandbox.players_file import PlayersFile
from arena.game.sandbox.process import PlayerProcess
from arena.game.sides.gatekeeper import Gatekeeper
from arena.world.bundle import Bundle
from arena.world.compute import Compute
from arena.world.models import ModelCard, build
from arena.world.rng import Rng
from benchmarks.common import alternate_s, bar, heading, say

N_STARTS, N_QUERIES, N_CALLS, N_IMAGES = 5, 5, 200, 100
GRANTS = ThreatModel(output="probabilities", data=1)
CARD = ModelCard(architecture="cnn8", n_classes=10, input_shape=(1, 8, 8), mean=(0.5,), std=(0.5,))
SOURCE = f"""
from dataclasses import dataclass
import torch
from arena.game import Attack, Deliverable, ThreatModel, attack

@attack("asks")
@dataclass(frozen=True, kw_only=True)
class Asks(Attack):
    needs = ThreatModel(output="probabilities")

    def run(self, access, rng):
        images = torch.rand({N_IMAGES}, 1, 8, 8, generator=rng.torch())
        for _ in range({N_CALLS}):
            access.query(images)
        return Deliverable(access.lab.build(access.card, rng))
"""
TASK = Bundle(
    {
        "player": {"name": "asks", "settings": {}},
        "grants": GRANTS.plain(),
        "card": CARD.plain(),
        "compute": ["cpu", "float32"],
        "rng": [1, []],
    }
)


def started(home: PlayersFile) -> None:
    """Start a player's process, and end it."""
    home.process().close()


def main() -> int:
    """Measure and print."""
    if missing():
        say(missing())
        return 1
    walled, plain = (
        PlayersFile(Path("asks.py"), SOURCE, walled=walled) for walled in (True, False)
    )
    heading("A player's process in a sandbox and without one", N_STARTS)
    inside, outside = alternate_s(lambda: started(walled), lambda: started(plain), N_STARTS)
    say(f"start: {inside:.2f} s in a sandbox, {outside:.2f} s without")
    bar("start beyond a plain process, seconds", inside - outside, 2.5, at_least=False)
    victim = build(CARD, Rng(0))
    with walled.process() as first, plain.process() as second:

        def ask(process: PlayerProcess) -> None:
            gate = Gatekeeper(grants=GRANTS, victim=victim, meters=Meters(), compute=Compute())
            process.do("run", TASK, gate.answer)

        slow, quick = alternate_s(lambda: ask(first), lambda: ask(second), N_QUERIES)
    n = N_CALLS * N_IMAGES
    say(f"queries: {n / slow:,.0f} images/s in a sandbox, {n / quick:,.0f} without")
    bar("throughput of queries, of a plain process", quick / slow, 0.5)
    return 0


if __name__ == "__main__":
    sys.exit(main())
