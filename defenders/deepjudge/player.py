"""DeepJudge as a defender: it changes nothing, grows tests, and collects evidence of suspects."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar, Literal

from torch import Tensor

from arena.errors import NoReference, NotComparable, PlayerError
from arena.game.court.evidence import CONSISTENCY
from arena.game.court.reference import SAME
from arena.game.court.verdict import Rule, Verdict
from arena.game.rules.keys import Key, fresh_seed
from arena.game.sides.defense import Defense, OwnerTask, Protected, defense
from arena.game.sides.lab import Lab
from arena.game.sides.suspect import Suspect
from arena.world import layers
from arena.world.bundle import Bundle
from arena.world.json_values import Json
from arena.world.kinds.interface import Output, level
from arena.world.models import Model
from arena.world.rng import Rng
from arena.world.training import Examples
from defenders.deepjudge.growth.blackbox_tests import ExampleRecipe, Method, Steps, grid
from defenders.deepjudge.growth.generate import (
    GrowthPlan,
    default_layer,
    derives,
    make_case,
    seed_images,
)
from defenders.deepjudge.growth.tuning import Zoo, gaps, widest
from defenders.deepjudge.growth.whitebox_tests import Growth
from defenders.deepjudge.judge import JointEvidence, Needed, judge
from defenders.deepjudge.report import figures_of, first_stage
from defenders.deepjudge.scheme.key import Contents, nulls_of
from defenders.deepjudge.scheme.tests import ExposedTests, TestPart
from defenders.fingerprints.own_copies import own_derivations

_EVERY = 4  # one in so many innocents chooses the generator, the others set thresholds
_FEWEST = 2
_IDENTICAL = ("exact", "equivalent")  # what no innocent is, whatever its utility
_N_TUNING = 100  # seeds on which generators are compared


@defense("deepjudge")
@dataclass(frozen=True, kw_only=True)
class DeepJudge(Defense):
    """Collects evidence that a suspect behaves like the victim, from six distances on test cases.

    What: adversarial examples of the victim, and images that excite its neurons; on them, how far
    the suspect is from the victim, beside how far innocents are. RobD and JSD need answers; NOD,
    NAD, LOD and LAD need hidden layers. A metric that cannot be measured has no vote. Where weights
    may be seen it is also asked whether the suspect is the victim itself, exactly or rewritten.
    Threat model: secret are the tests, expanded from one committed seed; verification uses all that
    the scenario grants, up to `access`. The model is not changed.
    Parameters: access; method ("any": the gap rule chooses among all), eps (of CW the confidence;
    0: the gap rule chooses among `strengths`); n_steps, steps, random_start (see `ExampleRecipe`);
    n_seeds, n_whitebox (seeds of either kind of test; without weights there are no white-box
    ones); share (of the held-out images that the seed draws
    from); layer ("" is the second activation), factor (m), growth_steps (of white-box tests);
    alpha, alpha_whitebox (tau as a share of the bound); needed (how many metrics the p-value needs:
    "any" is Bonferroni's rule, "majority" the vote's); decide_on (a part of the tests: where a
    scenario exposes tests, the "held-out" ones decide).
    Cost: to protect, two short fine-tunings, the tests, and one pass of each innocent over them; to
    verify, n_seeds queries, and the white-box tests where weights are seen.
    Differences to the paper: the verdict rests on p-values, the larger of that against the
    calibration innocents that are nearest to the suspect in utility (one far from all has "no
    reference") and of that against all of them; the vote is reported beside it and rests on those
    that were trained as the victim was; distances have the lecture's scale; PGD's step is
    eps / n_steps; alpha is our setting; 20 seeds of white-box tests (100); a quarter of the
    innocents of the victim's own recipe choose the generator and set no threshold.
    Reference: Chen, Wang, Peng, Sun, Ma, Wang, Song: Copy, right? A testing framework for copyright
    protection of deep learning models, 2022.
    Versions: 2 (what is not rare among all innocents is no proof).
    """

    paper: ClassVar[str] = "Chen et al., S&P 2022"
    reads: ClassVar[Output] = "labels"
    task_needs: ClassVar[frozenset[str]] = frozenset({"classes", "gradients", "nulls"})
    invasive: ClassVar[bool] = False
    exposes: ClassVar[str] = "tests"
    statistic: ClassVar[tuple[str, Literal["low", "high"]]] = ("similarity", "high")
    quick = MappingProxyType({"n_seeds": 60, "n_whitebox": 8, "growth_steps": 200})

    access: Output = "weights"
    method: Method | Literal["any"] = "any"
    eps: float = 0.0
    strengths: tuple[float, ...] = (0.03, 0.05, 0.1, 0.15, 0.2, 0.3)
    n_steps: int = 10
    steps: Steps = "scaled"
    random_start: bool = False
    n_seeds: int = 1000
    n_whitebox: int = 20
    share: float = 0.75
    layer: str = ""
    factor: float = 3.0
    growth_steps: int = 1000
    alpha: float = 0.9
    alpha_whitebox: float = 0.6
    needed: Needed = "any"
    decide_on: TestPart = "all"

    def protect(self, task: OwnerTask, rng: Rng) -> Protected:
        """Grow the tests and calibrate; the model is released as it is.

        Raises:
            PlayerError: too few innocents to calibrate on, or a victim without a correct answer.
        """
        victim, seed = task.base(), fresh_seed(rng)
        lab, pool, nulls = task.lab.float32, Examples.of(task.probe), task.nulls()
        candidates = self._candidates()
        kinds = (*task.null_kinds, *("Neg-1" for _ in nulls))
        chosen_on, judged_on = _shared(kinds[: len(nulls)], choose=len(candidates) > 1)
        plan = self._plan(victim, candidates[0])
        found: dict[str, float] = {}
        if chosen_on:
            chosen = [nulls[i] for i in chosen_on]
            zoo = Zoo(chosen, own_derivations(task, victim, rng.child("derivations")))
            seeds = seed_images(seed, victim, pool, plan.but(n_seeds=_N_TUNING), lab)
            found = gaps(candidates, seed, victim, seeds, zoo, lab)
            plan = plan.but(generator=widest(candidates, found))
        case = make_case(seed, victim, pool, plan, lab)
        measured = [case.measure(nulls[i], "weights") for i in judged_on]
        models, named = [nulls[i] for i in judged_on], [kinds[i] for i in judged_on]
        reference = task.reference(models, named)
        contents = Contents(plan, case, pool, nulls_of(measured), found, reference)
        return Protected(victim.copy(), contents.key("" if self.protocol == "none" else seed))

    def _candidates(self) -> list[ExampleRecipe]:
        """Return the generators that the gap rule may choose; one if the settings name it."""
        like = ExampleRecipe(n_steps=self.n_steps, steps=self.steps, random_start=self.random_start)
        if self.eps and self.method != "any":
            return [like.of_strength(self.method, self.eps)]
        return grid(self.method, (self.eps,) if self.eps else self.strengths, like)

    def seeing(self, grants: Output) -> DeepJudge:
        """Return the scheme that asks for no more of a suspect than it grants."""
        return dataclasses.replace(self, access=min(self.access, grants, key=level))

    def _plan(self, victim: Model, generator: ExampleRecipe) -> GrowthPlan:
        looks_inside = self.access == "weights"
        return GrowthPlan(
            generator=generator,
            growth=Growth(factor=self.factor, n_steps=self.growth_steps),
            layer=(self.layer or default_layer(victim)) if looks_inside else "",
            n_seeds=self.n_seeds,
            n_whitebox=self.n_whitebox,
            share=self.share,
        )

    def examine(self, key: Key, suspect: Suspect, rng: Rng) -> Verdict:
        """Measure what the suspect grants and judge it by the innocents in the key."""
        contents = Contents.read(key)
        access = min(self.access, suspect.grants, key=level)
        same = first_stage(contents, suspect) if access == "weights" else None
        identical = same is not None and same.kind in _IDENTICAL
        utility = _utility(contents, suspect, identical=identical)
        measured = contents.case.measure(suspect, access)
        alphas = (self.alpha, self.alpha_whitebox)
        findings = {
            part: judge(
                values,
                contents.calibrations(part, alphas),
                measured.notes,
                self.needed,
                utility,
            )
            for part, values in measured.values.items()
        }
        figures = figures_of(contents, measured, findings) | {"access": access}
        if same is not None:
            figures[CONSISTENCY] = same.plain()
        decisive = findings.get(self.decide_on)
        if decisive is None or not decisive.lines:
            notes = measured.notes if decisive is None else decisive.notes
            reasons = "; ".join(sorted(set(notes.values()))) or "the key holds no tests"
            raise NotComparable(f"no metric applies: {reasons}")
        verdict = self._verdict(decisive, figures)
        told = contents.reference.title
        return dataclasses.replace(verdict, reference=told, findings=measured.findings)

    def _verdict(self, findings: JointEvidence, figures: dict[str, Json]) -> Verdict:
        p, n = findings.p_value, len(findings.lines)
        return Verdict(
            is_copy=p <= self.level,
            p_value=p,
            statistic=findings.similarity(self.level),
            threshold=0.5,
            name="similarity",
            copies="high",
            reason=f"{findings.n_votes} of {n} metrics vote copy, combined p = {p:.2g}",
            rule=Rule("p_copy > 0.5", findings.p_copy > 0.5),
            figures=figures,
        )

    def rederive(self, key: Key) -> Key:
        """Return the key with the tests grown again from its seed, victim, pool and plan.

        Tests that differ by the rounding of another machine count as the same.
        """
        contents = Contents.read(key)
        case = contents.case
        again = make_case(key.seed, case.victim, contents.pool, contents.plan, Lab())
        if derives(case, again):
            return key
        return dataclasses.replace(contents, case=again).key(key.seed)

    def exposed(self, key: Key) -> Bundle:
        """Return the tests of every other seed: the others stay secret, and are reported apart."""
        case = Contents.read(key).case
        shown = {
            kind: tests.select(tests.part("exposed"))
            for kind, tests in (("blackbox", case.blackbox), ("whitebox", case.whitebox))
        }
        images = {kind: tests.images if len(tests) else None for kind, tests in shown.items()}
        labels = {kind: tests.labels if len(tests) else None for kind, tests in shown.items()}
        return ExposedTests(
            layer=case.layer,
            blackbox_images=images["blackbox"],
            blackbox_labels=labels["blackbox"],
            whitebox_images=images["whitebox"],
            whitebox_labels=labels["whitebox"],
        ).bundle()

    def trial_exposed(self, model: Model, examples: Examples, rng: Rng) -> Bundle:
        """Return examples in the place of tests, for the first layer with weights."""
        images, labels = examples.images, examples.targets
        return ExposedTests(
            layer=layers.weighted(model, model.card.input_shape)[0],
            blackbox_images=images,
            blackbox_labels=labels,
            whitebox_images=images,
            whitebox_labels=labels,
        ).bundle()

    def trigger_images(self, key: Key) -> Tensor:
        """Return the black-box tests."""
        return Contents.read(key).case.blackbox.images


def _shared(kinds: Sequence[str], *, choose: bool) -> tuple[list[int], list[int]]:
    """Return which innocents choose the generator, and which set thresholds.

    Those that were trained as the victim was choose: a quarter of them.
    """
    alike = [i for i, kind in enumerate(kinds) if kind in SAME]
    chosen_on = alike[::_EVERY] if choose else []
    judged_on = [i for i in range(len(kinds)) if i not in chosen_on]
    if len(judged_on) < _FEWEST:
        raise PlayerError(
            f"expected at least {_FEWEST} calibration innocents for thresholds, found "
            f"{len(judged_on)} (of {len(kinds)} in all); grant more innocents for calibration"
        )
    return chosen_on, judged_on


def _utility(contents: Contents, suspect: Suspect, *, identical: bool) -> float | None:
    """Return the suspect's utility; None where it is the victim or answers other classes.

    Raises:
        NoReference: no innocent in the key is as useful as the suspect.
    """
    if identical:
        return None
    try:
        return contents.reference.utility_of(suspect)
    except NoReference:
        raise
    except NotComparable:
        return None
