"""How well fingerprints tell copies from innocents, each beside AKH, on digits.

    python -m benchmarks.fingerprints.recognition [--victims 6] [--innocents 24] [--epochs 10]
        [--out FOLDER] [--quick] [SCHEME ...]

Each victim has a key of each scheme; copies are fine-tuned, pruned by 60 %, extracted by queries
with 405 images, and transferred to another task (odd or even). Innocents saw no victim: half of
them the owner's data with another seed, half the other data. Beside transferred copies stand
innocents that were transferred as well; schemes that compare classes cannot read either. AUC and
the share of copies caught where 1 % of innocents are accused (TPR) pool all victims; intervals draw
victims and innocents anew together, and so do the differences from AKH. Scores of a victim are kept
in FOLDER, so that a run continues. Bar: some scheme is ahead of AKH on some kind of copy.
"""

from __future__ import annotations

import argparse
import functools
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from arena import testing
from arena.errors import NotComparable
from arena.game.court.statistics import area_interval, proportion_interval, true_rate_at
from arena.game.rules.keys import Key
from arena.game.rules.threat import ThreatModel
from arena.game.sides.attack import attacks
from arena.game.sides.defense import defenses
from arena.game.sides.suspect import Suspect
from arena.world.data import Dataset
from arena.world.json_values import Json
from arena.world.models import Model
from arena.world.rng import Rng
from arena.world.task import Task
from benchmarks.common import bar, heading, say
from defenders.deepjudge.scheme.key import Contents
from defenders.fingerprints.fingerprint import Fingerprint
from defenders.fingerprints.scheme import PrintKey

SCHEMES: dict[str, dict[str, Json]] = {
    "akh": {},
    "adv-tra": {},
    "ipguard": {"lr": 0.01, "n_steps": 200},
    "sac": {},
    "sac-labels": {},
    "cem": {},
    "reef": {},
    "deepjudge": {"method": "pgd", "eps": 0.1, "n_seeds": 100, "access": "probabilities"},
}
MOVES = ("ft-al", "prune", "retrain", "transfer")
N_COPIES = 2  # of each kind, from each victim
RATE = 0.01
_ASKS = ThreatModel(output="probabilities", data=1, own_architecture="cnn8")
_MOVES_AWAY = ThreatModel(output="weights", transfer="parity")
_DRAWS = 2000
_ANY_CLASSES = ("sac", "sac-labels", "reef")  # whose statistic other classes leave defined
Floats = NDArray[np.float64]
Scores = dict[str, dict[str, list[float]]]
"""Metric -> kind of suspect -> scores; copies have high ones."""


def delivered(task: Task, source: Model, move: str, seed: int) -> Model:
    """Return what a move makes of a model."""
    if move != "transfer":
        grants = _ASKS if move == "retrain" else testing.WHITE_BOX
        return testing.thief(task, source.copy(), grants).play(
            attacks.make(testing.spec(move)), seed
        )
    own = task.splits.thief
    parity = Dataset("parity", own.images, own.labels % 2, ("even", "odd"))
    gate = replace(testing.gatekeeper(task, source.copy(), _MOVES_AWAY), transfer=parity)
    thief = testing.Thief(gate, testing.access(task, gate), task)
    return thief.play(attacks.make(testing.spec(move)), seed)


def scores_of(scheme: str, key: Key, suspect: Suspect) -> dict[str, float]:
    """Return the statistics of a suspect under a key, copies high; NaN where it cannot be read."""
    if scheme == "deepjudge":
        values = Contents.read(key).case.measure(suspect, "probabilities").values.get("all", {})
        return {f"deepjudge {m}": -values.get(m, math.nan) for m in ("RobD", "JSD")}
    player, secret = defenses.make(testing.spec(scheme, **SCHEMES[scheme])), PrintKey.of(key)
    assert isinstance(player, Fingerprint)
    if suspect.n_classes != int(secret.card["n_classes"]) and scheme not in _ANY_CLASSES:
        return {scheme: math.nan}
    try:
        value = player.measure(suspect, secret.points, secret.answers)
    except NotComparable:
        return {scheme: math.nan}
    return {scheme: value if player.distance.copies == "high" else -value}


@dataclass(frozen=True)
class Pools:
    """The task and models that no victim has to do with.

    Attributes:
        nulls: what DeepJudge needs to be set up; no score depends on them.
        innocents: reported on. moved: the same, transferred.
    """

    task: Task
    nulls: Sequence[Model]
    innocents: Sequence[Model]
    moved: Sequence[Model]

    @classmethod
    def trained(cls, epochs: int, n: int) -> Pools:
        """Return the pools with so many innocents."""
        task = testing.task(epochs=epochs)
        halves = (task.splits.owner, task.splits.other)

        def model(number: int) -> Model:
            return testing.trained(task, halves[number % 2], Rng(number))

        innocents = [model(1000 + i) for i in range(n)]
        moved = [delivered(task, innocent, "transfer", i) for i, innocent in enumerate(innocents)]
        return cls(task, [model(500 + i) for i in range(2)], innocents, moved)

    def scores(self, number: int, schemes: Sequence[str]) -> Scores:
        """Return the scores of a victim's copies and of all innocents."""
        seed = 10 + number
        victim = testing.trained(self.task, rng=Rng(seed))
        suspects = {
            move: [delivered(self.task, victim, move, 100 * seed + i) for i in range(N_COPIES)]
            for move in MOVES
        }
        suspects |= {"innocents": list(self.innocents), "moved": list(self.moved)}
        world = testing.owner_task(self.task, victim, self.nulls, seed=seed)
        found: Scores = {}
        for scheme in schemes:
            player = defenses.make(testing.spec(scheme, **SCHEMES[scheme]))
            key = player.protect(world, Rng(seed)).key
            for kind, models in suspects.items():
                for model in models:
                    suspect = Suspect.bare(model, self.task.compute)
                    for metric, score in scores_of(scheme, key, suspect).items():
                        found.setdefault(metric, {}).setdefault(kind, []).append(score)
        return found


