"""Suspects, deliverables, the referee and disputes, with Uchida as the scheme."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch

from arena import testing
from arena.errors import InvalidDeliverable, NotComparable, PlayerError, RuleViolation
from arena.game.court.dispute import CHECKS, Court, Party, Ruling
from arena.game.court.referee import Referee
from arena.game.rules.keys import Key, Register
from arena.game.rules.threat import ThreatModel
from arena.game.serving.plain_wrappers import InputBlur, InputLevels, InputNoise, OutputLabels
from arena.game.serving.wrapper import Wrapper
from arena.game.sides.defense import Protected, StandardOfProof, defenses
from arena.game.sides.deliverable import Claim, Deliverable
from arena.game.sides.player import PlayerSpec
from arena.game.sides.suspect import Suspect
from arena.world.compute import Compute
from arena.world.kinds.interface import Output
from arena.world.models import Model, build
from arena.world.rng import Rng
from arena.world.task import Task
from arena.world.training import Recipe
from defenders.weights.scheme.uchida import project
from defenders.weights.uchida import Uchida

COMPUTE = Compute()


@pytest.fixture(scope="module")
def owner(task: Task) -> Protected:
    """A marked model and its key."""
    workshop = testing.owner_task(task, build(task.card, Rng(0)))
    return Uchida(strength=0.3).protect(replace(workshop, recipe=Recipe(epochs=4)), Rng(4))


@pytest.fixture(scope="module")
def strangers(task: Task) -> list[Model]:
    return [build(task.card, Rng(50 + i)) for i in range(24)]


def referee(task: Task, owner: Protected, scheme: Uchida | None = None) -> Referee:
    grants = ThreatModel(output="weights", deliverables=frozenset({"model", "api", "claim"}))
    return testing.referee(task, owner, scheme or Uchida(), grants)


def test_the_untouched_victim_is_recognised(task: Task, owner: Protected) -> None:
    found = referee(task, owner).judge(Deliverable(owner.model), [], Rng(0))
    assert found.verdict.is_copy
    assert found.verdict.p_value <= 1e-6
    assert (found.kept, found.agreement, found.payoff, found.removed) == (1.0, 1.0, 0.0, False)


def test_a_stranger_is_not(task: Task, owner: Protected, strangers: list[Model]) -> None:
    found = referee(task, owner).judge(Deliverable(strangers[0]), [], Rng(0))
    assert not found.verdict.is_copy
    assert found.payoff == found.kept < 0.3
    assert not found.removed  # it lost too much accuracy


def _nan(model: Model) -> Model:
    with torch.no_grad():
        model.get_parameter("body.fc1.weight")[0, 0] = math.nan
    return model


@pytest.mark.parametrize(
    ("spoil", "kind", "match"),
    [
        (lambda m, t: Deliverable(_nan(m)), InvalidDeliverable, "NaN or infinity in body.fc1"),
        (lambda m, t: Deliverable(), RuleViolation, "expected a deliverable of .*, found nothing"),
        (lambda m, t: m, PlayerError, "expected a Deliverable from the attack, found Model"),
        (
            lambda m, t: Deliverable(build(t.card.model_copy(update={"n_classes": 4}), Rng(0))),
            InvalidDeliverable,
            "expected a model of 10 classes, found 4",
        ),
        (
            lambda m, t: Deliverable(
                build(t.card.model_copy(update={"input_shape": (1, 12, 12)}), Rng(0))
            ),
            InvalidDeliverable,
            "expected a model of inputs",
        ),
    ],
)
def test_what_cannot_be_judged_is_refused(
    task: Task,
    owner: Protected,
    spoil: Callable[[Model, Task], Deliverable],
    kind: type[Exception],
    match: str,
) -> None:
    with pytest.raises(kind, match=match):
        referee(task, owner).judge(spoil(owner.model.copy(), task), [], Rng(0))


def test_only_what_is_granted_may_be_delivered(task: Task, owner: Protected) -> None:
    strict = replace(referee(task, owner), grants=ThreatModel(output="weights"))
    wrapped = Deliverable(owner.model, (InputNoise(),))
    with pytest.raises(RuleViolation, match="expected a deliverable of model, found api"):
        strict.admit(wrapped)


WRAPPERS = [InputNoise(deviation=0.2), InputLevels(levels=4), InputBlur(), OutputLabels()]


@pytest.mark.parametrize("wrapper", WRAPPERS, ids=lambda wrapper: wrapper.name)
def test_a_wrapped_interface_is_scored_wrapped(
    task: Task, owner: Protected, wrapper: Wrapper
) -> None:
    plain = Suspect.bare(owner.model, COMPUTE)
    wrapped = Suspect.of(Deliverable(owner.model, (wrapper,)), "weights", COMPUTE, Rng(0))
    images = task.splits.test.images
    assert not torch.equal(wrapped.probabilities(images), plain.probabilities(images))
    torch.testing.assert_close(wrapped.probabilities(images).sum(1), torch.ones(len(images)))


def test_a_deliverable_crosses_a_pipe(owner: Protected) -> None:
    claim = Claim(PlayerSpec(name="uchida"), owner.key, owner.model)
    whole = Deliverable(owner.model, (InputLevels(levels=3), OutputLabels()), claim)
    again = Deliverable.read(whole.bundle())
    assert again.kinds() == {"api", "claim"}
    assert again.serving == whole.serving
    assert again.model is not None
    assert again.model.digest() == owner.model.digest()
    assert again.claim is not None
    assert again.claim.key.commitment() == owner.key.commitment()
    assert again.claim.earlier is not None


@pytest.mark.parametrize(
    ("grants", "call"),
    [
        ("labels", lambda s, x: s.probabilities(x)),
        ("probabilities", lambda s, x: s.model()),
        ("labels", lambda s, x: s.weights("body.conv1")),
        ("nothing", lambda s, x: s.labels(x)),
    ],
)
def test_a_verifier_sees_no_more_than_it_is_granted(
    task: Task, owner: Protected, grants: Output, call: Callable[..., object]
) -> None:
    suspect = Suspect.bare(owner.model, COMPUTE, grants)
    with pytest.raises(RuleViolation, match="verification asks for"):
        call(suspect, task.splits.probe.images)


@pytest.mark.parametrize(
    "call",
    [
        lambda s: s.labels(torch.zeros(1, 3, 8, 8)),
        lambda s: s.weights("nope"),
        lambda s: s.weights("body.conv1", (1, 2, 3)),
        lambda s: s.activations("nope", torch.zeros(1, 1, 8, 8)),
    ],
)
def test_a_strange_suspect_is_not_comparable(owner: Protected, call: Callable[..., object]) -> None:
    with pytest.raises(NotComparable):
        call(Suspect.bare(owner.model, COMPUTE))


def test_a_suspect_is_read_in_float32_whatever_the_autocast(task: Task, owner: Protected) -> None:
    """What it answers, what is read inside it, and what a verifier holds beside it."""
    images, rough = task.splits.test.images[:20], Compute(precision="bfloat16")
    exact, shown = (Suspect.bare(owner.model, compute) for compute in (COMPUTE, rough))
    assert shown.compute == COMPUTE
    assert torch.equal(shown.probabilities(images), exact.probabilities(images))
    inside = [suspect.activations("body.relu1", images) for suspect in (exact, shown)]
    assert torch.equal(*inside)


def test_a_suspect_is_read_by_value(owner: Protected) -> None:
    before = owner.model.digest()
    suspect = Suspect.bare(owner.model, COMPUTE)
    with torch.no_grad():
        suspect.model().get_parameter("body.conv1.weight").zero_()
        suspect.weights("body.conv1").zero_()
    assert owner.model.digest() == before


def test_a_scheme_says_not_verified_instead_of_raising(task: Task, owner: Protected) -> None:
    other = build(task.card_for("mlp"), Rng(0))
    verdict = Uchida().verify(owner.key, Suspect.bare(other, COMPUTE), Rng(0))
    assert not verdict.is_copy
    assert verdict.reason.startswith("not verified: the suspect has no layer")


def test_a_verdict_without_a_probability_is_the_owners_fault(task: Task, owner: Protected) -> None:
    class Odd(Uchida):
        def examine(self, *_: object) -> object:  # type: ignore[override]
            return "guilty"

    with pytest.raises(PlayerError, match="expected a Verdict with a p-value"):
        referee(task, owner, Odd()).judge(Deliverable(owner.model), [], Rng(0))


def forged(owner: Protected, seed: str = "") -> Key:
    """Return a key whose every row is turned so that it reads wished-for bits."""
    matrix, bits = owner.key.tensors["matrix"], 1 - owner.key.tensors["bits"]
    draw = torch.randn(matrix.shape, generator=Rng(77).torch())
    weight = owner.model.get_parameter(f"{owner.key.settings['layer']}.weight").detach()
    found = project(draw.double(), weight.double()).sign()
    wanted = 2 * bits.double() - 1
    turned = (draw.double() * (found * wanted)[:, None]).float()
    return Key("uchida", seed, owner.key.settings, {"matrix": turned, "bits": bits})


def dispute(
    owner: Protected, claim: Key, protocol: StandardOfProof, strangers: list[Model], time: int
) -> Ruling:
    register = Register()
    if protocol != "none":
        register.enter("owner", owner.key.commitment(), 1, owner.model.digest())
        register.enter("thief", claim.commitment(), time, owner.model.digest())
    court = Court(
        suspect=Suspect.bare(owner.model, COMPUTE),
        register=register,
        nulls=[Suspect.bare(model, COMPUTE) for model in strangers],
        rng=Rng(0),
        checks=CHECKS[protocol],
    )
    scheme = defenses.make(PlayerSpec(name="uchida"))
    return court.rule(Party(scheme, owner.key, owner.model), Party(scheme, claim, owner.model))


@pytest.mark.parametrize(
    ("protocol", "time", "winner", "failed"),
    [
        ("none", 11, "claimant", ()),
        ("timestamp", 11, "owner", ("timestamp",)),
        ("timestamp", 5, "owner", ("order",)),
        ("timestamp", 0, "claimant", ()),
        ("seeded", 11, "owner", ("seeded",)),
        ("nulls", 11, "claimant", ()),
        ("bound", 0, "claimant", ()),
        ("full", 11, "owner", ("seeded", "timestamp")),
        ("full", 0, "owner", ("seeded",)),
    ],
)
def test_a_key_forged_after_the_fact_wins_only_where_nothing_dates_or_derives_it(
    owner: Protected,
    strangers: list[Model],
    protocol: StandardOfProof,
    time: int,
    winner: str,
    failed: tuple[str, ...],
) -> None:
    ruling = dispute(owner, forged(owner), protocol, strangers, time)
    assert (ruling.winner, ruling.failed) == (winner, failed)
    assert ruling.reasons
    assert ruling.claim_p_value <= 1e-6


def test_a_claim_that_does_not_verify_is_sent_away(
    owner: Protected, strangers: list[Model]
) -> None:
    tensors = {**owner.key.tensors, "bits": 1 - owner.key.tensors["bits"]}
    wrong = Key("uchida", "", owner.key.settings, tensors)
    ruling = dispute(owner, wrong, "none", strangers, 11)
    assert (ruling.winner, ruling.failed) == ("owner", ("verification",))
    assert "the claimed key does not verify" in ruling.reasons[0]


def test_a_malformed_key_loses_instead_of_breaking_the_court(
    owner: Protected, strangers: list[Model]
) -> None:
    for key in (Key("uchida"), Key("uchida", "", owner.key.settings, {"matrix": torch.zeros(1)})):
        ruling = dispute(owner, key, "none", strangers, 11)
        assert (ruling.winner, ruling.failed) == ("owner", ("form",))
        assert "the claimed key cannot be read" in ruling.reasons[0]


def test_a_seed_that_expands_to_something_else_is_found(
    owner: Protected, strangers: list[Model]
) -> None:
    ruling = dispute(owner, forged(owner, seed="ab" * 32), "seeded", strangers, 11)
    assert ruling.reasons == ("the claimed key is not what its seed expands to",)


def test_a_commitment_must_be_bound_to_a_model_that_can_be_shown(
    owner: Protected, strangers: list[Model]
) -> None:
    claim = forged(owner)
    register = Register()
    register.enter("thief", claim.commitment(), 0)
    court = Court(Suspect.bare(owner.model, COMPUTE), register, [], Rng(0), CHECKS["bound"])
    scheme = Uchida()
    ruling = court.rule(Party(scheme, owner.key), Party(scheme, claim))
    assert ruling.reasons == ("the commitment is not bound to a model that the claimant had then",)


def test_the_referee_sends_a_claim_to_court(task: Task, owner: Protected) -> None:
    claim = Claim(PlayerSpec(name="uchida"), forged(owner))
    lenient = referee(task, owner, Uchida(protocol="none"))
    won = lenient.judge(Deliverable(claim=claim), [], Rng(0))
    assert won.ruling is not None
    assert (won.payoff, won.ruling.winner) == (1.0, "claimant")
    lost = referee(task, owner).judge(Deliverable(claim=claim), [], Rng(0))
    assert lost.ruling is not None
    assert (lost.payoff, lost.ruling.winner) == (0.0, "owner")
