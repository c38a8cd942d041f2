"""What marks in captioners are worth: `python -m benchmarks.caption_marks PART --out DIR`.

Parts:

- `victims`, `innocents`: train `--victims` owners' captioners on rows of digits for each way of
  joining a key, each beside its unmarked twin, and `--innocents` independent ones for
  `--innocent-epochs`, half of them on the other half of the data. Every model is kept in DIR and
  trained once; both parts may run at the same time.
- `report`: BLEU-4 of untouched victims and of their twins; what the key says of both: bit errors,
  p-values, and captions with forged keys; how many innocents each victim's key accuses, and
  `--keys` fresh ones.
- `thieves`: what those who train nothing do to captions, and to both readers.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from arena import testing
from arena.game.court.statistics import binomial_tail
from arena.game.rules.keys import Key
from arena.game.sides.attack import Attack
from arena.game.sides.defense import Protected
from arena.game.sides.player import PlayerSpec
from arena.game.sides.suspect import Suspect
from arena.world.bundle import Bundle
from arena.world.compute import Compute
from arena.world.kinds.captioner import CaptionScore
from arena.world.models import Model, pack, unpack
from arena.world.rng import Rng
from arena.world.task import Task, TaskSpec, load_task
from arena.world.training import Recipe
from attackers.captions.flip_hidden import FlipHidden
from attackers.modify.overwrite import Overwrite
from attackers.modify.prune import Prune
from attackers.nothing import NoAttack
from attackers.rewrite.invariant import AllThree, Flip, Shuffle
from benchmarks.common import heading, say
from benchmarks.kept import Kept
from defenders.captions.ipr_ic import IprIc
from defenders.captions.scheme import HiddenKey, Joins, spelled
from defenders.captions.training import first_states
from defenders.weights.alignment import sight
from defenders.weights.readers import NullMatches

LEVEL = 0.01
STRENGTH = 0.03
WAYS: tuple[Joins, ...] = ("multiply", "add")
OWN = PlayerSpec(name="ipr-ic")
MOVES: dict[str, Attack] = {
    "none": NoAttack(),
    "int-shuffle": Shuffle(),
    "int-flip": Flip(),
    "int-all": AllThree(),
    "forged signs (overwrite, 0 epochs)": Overwrite(scheme=OWN, epochs=0),
    "flip-hidden, written": FlipHidden(),
    "flip-hidden, fed (forged key)": FlipHidden(side="fed"),
    **{
        f"prune {rate:.0%}": Prune(rate=rate, scope="global", schedule="oneshot", epochs=0)
        for rate in (0.2, 0.5, 0.8)
    },
}
ROOT = Rng(2026)


class Study:
    """The models of one study, each trained when it is first asked for and kept in a folder."""

    def __init__(self, out: Path, epochs: int, innocent_epochs: int) -> None:
        self.kept, self.innocent_epochs = Kept(out), innocent_epochs
        recipe = Recipe(epochs=epochs, lr=5e-3, schedule="cosine", clip=1.0)
        fields = {"data": "captions-digits", "model": "attend-lstm", "recipe": recipe}
        self.task: Task = load_task(
            TaskSpec.model_validate(fields | {"arguments": {"width": 12, "hidden": 64}})
        )

    @property
    def exam(self) -> CaptionScore:
        """Return how captions are measured."""
        exam = self.task.exam()
        assert isinstance(exam, CaptionScore)
        return exam

    def twin(self, i: int) -> Model:
        """Return the unmarked twin of a victim."""
        rng = ROOT.child("victim", i)
        return unpack(self.kept.of(f"twin-{i}", lambda: pack(testing.trained(self.task, rng=rng))))

    def innocent(self, i: int) -> Model:
        """Return an independent model; every second one saw the other half of the data."""
        splits, rng = self.task.splits, ROOT.child("innocent", i)
        data = splits.other if i % 2 else splits.owner
        recipe = self.task.spec.recipe.but(epochs=self.innocent_epochs)

        def trained() -> Bundle:
            return pack(testing.trained(self.task, data, rng, recipe))

        return unpack(self.kept.of(f"innocent-{i}", trained))

    def victim(self, i: int, joins: Joins) -> Protected:
        """Return a victim and its key."""
        name, made = f"{joins}-{i}", dict[str, Protected]()

        def protected() -> Protected:
            if name not in made:
                owner = testing.owner_task(self.task, self.twin(i))
                owner = replace(owner, train_rng=ROOT.child("victim", i))
                scheme = IprIc(joins=joins, strength=STRENGTH)
                made[name] = scheme.protect(owner, ROOT.child("owner", joins, i))
            return made[name]

        model = unpack(self.kept.of(f"victim-{name}", lambda: pack(protected().model)))
        key = self.kept.of(f"key-{name}", lambda: protected().key.bundle())
        return Protected(model, Key.read(key))


def suspect(model: Model) -> Suspect:
    """Show a model to a verifier."""
    return Suspect.bare(model, Compute())


def scores(study: Study, model: Model) -> tuple[float, float]:
    """Return BLEU-4 and the share of exact captions on the test split."""
    exam = study.exam
    said = study.task.serve(model, exam.inputs)
    return exam.utility(said), exam.exact(said)


def untouched(study: Study, n: int) -> None:
    """Print what the owners' keys say of their own models, and what marks cost."""
    for i in range(n):
        plain = scores(study, study.twin(i))
        say(f"twin {i}: BLEU-4 {plain[0]:.3f}, exact {plain[1]:.3f}")
        for joins in WAYS:
            owner = study.victim(i, joins)
            kept = scores(study, owner.model)
            say(f"victim {i} ({joins}): BLEU-4 {kept[0]:.3f}, exact {kept[1]:.3f}")
            for name, model in (("itself", owner.model), ("its twin", study.twin(i))):
                found = IprIc().verify(owner.key, suspect(model), Rng(0))
                said = ", ".join(f"{part} {value:.3f}" for part, value in qualities(found.figures))
                say(f"  of {name}: BER {found.statistic:.3f}, p {found.p_value:.2g}, {said}")