def figures(copies: Floats, innocents: Floats) -> tuple[float, float]:
    """Return AUC, and TPR at FPR 1 %, of scores of copies (V, C) and innocents (V, M), pooled."""
    above = np.sort(innocents.ravel())
    low = np.searchsorted(above, copies.ravel(), "left")
    high = np.searchsorted(above, copies.ravel(), "right")
    area = float((low + high).mean() / 2 / len(above))
    hits, _ = true_rate_at(RATE, list(copies.ravel()), list(above))
    return area, hits / copies.size


def drawn_figures(tables: dict[str, tuple[Floats, Floats]], rng: Rng) -> dict[str, Floats]:
    """Return both figures of each metric (D, 2) in draws of victims and innocents anew.

    All metrics see the same draws, so that differences between them are paired.
    """
    dice = rng.numpy()
    n_victims, n_innocents = next(iter(tables.values()))[1].shape
    found: dict[str, list[tuple[float, float]]] = {metric: [] for metric in tables}
    for _ in range(_DRAWS):
        rows = dice.integers(0, n_victims, n_victims)
        columns = dice.integers(0, n_innocents, n_innocents)
        for metric, (copies, innocents) in tables.items():
            found[metric].append(figures(copies[rows], innocents[rows][:, columns]))
    return {metric: np.array(values) for metric, values in found.items()}


def bounds(values: Floats, exact: tuple[float, float]) -> tuple[float, float]:
    """Return the 95 % interval of draws; where they do not vary, the exact one."""
    if np.ptp(values) == 0:
        return exact
    low, high = np.percentile(values, [2.5, 97.5])
    return float(low), float(high)


def compare(move: str, tables: dict[str, tuple[Floats, Floats]]) -> float:
    """Print a kind of copy; return the best lower end of a lead over AKH in AUC."""
    draws, best = drawn_figures(tables, Rng(0)), -1.0
    n_victims, n_innocents = next(iter(tables.values()))[1].shape
    say(f"\n{move}\n{'scheme':16s} {'AUC':24s} {'TPR at FPR 1 %':24s} AUC less that of akh")
    for metric, (copies, innocents) in tables.items():
        area, rate = figures(copies, innocents)
        of_area = bounds(draws[metric][:, 0], area_interval(area, n_victims, n_innocents))
        of_rate = bounds(
            draws[metric][:, 1], proportion_interval(round(rate * n_victims), n_victims)
        )
        cells = [
            f"{value:.3f} ({low:.3f} to {high:.3f})"
            for value, (low, high) in ((area, of_area), (rate, of_rate))
        ]
        lead = ""
        if metric != "akh" and "akh" in tables:
            gaps = draws[metric][:, 0] - draws["akh"][:, 0]
            low, high = np.percentile(gaps, [2.5, 97.5])
            best = max(best, float(low))
            word = "ahead" if low > 0 else "behind" if high < 0 else "not told apart"
            word = "as good in all draws" if low == high == 0 else word
            lead = f"{area - figures(*tables['akh'])[0]:+.3f} ({low:+.3f} to {high:+.3f}) {word}"
        say(f"{metric:16s} {cells[0]:24s} {cells[1]:24s} {lead}")
    return best


def tables_of(found: Sequence[Scores], move: str) -> dict[str, tuple[Floats, Floats]]:
    """Return scores of copies (V, C) and innocents (V, M) of each metric that reads this kind."""
    beside = "moved" if move == "transfer" else "innocents"
    tables = {
        metric: (
            np.array([scores[metric][move] for scores in found]),
            np.array([scores[metric][beside] for scores in found]),
        )
        for metric in found[0]
    }
    return {m: both for m, both in tables.items() if all(np.isfinite(part).all() for part in both)}


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("schemes", nargs="*", default=list(SCHEMES))
    parser.add_argument("--victims", type=int, default=6)
    parser.add_argument("--innocents", type=int, default=24)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--out", type=Path, default=Path("runs/recognition"))
    parser.add_argument("--quick", action="store_true")
    asked = parser.parse_args(arguments)
    if asked.quick:
        asked.victims, asked.innocents, asked.epochs = 2, 4, 3
    heading(f"recognition on digits: {asked.victims} victims, {asked.innocents} innocents", 1)
    asked.out.mkdir(parents=True, exist_ok=True)
    pools, found = functools.cache(lambda: Pools.trained(asked.epochs, asked.innocents)), []
    for number in range(asked.victims):
        file = (
            asked.out / f"{asked.epochs}-{asked.innocents}-{number}-{'-'.join(asked.schemes)}.json"
        )
        if not file.exists():
            file.write_text(json.dumps(pools().scores(number, asked.schemes)))
        found.append(json.loads(file.read_text()))
    best = -1.0
    for move in MOVES:
        tables = tables_of(found, move)
        if tables:
            best = max(best, compare(move, tables))
    if "akh" in asked.schemes:
        bar("the surest lead over akh in AUC, its lower end", best, 0.0)


if __name__ == "__main__":
    main()
