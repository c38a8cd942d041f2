"""How often schemes accuse innocents, over keys and models, of the victim's recipe and of others.

    python -m benchmarks.false_positives [--out runs/false-positives] [--share 1] [--quick]
        [--data digits] [SCHEME ...]

Trains a pool of null models and one of innocents that nothing saw (both: the victim's own recipe,
and every variant of the reference class), draws keys of each scheme anew, and lets each key judge
every innocent. What an innocent shows depends on the key alone, so keys are drawn without training
a mark for each, where a scheme does not learn its key with the mark: `protect` meets an owner whose
training is over. Every model and every key is kept
in a store: run again, it continues, also with a larger `--share` of the keys; two processes may
work side by side on different schemes of one folder. Bars: no scheme
accuses more than 2 % of either kind of innocent at level .01; no single key accuses more than 5 %
of the odd ones.

The last table compares ways to compute DeepJudge's p-values on innocents that neither saw: from all
null models, from those nearest in utility, the larger of these two (which the scheme uses), the
same of the distances' logarithms, and by a regression on utility.
"""

from __future__ import annotations

import argparse
import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from arena.game.court.clusters import clustered_interval
from arena.game.court.nulls import Distances
from arena.game.court.reference import SAME
from arena.game.match.play import MatchSpec, Pools
from arena.game.match.steps.step_cache import Setting, resolve
from arena.game.match.steps.train_step import TrainStep
from arena.game.rules.keys import Key
from arena.game.rules.threat import ThreatModel
from arena.game.sides.defense import OwnerTask, defenses
from arena.game.sides.lab import Lab
from arena.game.sides.player import PlayerSpec
from arena.game.sides.suspect import Suspect
from arena.runs.store import Store
from arena.world.bundle import Bundle
from arena.world.code_version import class_version
from arena.world.json_values import Json, digest
from arena.world.models import Model, unpack
from arena.world.rng import Rng
from arena.world.task import Task, TaskSpec, load_task
from arena.world.training import Examples, Hook, Recipe
from benchmarks.common import bar, cache, heading, say
from defenders.deepjudge.scheme.key import Contents

LEVEL, STRICT = 0.01, 1e-4
UNFORESEEN = ("softmax", "tree")
"""Architectures of innocents of which there are no null models."""
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Drawn:
    """How many keys of a scheme are drawn, and with which settings.

    `trains`: the key is learnt with the mark, so that a mark is trained for each.
    """

    scheme: str
    n_keys: int
    settings: dict[str, Json]
    trains: bool = False

    @property
    def title(self) -> str:
        """Return the scheme with what is special about it."""
        special = ", ".join(f"{k} = {v}" for k, v in self.settings.items() if k == "verifier")
        return f"{self.scheme} ({special})" if special else self.scheme


def plan(quick: bool, share: float = 1.0) -> list[Drawn]:
    """Return what is drawn: a share of the keys of a full run; `quick` is for tests."""
    n = 1 if quick else 10
    tests: dict[str, Json] = {"n_seeds": 150, "n_whitebox": 8, "growth_steps": 200}
    points: dict[str, Json] = {"n_points": 100, "lr": 0.01, "n_steps": 200}
    beside: dict[str, Json] = {"n_beside": 20} if quick else {}
    rows = [
        Drawn("uchida", 20 * n, {}),
        Drawn("greedy", 20 * n, {}),
        Drawn("lottery", 20 * n, {}),
        Drawn("adi", 10 * n, {}),
        Drawn("deepsigns", 10 * n, {}),
        Drawn("zhang", 2 * n, beside),
        Drawn("deepjudge", n, {"method": "pgd", "eps": 0.1, **tests}),
        Drawn("ipguard", n, points),
        Drawn("uchida", n, {"verifier": "aligned"}),
        Drawn("riga", n, {}, trains=True),
    ]
    sizes = [2 if quick else max(2, math.ceil(row.n_keys * share)) for row in rows]
    return [replace(row, n_keys=n) for row, n in zip(rows, sizes, strict=True)]


class Untrained(OwnerTask):
    """An owner whose training is over: a mark is drawn and never embedded."""

    def trained(
        self,
        hooks: Sequence[Hook] = (),
        recipe: Recipe | None = None,
        examples: Examples | None = None,
    ) -> Model:
        """Return the unprotected model."""
        return self.base()


