"""What marks in generators are worth: `python -m benchmarks.generator_marks PART --out DIR`.

Parts:

- `victims`, `innocents`: train `--victims` owners' generators on digits, each with its unmarked
  twin, and `--innocents` independent ones, half of them on the other half of the data. Every model
  is kept in DIR and trained once; both parts may run at the same time.
- `report`: the bit error rate and the p-values of untouched victims; what protection cost in the
  Frechet score, with its interval over victims; how many innocents each victim's key accuses, and
  how many `--keys` fresh keys of `--null` victims' twins do; what reversed signs do to the pictures
  and to each reader.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import scipy
import torch

from arena import testing
from arena.game.court.statistics import proportion_interval
from arena.game.rules.keys import Key
from arena.game.sides.attack import Attack
from arena.game.sides.defense import Protected
from arena.game.sides.player import PlayerSpec
from arena.game.sides.suspect import Suspect
from arena.world.bundle import Bundle
from arena.world.compute import Compute
from arena.world.kinds.kind import Exam
from arena.world.models import Model, pack, unpack
from arena.world.rng import Rng
from arena.world.task import Task, TaskSpec, load_task
from arena.world.training import Recipe
from attackers.generators.flip_scales import FlipScales
from attackers.modify.overwrite import Overwrite
from attackers.modify.prune import Prune
from attackers.nothing import NoAttack
from attackers.rewrite.invariant import AllThree, Flip
from benchmarks.common import heading, say
from benchmarks.kept import Kept
from defenders.generators.ipr_gan import IprGan
from defenders.generators.scheme.key import GeneratorKey
from defenders.generators.scheme.logo import agreements, corner
from defenders.generators.scheme.signs import scale_layers
from defenders.weights.alignment import sight
from defenders.weights.readers import NullMatches

LEVEL = 0.01
ALIGNED = IprGan(reading="signs", verifier="aligned")
READERS = {"literal": IprGan(reading="signs"), "aligned": ALIGNED, "logo": IprGan(reading="logo")}


def pruned(rate: float) -> Attack:
    """Return pruning of all layers under one threshold, without training afterwards."""
    return Prune(rate=rate, scope="global", schedule="oneshot", epochs=0)


OWN = PlayerSpec(name="ipr-gan", settings={"reading": "signs", "logo_strength": 0.0})
MOVES: dict[str, Attack] = {
    "none": NoAttack(),
    "int-flip": Flip(),
    "int-all": AllThree(),
    "forged signs (overwrite, 0 epochs)": Overwrite(scheme=OWN, epochs=0),
    "flip-scales, a half": FlipScales(),
    **{f"prune {rate:.0%}": pruned(rate) for rate in (0.1, 0.3, 0.5, 0.7, 0.9)},
}
ROOT = Rng(2026)


class Study:
    """The models of one study, each trained when it is first asked for and kept in a folder."""

    def __init__(self, out: Path, epochs: int) -> None:
        self.kept = Kept(out)
        recipe = Recipe(epochs=epochs, lr=5e-4)
        self.spec = TaskSpec(model="dcgan", arguments={"width": 16}, recipe=recipe)
        self.task: Task = load_task(self.spec)

    def twin(self, i: int) -> Model:
        """Return the unmarked twin of a victim."""
        rng = ROOT.child("victim", i)
        return unpack(self.kept.of(f"twin-{i}", lambda: pack(testing.trained(self.task, rng=rng))))

    def innocent(self, i: int) -> Model:
        """Return an independent model; every second one saw the other half of the data."""
        splits, rng = self.task.splits, ROOT.child("innocent", i)
        data = splits.other if i % 2 else splits.owner
        made = self.kept.of(f"innocent-{i}", lambda: pack(testing.trained(self.task, data, rng)))
        return unpack(made)

    def victim(self, i: int) -> Protected:
        """Return a victim and its key."""

        def protect() -> Protected:
            task = replace(
                testing.owner_task(self.task, self.twin(i)), train_rng=ROOT.child("victim", i)
            )
            return IprGan().protect(task, ROOT.child("owner", i))

        made: list[Protected] = []

        def model() -> Bundle:
            made.append(protect())
            return pack(made[0].model)

        victim = unpack(self.kept.of(f"victim-{i}", model))
        key = self.kept.of(f"key-{i}", lambda: (made[0] if made else protect()).key.bundle())
        return Protected(victim, Key.read(key))

    def exam(self) -> Exam:
        """Return how pictures are measured."""
        spec = self.task.kind.yardstick(self.spec)
        assert spec is not None
        measured = load_task(spec)
        data, rng = measured.splits.calibration, ROOT.child("yardstick")
        made = self.kept.of("yardstick", lambda: pack(testing.trained(measured, data, rng)))
        return self.task.exam(unpack(made))


def suspect(model: Model) -> Suspect:
    """Show a model to a verifier."""
    return Suspect.bare(model, Compute())


def fidelity(study: Study, n: int, exam: Exam) -> None:
    """Print what protection cost, with the interval of Student's t over victims."""
    losses = []
    for i in range(n):
        marked, plain = study.victim(i).model, study.twin(i)
        scores = [exam.utility(study.task.serve(m, exam.inputs)) for m in (plain, marked)]
        losses.append(scores[0] - scores[1])
        say(f"victim {i}: Frechet score {scores[0]:.3f} unmarked, {scores[1]:.3f} marked")
    mean, spread = statistics.mean(losses), statistics.stdev(losses)
    reach = float(scipy.stats.t.isf(0.025, n - 1)) * spread / n**0.5
    say(f"fidelity loss {mean:+.3f} ({mean - reach:+.3f} to {mean + reach:+.3f}, {n} victims)")


