"""How long the leaderboard takes over a synthetic ledger of 100,000 finished matches.

Each of 40 owners meets each of 50 thieves in 50 repeats; both leaderboards are drawn up from plain
columns with 1,000 bootstrap draws. Two ledgers: a complete one, and one in which 1 % of the cells
and 5 % of the matches did not finish. The bar: less than 1 s for both sides together.

    OMP_NUM_THREADS=1 python -m benchmarks.tournament.leaderboard
"""

from __future__ import annotations

from functools import partial
from importlib.metadata import version

import numpy as np

from arena.runs.standings.leaderboard import Games, leaderboard
from arena.world.rng import Rng
from benchmarks.common import bar, heading, median_s, say

N_OWNERS, N_THIEVES, N_REPEATS = 40, 50, 50
N_RUNS = 9


def ledger(lost_cells: float, lost_matches: float) -> Games:
    generator = Rng(5).child("ledger").numpy()
    shape = (N_OWNERS, N_THIEVES, N_REPEATS)
    strength = generator.normal(0.4, 0.3, shape[:2])[..., None]
    payoffs = np.clip(strength + generator.normal(0.0, 0.05, shape), 0.0, 1.0)
    played = (generator.random(shape[:2]) >= lost_cells)[..., None]
    played = played & (generator.random(shape) >= lost_matches)
    owners, thieves, repeats = np.nonzero(played)
    return Games(
        [f"owner-{i}" for i in owners],
        [f"thief-{i}" for i in thieves],
        repeats.tolist(),
        payoffs[played].tolist(),
    )


def both(games: Games) -> None:
    leaderboard(games, "owner", Rng(0))
    leaderboard(games, "thief", Rng(0))


def main() -> None:
    heading("Both leaderboards over a synthetic ledger", N_RUNS)
    say(", ".join(f"{name} {version(name)}" for name in ("numpy", "scipy", "openskill")))
    for title, games in (("complete", ledger(0.0, 0.0)), ("with holes", ledger(0.01, 0.05))):
        taken_s = median_s(partial(both, games), N_RUNS)
        bar(f"{title}, {len(games.payoffs)} matches: seconds", taken_s, 1.0, at_least=False)


if __name__ == "__main__":
    main()