@dataclass
class Bench:
    """The pools, and where what was made is kept."""

    match: MatchSpec
    store: Store
    setting: Setting

    @cached_property
    def task(self) -> Task:
        """Return the task."""
        return load_task(self.match.task, self.setting.cache)

    @cached_property
    def calibration(self) -> list[Model]:
        """Return the null models."""
        return self.models(self.match.calibration())

    @cached_property
    def reporting(self) -> list[Model]:
        """Return the innocents that nothing saw."""
        return self.models(self.match.reporting())

    @cached_property
    def pools(self) -> str:
        """Return a name of both pools."""
        steps = (*self.match.calibration(), *self.match.reporting())
        return digest([step.digest for step in steps])

    def models(self, steps: Sequence[TrainStep]) -> list[Model]:
        """Return trained models; each is trained once."""
        return [unpack(resolve(step, "model", self.store, self.setting)) for step in steps]

    def key(self, drawn: Drawn, number: int) -> Key:
        """Return a key of a scheme, drawn and calibrated as `protect` does it."""
        name = digest(["keys", *self._named(drawn, number)])
        found = self.store.load(name, "key")
        if found is None:
            base = self._base(number % 3)
            steps = self.match.calibration()
            world = OwnerTask.from_task(
                self.task, base, Lab(self.task.compute), Rng(1), lambda: self.calibration
            )
            fields = {name: getattr(world, name) for name in world.__dataclass_fields__}
            fields["null_kinds"] = tuple(step.kind for step in steps)
            owner = OwnerTask(**fields) if drawn.trains else Untrained(**fields)
            scheme = defenses.make(PlayerSpec(name=drawn.scheme, settings=drawn.settings))
            rng = Rng(self.match.seed).child("false positives", drawn.title, number)
            found = scheme.protect(owner, rng).key.bundle()
            self.store.save(name, {"key": found})
        return Key.read(found)

    def _base(self, repeat: int) -> Model:
        step = self.match.model_copy(update={"repeat": repeat}).base()
        return self.models([step])[0]

    def _named(self, drawn: Drawn, number: int) -> list[Json]:
        """Return what a key follows from: scheme, settings, its code, and the pools."""
        code = class_version(defenses.find(drawn.scheme))
        return [drawn.scheme, drawn.settings, code, number, self.match.base().digest, self.pools]

    def p_values(self, drawn: Drawn, number: int) -> tuple[list[float], list[str]]:
        """Return the p-value of each innocent under a key, and its outcome."""
        name = digest(["verdicts", *self._named(drawn, number)])
        found = self.store.load(name, "verdicts")
        if found is None:
            key, scheme = (
                self.key(drawn, number),
                defenses.make(PlayerSpec(name=drawn.scheme, settings=drawn.settings)),
            )
            verdicts = [
                scheme.verify(key, Suspect.bare(model, self.task.compute), Rng(number, (str(i),)))
                for i, model in enumerate(self.reporting)
            ]
            told = {"p": [v.p_value for v in verdicts], "outcome": [v.outcome for v in verdicts]}
            found = Bundle(told)
            self.store.save(name, {"verdicts": found})
        return list(found.data["p"]), list(found.data["outcome"])


def bench(data: str, out: Path, quick: bool) -> Bench:
    """Return the pools of a data set."""
    model, recipe = ("lenet5", Recipe(epochs=4)) if data == "mnist" else ("cnn8", Recipe(epochs=10))
    pools = Pools(
        reporting_same=12,
        reporting_other=12,
        reporting_odd=96,
        architectures=UNFORESEEN,
    )
    if quick:
        recipe = recipe.but(epochs=2)
        pools = Pools(
            calibration_same=2,
            calibration_other=2,
            calibration_odd=4,
            reporting_same=2,
            reporting_other=2,
            reporting_odd=4,
        )
    match = MatchSpec(
        task=TaskSpec(data=data, model=model, recipe=recipe),
        owner="owner",
        defense=PlayerSpec(name="none"),
        thief="none",
        grants=ThreatModel(),
        pools=pools,
    )
    out.mkdir(parents=True, exist_ok=True)
    return Bench(match, Store(out / "artefacts"), Setting(cache()))


def row_of(found: Floats, same: NDArray[np.bool_], title: str) -> tuple[str, float, float, float]:
    """Return a line of the table, both shares that accuse, and the worst key's.

    Args:
        found: p-values, (keys, models).
        same: which models are of the victim's own recipe, (models,).
        title: of the scheme.
    """
    cells, shares = [], []
    for mask in (same, ~same):
        accused = (found[:, mask] <= LEVEL).astype(np.float64)
        low, high = clustered_interval(accused, Rng(0))
        shares.append(float(accused.mean()))
        cells.append(f"{shares[-1]:.4f} ({low:.4f} to {high:.4f})")
    worst = float((found[:, ~same] <= LEVEL).mean(1).max())
    strict = float((found <= STRICT).mean())
    line = f"{title:28s} {len(found):5d}  {cells[0]:28s} {cells[1]:28s} {worst:.3f}  {strict:.1e}"
    return line, shares[0], shares[1], worst


def whom(found: Floats, kinds: Sequence[str]) -> str:
    """Return the kinds of innocents that are accused most: the share of each, over keys and models.

    Args:
        found: p-values, (keys, models).
        kinds: of the models.
    """
    of_kind = {kind: found[:, [kind == other for other in kinds]] for kind in dict.fromkeys(kinds)}
    shares = {kind: float((part <= LEVEL).mean()) for kind, part in of_kind.items()}
    most = sorted((kind for kind in shares if shares[kind]), key=lambda kind: -shares[kind])[:3]
    return ", ".join(f"{kind} {shares[kind]:.4f}" for kind in most) or "nobody"


