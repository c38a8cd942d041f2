"""How often black-box schemes accuse innocents that nothing saw, over keys and models.

    python -m benchmarks.accusations [--out runs/accusations] [--keys 3] [--quick] [SCHEME ...]

The pools, the way keys are drawn and the table are those of `benchmarks.false_positives`: null
models and innocents of the victim's own recipe and of every variant of the reference class; what
was made is kept in a store, so it continues. Bar: at most 5 % of either kind of innocent are
accused at level .01, over all keys.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from arena.game.court.reference import SAME
from arena.game.match.play import Pools
from arena.world.json_values import Json
from benchmarks.common import bar, heading, say
from benchmarks.false_positives import Drawn, bench, row_of

SETTINGS: dict[str, dict[str, Json]] = {
    "akh": {},
    "adv-tra": {},
    "sac": {},
    "sac-labels": {},
    "reef": {},
    "ipguard": {"n_points": 100, "lr": 0.01, "n_steps": 200},
    "margin": {"n_triggers": 30},
}
"""The schemes, and what of them differs from the paper's defaults so that digits take minutes."""


INNOCENTS = Pools(
    calibration_same=4,
    calibration_other=4,
    calibration_odd=8,
    reporting_same=6,
    reporting_other=6,
    reporting_odd=12,
)
"""Half of what `benchmarks.false_positives` trains."""


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("schemes", nargs="*", default=list(SETTINGS))
    parser.add_argument("--out", type=Path, default=Path("runs/accusations"))
    parser.add_argument("--keys", type=int, default=3)
    parser.add_argument("--quick", action="store_true")
    asked = parser.parse_args(arguments)
    pools = bench("digits", asked.out, asked.quick)
    if not asked.quick:
        pools = replace(pools, match=pools.match.model_copy(update={"pools": INNOCENTS}))
    same = np.array([step.kind in SAME for step in pools.match.reporting()])
    heading(f"accusations on digits: {same.sum()} same, {(~same).sum()} odd innocents", 1)
    say(f"{'scheme':28s} {'keys':>5s}  {'P(p <= .01), same':28s} {'odd':28s} worst  P(p <= 1e-4)")
    for scheme in asked.schemes:
        drawn = Drawn(scheme, asked.keys, SETTINGS.get(scheme, {}))
        found = [pools.p_values(drawn, number) for number in range(drawn.n_keys)]
        p_values, outcomes = np.array([p for p, _ in found]), [told for _, told in found]
        line, of_same, of_odd, _ = row_of(p_values, same, drawn.title)
        n_without = sum(outcome == "no reference" for told in outcomes for outcome in told)
        say(f"{line}  no reference {n_without}")
        bar(f"{scheme}: share of innocents accused", max(of_same, of_odd), 0.05, at_least=False)


if __name__ == "__main__":
    main()