def qualities(figures: object) -> Iterator[tuple[str, float]]:
    """Yield the BLEU-4 of the key's images with the owner's key and with forged ones."""
    assert isinstance(figures, dict)
    yield from ((name, figures[name]) for name in ("quality/true", "quality/forged"))


def accused(study: Study, n: int, n_innocents: int, n_keys: int) -> None:
    """Print how many innocents are accused, by victims' keys and by fresh ones."""
    models = [study.innocent(i) for i in range(n_innocents)]
    for i in range(n):
        for joins in WAYS:
            owner = study.victim(i, joins)
            found = [IprIc().verify(owner.key, suspect(model), Rng(0)) for model in models]
            caught = sum(verdict.is_copy for verdict in found)
            say(f"key {i} ({joins}): accuses {caught} of {n_innocents} innocents")
    secret = HiddenKey.of(study.victim(0, "multiply").key)
    states = [spelled(first_states(model, secret.images)) for model in models]
    wrong = 0
    for number in range(n_keys):
        bits = secret.expanded(f"fresh {number}").bits
        matches = [int((found == bits).sum()) for found in states]
        wrong += sum(binomial_tail(k, len(bits), 0.5) <= LEVEL for k in matches)
    say(f"{n_keys} fresh keys: {wrong} of {n_keys * n_innocents} accusations at {LEVEL}")


def thieves(study: Study, n: int, n_nulls: int) -> None:
    """Print what thieves who train nothing do, mean over victims."""
    nulls = [suspect(study.innocent(i)) for i in range(n_nulls)]
    readers = {"literal": IprIc(), "aligned": IprIc(verifier="aligned")}
    for name, move in MOVES.items():
        rows = []
        for i in range(n):
            owner = study.victim(i, "multiply")
            task = testing.owner_task(study.task, owner.model)
            key = sight(task, owner.model, owner.key.seed, 256).into(owner.key)
            matches = {"aligned": readers["aligned"].matches_of(key, nulls)}
            key = NullMatches(null_matches=matches).into(key)
            thief = testing.thief(study.task, owner.model, move.needs)
            model = move.run(thief.access, ROOT.child("thief", i)).model
            assert model is not None
            found = [reader.verify(key, suspect(model), Rng(0)) for reader in readers.values()]
            rows.append(
                [*scores(study, model), *(v.statistic for v in found), *(v.is_copy for v in found)]
            )
        means = [sum(column) / n for column in zip(*rows, strict=True)]
        say(
            f"{name}: BLEU-4 {means[0]:.3f}, exact {means[1]:.3f}, bit errors {means[2]:.3f} "
            f"literal, {means[3]:.3f} aligned; caught {means[4] * n:.0f}, {means[5] * n:.0f} of {n}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("part", choices=("victims", "innocents", "report", "thieves"))
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--victims", type=int, default=3)
    parser.add_argument("--innocents", type=int, default=20)
    parser.add_argument("--innocent-epochs", type=int, default=12)
    parser.add_argument("--keys", type=int, default=1000)
    given = parser.parse_args()
    study = Study(given.out, given.epochs, given.innocent_epochs)
    heading(f"captioners: {given.part}", given.victims)
    if given.part == "victims":
        for i in range(given.victims):
            for joins in WAYS:
                study.victim(i, joins)
    elif given.part == "innocents":
        for i in range(given.innocents):
            study.innocent(i)
    elif given.part == "report":
        untouched(study, given.victims)
        accused(study, given.victims, given.innocents, given.keys)
    else:
        thieves(study, given.victims, min(6, given.innocents))


if __name__ == "__main__":
    main()
