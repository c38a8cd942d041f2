"""Checks of a defence: what it releases, and what it says of copies, innocents and strangers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import torch

from arena.errors import BudgetExceeded
from arena.game.checks.check import Check, said, too_long
from arena.game.checks.defense_trial import DefenseTrial
from arena.game.checks.fixtures import ROOT
from arena.game.checks.player import PLAYER_CHECKS
from arena.game.court.verdict import Verdict
from arena.game.rules.keys import Key
from arena.game.serving.wrapper import pack_wrappers, unpack_wrappers
from arena.game.sides.defense import Defense, Protected
from arena.world.bundle import Bundle
from arena.world.kinds.interface import level

MOST_FIDELITY_LOSS = 0.10
MOST_ASKED = 800
"""Of the other half, how much an interface is asked about; of texts, a sixteenth."""
N_STREAMS = 3
"""Random streams with which the same suspect is verified."""


def declares_what_it_reads(trial: DefenseTrial) -> Iterator[str]:
    """A defence declares what its verification must see of a suspect."""
    if not any("reads" in vars(base) for base in trial.cls.__mro__ if base is not Defense):
        yield 'expected the class attribute reads = "labels" (or more), found none'


def protects(trial: DefenseTrial) -> Iterator[str]:
    """With a generous budget, `protect` returns a model and a key."""
    error = trial.first.error
    if isinstance(error, BudgetExceeded):
        yield too_long(error)
    elif error is not None:
        yield f"expected protect to return, it raised {said(error)}"
    elif trial.protected is None:
        found = type(trial.first.protected).__name__
        yield f"expected Protected from protect, found {found}; return Protected(model, key)"


def releases_a_model_of_the_task(trial: DefenseTrial) -> Iterator[str]:
    """The released model has the classes and the input of the task, and finite weights."""
    if trial.protected is None:
        return
    card, wanted = trial.protected.model.card, trial.stage.task.card
    problem = trial.stage.task.kind.mismatch(card, wanted)
    if problem:
        yield problem
    for name, tensor in trial.protected.model.state_dict().items():
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
            yield f"expected finite weights, found NaN or infinity in {name}"


def is_as_invasive_as_it_says(trial: DefenseTrial) -> Iterator[str]:
    """A fingerprint releases the model unchanged; a watermark does not."""
    if trial.protected is None:
        return
    changed = trial.protected.model.digest() != trial.stage.victim().digest()
    if changed and not trial.cls.invasive:
        yield "expected the model unchanged where invasive = False, found other weights"
    if not changed and trial.cls.invasive:
        yield "expected a marked model, found the base model unchanged; declare invasive = False"


def keeps_the_model_useful(trial: DefenseTrial) -> Iterator[str]:
    """Protection costs less than 10 points of accuracy."""
    if trial.protected is None or list(releases_a_model_of_the_task(trial)):
        return
    utility = trial.stage.utility(trial.protected.model, trial.protected.serving)
    base = trial.stage.utility(trial.stage.victim())
    if base - utility >= MOST_FIDELITY_LOSS:
        loss = f"{base - utility:.2f} of {base:.2f}"
        yield f"expected a loss of accuracy below {MOST_FIDELITY_LOSS:.2f}, found {loss}"


def leaves_its_world_alone(trial: DefenseTrial) -> Iterator[str]:
    """The owner's data and its base model are the same before and after `protect`."""
    if trial.first.world_touched:
        yield "expected data and base model unchanged, found them written to; work on copies"


def draws_from_its_rng_alone(trial: DefenseTrial) -> Iterator[str]:
    """No global random generator is used or seeded."""
    watches = [trial.first.watch]
    if trial.protected is not None:
        watches += [trial.hear(name).watch for name in trial.suspects]
    if any(watch.drew for watch in watches):
        yield "expected the global random generators untouched, found draws; draw from rng alone"


def protects_the_same_again(trial: DefenseTrial) -> Iterator[str]:
    """The same task with the same rng gives the same model and the same key."""
    one, two = trial.protected, trial.again.protected
    if one is None:
        return
    if not isinstance(two, Protected) or one.model.digest() != two.model.digest():
        yield "expected the same model from the same rng, found another; draw from rng alone"
    elif one.key.commitment() != two.key.commitment():
        yield "expected the same key from the same rng, found another; draw from rng alone"
    elif pack_wrappers(one.serving).digest() != pack_wrappers(two.serving).digest():
        yield "expected the same wrappers from the same rng, found others; draw from rng alone"