def own(study: Study, n: int) -> None:
    """Print what the keys say of their own untouched models."""
    for i in range(n):
        victim = study.victim(i)
        signs, logo, both = (
            IprGan(reading=reading).verify(victim.key, suspect(victim.model), Rng(0))
            for reading in ("signs", "logo", "both")
        )
        say(
            f"victim {i}: BER {signs.statistic:g}, p = {signs.p_value:.1g}; hash agreement "
            f"{logo.statistic:.3f}, SSIM {logo.figures['logo/ssim']:.3f}, p = {logo.p_value:.1g}; "
            f"together p = {both.p_value:.1g}"
        )


def innocents(study: Study, n_victims: int, n: int) -> None:
    """Print how many innocents the victims' keys accuse."""
    for reading in ("signs", "logo", "both"):
        wrong = sum(
            IprGan(reading=reading)
            .verify(study.victim(v).key, suspect(study.innocent(i)), Rng(0))
            .is_copy
            for v in range(n_victims)
            for i in range(n)
        )
        say(f"innocents accused by {reading}: {wrong} of {n_victims} keys x {n}")


def fresh_keys(study: Study, n_keys: int, n: int) -> None:
    """Print how many fresh keys of one owner accuse each innocent."""
    base, suspects = study.twin(0), [suspect(study.innocent(i)) for i in range(n)]
    shape, places = base.card.output_shape, scale_layers(base)
    images = study.task.splits.owner.images[:500].float() / 255
    asked = base.kind.probes(base.card, 500, ROOT.child("null images"))
    side = GeneratorKey.drawn("", places, shape, base.card.input_shape[0], 1).side
    crops = corner(torch.cat([images, Compute().logits(base, asked)]), side)
    for reading in ("signs", "logo"):
        scheme, counts = IprGan(reading=reading), []
        for k in range(n_keys):
            drawn = GeneratorKey.drawn(f"fresh {k}", places, shape, base.card.input_shape[0], 64)
            if reading == "logo":
                drawn = replace(drawn, null_agreements=agreements(crops, drawn.logo))
            key = drawn.into(Key("ipr-gan", f"fresh {k}"))
            counts.append(sum(scheme.verify(key, who, Rng(0)).is_copy for who in suspects))
        low, high = proportion_interval(sum(c > 0 for c in counts), n_keys)
        say(
            f"fresh keys, {reading}: {sum(counts)} of {n_keys * n} accusations at {LEVEL}; "
            f"{sum(c > 0 for c in counts)} of {n_keys} keys accuse anybody ({low:.3f} to "
            f"{high:.3f}), the worst {max(counts)} of {n}"
        )


def aligned_key(study: Study, victim: Protected, i: int, n: int) -> Key:
    """Return a victim's key for the aligned reader; nulls are the twins of the other victims."""
    nulls = [study.twin(j) for j in range(n) if j != i]
    task = testing.owner_task(study.task, study.twin(i), nulls)
    key = sight(task, victim.model, victim.key.seed, ALIGNED.n_probes).into(victim.key)
    found = ALIGNED.null_matches(task, key, Rng(0))
    return NullMatches(null_matches={"aligned": found}).into(key)


def thieves(study: Study, options: argparse.Namespace) -> None:
    """Print what each thief without training did, over all victims."""
    exam, latents = study.exam(), torch.randn(500, 64, generator=ROOT.child("latents").torch())
    heading("Thieves of generators", 1)
    for name, move in MOVES.items():
        gaps, scores = [], []
        rates: dict[str, list[float]] = {"literal": [], "aligned": [], "logo": []}
        caught: dict[str, int] = dict.fromkeys(rates, 0)
        for i in range(options.victims):
            victim = study.victim(i)
            stolen = testing.thief(study.task, victim.model, testing.WHITE_BOX).play(move)
            pair = [Compute().logits(model, latents) for model in (victim.model, stolen)]
            gaps.append(float((pair[0] - pair[1]).abs().max()))
            scores.append(exam.utility(study.task.serve(stolen, exam.inputs)))
            key = aligned_key(study, victim, i, options.victims)
            for reader, scheme in READERS.items():
                verdict = scheme.verify(key, suspect(stolen), Rng(0))
                rates[reader].append(verdict.statistic)
                caught[reader] += verdict.is_copy
        said = "; ".join(
            f"{reader} {statistics.mean(found):.3f}, caught {caught[reader]}"
            for reader, found in rates.items()
        )
        say(
            f"{name}: largest difference {max(gaps):.2g}, Frechet score "
            f"{statistics.mean(scores):.3f}; {said} of {options.victims}"
        )


def report(study: Study, options: argparse.Namespace) -> None:
    """Print all of it."""
    heading("Marks in generators", 1)
    own(study, options.victims)
    fidelity(study, options.victims, study.exam())
    innocents(study, options.victims, options.innocents)
    fresh_keys(study, options.keys, options.innocents)


def parts(study: Study, options: argparse.Namespace) -> Iterator[tuple[str, Callable[[], object]]]:
    """Yield what can be asked for."""
    yield "victims", lambda: [study.victim(i) for i in range(options.victims)]
    yield "innocents", lambda: [study.innocent(i) for i in range(options.innocents)]
    yield "thieves", lambda: thieves(study, options)
    yield "report", lambda: report(study, options)


def main() -> None:
    """Do one part."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("part", choices=["victims", "innocents", "report", "thieves"])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--victims", type=int, default=5)
    parser.add_argument("--innocents", type=int, default=20)
    parser.add_argument("--keys", type=int, default=100)
    parser.add_argument("--epochs", type=int, default=60)
    options = parser.parse_args()
    dict(parts(Study(options.out, options.epochs), options))[options.part]()


if __name__ == "__main__":
    main()