def regression_p_value(value: float, utility: float, values: Floats, utilities: Floats) -> float:
    """Return the one-sided p-value of a low value by a straight line over utility: its t-test."""
    design = np.column_stack([np.ones(len(values)), utilities])
    at = np.array([1.0, utility])
    weights, *_ = np.linalg.lstsq(design, values, rcond=None)
    rest, free = values - design @ weights, len(values) - 2
    leverage = float(at @ np.linalg.pinv(design.T @ design) @ at)
    error = math.sqrt(float(rest @ rest) / free * (1 + leverage)) or 1e-12
    return float(stats.t.cdf((value - at @ weights) / error, free))


def compared(pools: Bench, drawn: Drawn) -> Iterator[str]:
    """Yield how often each way to compute DeepJudge's p-values accuses, a metric at a time.

    And the means over models of the victim's own recipe: of null models, and of innocents.
    """
    accused: dict[str, list[list[bool]]] = defaultdict(list)
    alike: dict[str, tuple[list[float], list[float]]] = defaultdict(lambda: ([], []))
    for number in range(drawn.n_keys):
        contents = Contents.read(pools.key(drawn, number))
        calibrations = contents.calibrations("all", (0.9, 0.6))
        for metric, known in calibrations.items():
            alike[metric][0].extend(known.alike)
        for step, model in zip(pools.match.reporting(), pools.reporting, strict=True):
            suspect = Suspect.bare(model, pools.task.compute)
            utility = contents.reference.utility(suspect)
            if not contents.reference.covers(utility):
                continue
            values = contents.case.measure(suspect, "weights").values.get("all", {})
            for metric, value in values.items():
                if metric in calibrations and calibrations[metric].tells:
                    own, nulls = calibrations[metric].alike, calibrations[metric].known
                    alike[metric][1].extend([value] if step.kind in SAME else [])
                    ways = (
                        nulls.test.p_value(value, own),
                        nulls.test.p_value(value, nulls.values),
                        nulls.test.p_value(value, nulls.near(utility)),
                        nulls.p_value(value, utility),
                        replace(nulls, test=Distances()).p_value(value, utility),
                        regression_p_value(
                            value, utility, np.array(nulls.values), np.array(nulls.utilities)
                        ),
                    )
                    accused[metric].append([p <= LEVEL for p in ways])
    heads = ("own recipe", "all", "nearest", "larger", "of logs", "line", "mean null", "innocent")
    yield f"{'metric':8s}" + "".join(f"{head:>11s}" for head in heads)
    for metric, rows in accused.items():
        means = [*np.array(rows).mean(0), *(float(np.mean(part)) for part in alike[metric])]
        yield f"{metric:8s}" + "".join(f"{mean:11.4f}" for mean in means)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("schemes", nargs="*", help="those of the plan; all where none is named")
    parser.add_argument("--out", type=Path, default=Path("runs/false-positives"))
    parser.add_argument("--data", default="digits")
    parser.add_argument("--share", type=float, default=1.0)
    parser.add_argument("--quick", action="store_true")
    asked = parser.parse_args(arguments)
    pools = bench(asked.data, asked.out, asked.quick)
    reporting = pools.match.reporting()
    same = np.array([step.kind in SAME for step in reporting])
    rows = plan(asked.quick, asked.share)
    rows = [row for row in rows if not asked.schemes or row.scheme in asked.schemes]
    heading(f"false positives on {asked.data}: {same.sum()} same, {(~same).sum()} odd innocents", 1)
    say(f"{'scheme':28s} {'keys':>5s}  {'P(p <= .01), same':28s} {'odd':28s} worst  P(p <= 1e-4)")
    reached: list[tuple[str, float, float, float]] = []
    most: dict[str, str] = {}
    for drawn in rows:
        found = [pools.p_values(drawn, number) for number in range(drawn.n_keys)]
        p_values = np.array([p for p, _ in found])
        line, of_same, of_odd, worst = row_of(p_values, same, drawn.title)
        most[drawn.title] = whom(p_values, [step.kind for step in reporting])
        n_without = sum(outcome == "no reference" for _, told in found for outcome in told)
        say(f"{line}{f'  no reference {n_without}' if n_without else ''}")
        reached.append((drawn.title, of_same, of_odd, worst))
    say("\nkinds of innocents accused most")
    for title, accused in most.items():
        say(f"{title:28s} {accused}")
    for title, of_same, of_odd, worst in reached:
        bar(f"{title}: share of innocents accused", max(of_same, of_odd), 0.02, at_least=False)
        bar(f"{title}: the worst key's share of odd innocents", worst, 0.05, at_least=False)
    for judge in (row for row in rows if row.scheme == "deepjudge"):
        say("\nDeepJudge: P(p <= .01) of each metric on all innocents nothing saw, by its null")
        for line in compared(pools, judge):
            say(line)


if __name__ == "__main__":
    main()