def serves_on_from_what_it_wrote_down(trial: DefenseTrial) -> Iterator[str]:
    """Wrappers keep what they know of a client in the client, and nothing in themselves."""
    if trial.protected is None or not trial.protected.serving:
        return
    task = trial.stage.task
    asked = task.kind.questions(task.splits.other, task.card, ROOT.child("questions"))
    images = asked[: MOST_ASKED // 16 if task.kind.writes else MOST_ASKED]
    whole = trial.stage.service(trial.protected)
    expected = [whole.answer(part) for part in images.chunk(2)][1]
    first = trial.stage.service(trial.protected)
    first.answer(images.chunk(2)[0])
    travelled = Bundle.from_bytes(pack_wrappers(trial.protected.serving).to_bytes())
    again = replace(trial.protected, serving=unpack_wrappers(travelled))
    state = Bundle.from_bytes(first.bundle().to_bytes())
    found = trial.stage.service(again, state).answer(images.chunk(2)[1])
    if not torch.equal(expected, found):
        yield (
            "expected wrappers that were written down and read back to answer a client as before, "
            "found other answers; keep what they know in client.numbers and client.tensors"
        )


def returns_verdicts(trial: DefenseTrial) -> Iterator[str]:
    """`verify` returns a Verdict with a p-value in [0, 1], and is_copy follows from it."""
    if trial.protected is None:
        return
    for name in trial.suspects:
        heard = trial.hear(name)
        verdict = heard.verdict
        if heard.error is not None:
            yield f"expected a Verdict on {name}, verify raised {said(heard.error)}"
        elif not isinstance(verdict, Verdict):
            yield f"expected a Verdict on {name}, found {type(verdict).__name__}"
        elif not 0 <= verdict.p_value <= 1:
            yield f"expected a p-value in [0, 1] on {name}, found {verdict.p_value}"
        elif verdict.is_copy != (verdict.p_value <= trial.scheme.level):
            yield (
                f"expected is_copy to follow from p <= {trial.scheme.level}, found "
                f"{verdict.is_copy} at p = {verdict.p_value:.2g} on {name}"
            )


def names_its_statistic(trial: DefenseTrial) -> Iterator[str]:
    """`statistic` says what is measured and on which side copies lie, and verdicts say the same."""
    if trial.protected is None or trial.cls.control:
        return
    if not trial.cls.statistic[0]:
        yield 'expected the class attribute statistic = ("BER", "low") or the like, found none'
        return
    verdict = trial.hear(trial.own).verdict
    if isinstance(verdict, Verdict) and (verdict.name, verdict.copies) != trial.cls.statistic:
        found = (verdict.name, verdict.copies)
        yield f"expected verdicts on {trial.cls.statistic}, found {found}"


def agrees_with_its_threshold(trial: DefenseTrial) -> Iterator[str]:
    """A suspect whose statistic is beyond the threshold is a copy, and one short of it is none."""
    if trial.protected is None or trial.cls.control:
        return
    for name in trial.suspects:
        verdict = trial.hear(name).verdict
        if not isinstance(verdict, Verdict) or verdict.statistic == verdict.threshold:
            continue
        beyond = (verdict.statistic > verdict.threshold) == (verdict.copies == "high")
        if beyond != verdict.is_copy:
            yield (
                f"expected the verdict to turn at the threshold, found is_copy = {verdict.is_copy} "
                f"at {verdict.statistic:.2f} with the threshold {verdict.threshold:.2f} on {name}"
            )


def recognises_its_own_model(trial: DefenseTrial) -> Iterator[str]:
    """What carries the mark is called a copy, with no more read than `reads` declares.

    The released model itself; where the mark lives in answers (the scheme reads the log of its
    interface), a model that learnt what that interface answered.
    """
    if trial.protected is None or trial.cls.control:
        return
    verdict = trial.hear(trial.own).verdict
    if isinstance(verdict, Verdict) and not verdict.is_copy:
        yield f"expected {trial.own} to be called a copy, found: {verdict.reason}"


def spares_the_innocent(trial: DefenseTrial) -> Iterator[str]:
    """Independent models that are innocent of what the scheme accuses are not called copies."""
    if trial.protected is None:
        return
    for name in list(trial.suspects)[1:]:
        verdict = trial.hear(name).verdict
        if isinstance(verdict, Verdict) and verdict.is_copy:
            yield f"expected {name} not to be called a copy, found: {verdict.reason}"


def says_the_same_again(trial: DefenseTrial) -> Iterator[str]:
    """The same suspect with the same rng gets the same verdict."""
    if trial.protected is None:
        return
    for name in trial.suspects:
        again = trial.hear_again(name, trial.key)
        if again.outcome != trial.hear(name).outcome:
            yield f"expected the same verdict on {name} from the same rng, found another"
            return


def judges_by_the_suspect(trial: DefenseTrial) -> Iterator[str]:
    """is_copy does not turn with the rng: a verdict depends on the key and the suspect."""
    if trial.protected is None:
        return
    for name in trial.suspects:
        verdicts = [trial.hear(name, stream).verdict for stream in range(N_STREAMS)]
        called = {verdict.is_copy for verdict in verdicts if isinstance(verdict, Verdict)}
        if len(called) > 1:
            yield f"expected one verdict on {name} whatever the rng, found both"
            return


def looks_at_the_suspect(trial: DefenseTrial) -> Iterator[str]:
    """Different suspects get different statistics."""
    if trial.protected is None or trial.cls.control:
        return
    verdicts = [trial.hear(name).verdict for name in trial.suspects]
    found = {verdict.statistic for verdict in verdicts if isinstance(verdict, Verdict)}
    if len(found) == 1:
        yield (
            f"expected statistics that differ between {len(trial.suspects)} suspects, found "
            f"{found.pop():g} for all; read the suspect"
        )


def endures_strange_suspects(trial: DefenseTrial) -> Iterator[str]:
    """A suspect that the key cannot read is "not verified", and nothing is raised."""
    if trial.protected is None:
        return
    heard = {name: trial.hear(name) for name in trial.stage.strangers()}
    if level(trial.cls.reads) > level("labels"):
        heard[f"{trial.own} behind labels alone"] = trial.hear(trial.own, 0, "labels")
    for name, hearing in heard.items():
        if hearing.error is not None:
            yield f"expected a Verdict on {name}, verify raised {said(hearing.error)}"
        elif not isinstance(hearing.verdict, Verdict):
            yield f"expected a Verdict on {name}, found {type(hearing.verdict).__name__}"


def leaves_the_suspect_alone(trial: DefenseTrial) -> Iterator[str]:
    """The suspect is the same before and after `verify`."""
    if trial.protected is None:
        return
    if any(trial.hear(name).suspect_touched for name in trial.suspects):
        yield "expected the suspect unchanged by verify, found others; use suspect.model()"


def keeps_a_key_that_travels(trial: DefenseTrial) -> Iterator[str]:
    """A key that was written and read back has the same commitment and gives the same verdict."""
    if trial.protected is None:
        return
    again = Key.read(Bundle.from_bytes(trial.key.bundle().to_bytes()))
    if again.commitment() != trial.protected.key.commitment():
        yield "expected the same commitment from the key as it was read back, found another"
    elif trial.hear_again(trial.own, again).outcome != trial.hear(trial.own).outcome:
        yield "expected the same verdict with the key as it was read back, found another"


def rederives_its_key(trial: DefenseTrial) -> Iterator[str]:
    """A key that its seed expands to is the key that was committed."""
    if trial.protected is None or not trial.protected.key.seed:
        return
    again = trial.scheme.rederive(trial.protected.key)
    if again is not None and again.commitment() != trial.protected.key.commitment():
        yield "expected rederive to return the committed key, found another"


DEFENSE_CHECKS: tuple[Check[DefenseTrial], ...] = (
    *PLAYER_CHECKS,
    Check(declares_what_it_reads),
    Check(protects),
    Check(releases_a_model_of_the_task),
    Check(is_as_invasive_as_it_says),
    Check(keeps_the_model_useful),
    Check(leaves_its_world_alone),
    Check(draws_from_its_rng_alone),
    Check(protects_the_same_again),
    Check(serves_on_from_what_it_wrote_down),
    Check(returns_verdicts),
    Check(names_its_statistic),
    Check(agrees_with_its_threshold),
    Check(recognises_its_own_model),
    Check(spares_the_innocent),
    Check(says_the_same_again),
    Check(judges_by_the_suspect),
    Check(looks_at_the_suspect),
    Check(endures_strange_suspects),
    Check(leaves_the_suspect_alone),
    Check(keeps_a_key_that_travels),
    Check(rederives_its_key),
)
