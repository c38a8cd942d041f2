"""Forged passports: what each does for accuracy and bits, and how its claim ends."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from arena import testing
from arena.game.court.dispute import Ruling
from arena.game.court.verdict import Verdict
from arena.game.rules.keys import PUBLICATION, Key
from arena.game.rules.threat import preset
from arena.game.sides.defense import Protected, StandardOfProof
from arena.game.sides.deliverable import Claim, Deliverable
from arena.game.sides.gatekeeper import Gatekeeper
from arena.game.sides.lab import Lab
from arena.game.sides.suspect import Suspect
from arena.world.models import Model
from arena.world.rng import Rng
from arena.world.task import Task
from arena.world.training import Examples, Recipe, StepView
from attackers.claim.forge_passport import (
    CollectivePassport,
    Elsewhere,
    ForgePassport,
    IndividualPassport,
    RandomPassport,
    ReversedPassport,
    ReverseEngineered,
    StolenPassport,
    reversed_signs,
)
from attackers.claim.passport_blocks import Collective, Individual, Passported, Plain
from attackers.claim.passport_maths import bottleneck, solved
from defenders.passports.base import Passport
from defenders.passports.branch import private_branch, responses
from defenders.passports.scheme import PassportKey, response, squeezed
from defenders.passports.schemes import DeepIPR1, DeepIPR2, PassportAware
from tests.attackers.conftest import COMPUTE, Thief
from tests.statements import loss, loss_bound, right

pytestmark = pytest.mark.slow

LAB = Lab(COMPUTE)
RECIPE = Recipe(epochs=30)
GRANTS = preset("claimant_readonly").model_copy(update={"knows": frozenset({"scheme", "passport"})})
SCHEMES: dict[str, Passport] = {"v1": DeepIPR1(), "v2": DeepIPR2(), "pan": PassportAware()}
HIDDEN = ("v2", "pan")
"""Schemes whose passports, and so the signs of their scales, are not in the released model."""

RANDOM, REVERSED, STOLEN = RandomPassport(), ReversedPassport(), StolenPassport()
EACH, ALL = IndividualPassport(), CollectivePassport()
NOTHING = torch.zeros(0)
VIEW = StepView(nn.Identity(), 0, 1, NOTHING, NOTHING, NOTHING, 0)

POINTS = 0.03
"""The loss of accuracy within which a forged passport is as good as the owner's."""


@dataclass(frozen=True)
class Forgery:
    """A claim on a marked model, and what the published verification says of it.

    Attributes:
        lost: accuracy on the test split with the owner's passports less that with the forged ones.
        may_lose: the largest such loss that does not contradict a loss of 3 points.
        accuracy: that with the forged ones.
        dissimilarity: share of the owner's bits that the forged ones do not have.
        moved: mean squared distance from the owner's passports, the least of the layers.
    """

    claim: Claim
    verdict: Verdict
    gate: Gatekeeper
    accuracy: float
    lost: float
    may_lose: float
    dissimilarity: float
    moved: float


@dataclass
class Board:
    """Marked victims and what was forged against them; each is made once."""

    task: Task
    base: Model
    nulls: list[Model]
    _victims: dict[str, Protected] = field(default_factory=dict)
    _forged: dict[str, Forgery] = field(default_factory=dict)

    def victim(self, name: str) -> Protected:
        if name not in self._victims:
            owner = replace(testing.owner_task(self.task, self.base), recipe=RECIPE)
            self._victims[name] = SCHEMES[name].protect(owner, Rng(4))
        return self._victims[name]

    def forged(self, name: str, attack: ForgePassport) -> Forgery:
        changes: dict[str, Any] = {"scheme": SCHEMES[name].name, "commits": True}
        attack = replace(attack, **changes)
        if repr(attack) not in self._forged:
            self._forged[repr(attack)] = self._forge(name, attack)
        return self._forged[repr(attack)]

    def _forge(self, name: str, attack: ForgePassport) -> Forgery:
        scheme, victim = SCHEMES[name], self.victim(name)
        gate = replace(
            testing.gatekeeper(self.task, victim.model.copy(), GRANTS),
            exposed=scheme.exposed(victim.key),
            register=testing.committed(victim),
        )
        claim = attack.run(testing.access(self.task, gate), Rng(7)).claim
        assert claim is not None
        shown = Suspect.bare(victim.model.copy(), COMPUTE)
        forged, valid = (self._right(name, key) for key in (claim.key, victim.key))
        bits, tensors = victim.key.tensors["bits"], claim.key.tensors
        return Forgery(
            claim=claim,
            verdict=scheme.verify(claim.key, shown, Rng(0)),
            gate=gate,
            accuracy=float(forged.double().mean()),
            lost=loss(valid, forged),
            may_lose=loss_bound(POINTS, valid, forged),
            dissimilarity=float((tensors["bits"] != bits).double().mean()),
            moved=min(
                float((tensors[part] - own).square().mean())
                for part, own in victim.key.tensors.items()
                if part.startswith("passport/")
            ),
        )

    def _right(self, name: str, key: Key) -> Tensor:
        """Return which images that nobody trained on are classified rightly with its passports."""
        shown = Suspect.bare(self.victim(name).model.copy(), COMPUTE)
        secret, test = PassportKey.of(key), self.task.splits.test
        branch = private_branch(
            secret, shown, SCHEMES[name].affines(secret, responses(secret, shown))
        )
        return right(COMPUTE.labels(branch, test.images), test.labels)

    def ruling(self, attack: ForgePassport, protocol: StandardOfProof) -> Ruling:
        """Return how a dispute over the V2 victim ends under a standard of proof."""
        forgery, victim = self.forged("v2", attack), self.victim("v2")
        scheme = replace(SCHEMES["v2"], protocol=protocol)
        referee = testing.referee(self.task, victim, scheme, GRANTS, forgery.gate.register)
        judged = referee.judge(Deliverable(claim=forgery.claim), self.nulls, Rng(0))
        assert judged.ruling is not None
        return judged.ruling


def _trained(task: Task, data: Examples, recipe: Recipe, rng: Rng) -> Model:
    model = LAB.build(task.card, rng.child("initial"))
    LAB.train(model, data, recipe, rng.child("training"))
    return model


@pytest.fixture(scope="session")
def board(task: Task) -> Board:
    halves = [Examples.of(task.splits.owner)] * 3 + [Examples.of(task.splits.other)] * 3
    short = task.spec.recipe
    nulls = [_trained(task, half, short, Rng(100 + i)) for i, half in enumerate(halves)]
    return Board(task, _trained(task, halves[0], RECIPE, Rng(3)), nulls)


def test_passports_are_solved_for_any_scale_and_shift() -> None:
    conv = nn.Conv2d(4, 6, 3, padding=1, bias=False)
    draw = Rng(0).torch()
    wanted, start = torch.randn(2, 6, generator=draw), torch.rand(2, 4, 8, 8, generator=draw)
    found = response(solved(wanted, start, conv), conv)
    assert torch.allclose(found, wanted, atol=1e-4)


def test_a_bottleneck_turns_any_response_into_the_wanted_one() -> None:
    draw = Rng(1).torch()
    found, wanted = (torch.randn(2, 16, generator=draw) for _ in range(2))
    narrow, wide = bottleneck(found, wanted, (torch.zeros(4, 16), torch.zeros(16, 4)))
    assert torch.allclose(squeezed((narrow, wide), found), wanted, atol=1e-4)


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_a_share_of_the_signs_is_reversed(share: float) -> None:
    values = torch.randn(40, generator=Rng(2).torch())
    flipped = reversed_signs(values, share, Rng(3)) != torch.where(values > 0, 1.0, -1.0)
    assert int(flipped.sum()) == round(share * 40)


def test_accessories_start_as_a_normalisation_of_two_rows() -> None:
    norm, scale = nn.BatchNorm2d(16), torch.ones(16)
    for part in (
        Plain(norm, scale),
        Individual(norm, scale, Rng(0)),
        Collective(norm, scale, Rng(0)),
    ):
        assert part.affine().shape == (2, 16)
        assert part(torch.rand(3, 16, 4, 4)).shape == (3, 16, 4, 4)
        assert not any(p.requires_grad for p in norm.parameters())


@pytest.mark.parametrize("attack", [REVERSED, EACH, ALL], ids=repr)
def test_scales_start_at_one_save_where_signs_are_reversed(attack: ReverseEngineered) -> None:
    norm = nn.BatchNorm2d(16)
    start = attack.start(norm, Rng(0))
    assert int((start < 0).sum()) == (8 if attack is REVERSED else 0)
    assert bool((start.abs() == 1).all())


def test_moving_away_is_measured_from_the_stolen_passports_not_from_the_start() -> None:
    conv, stolen = nn.Conv2d(2, 4, 3, padding=1), torch.zeros(2, 2, 5, 5)
    part = Passported(nn.BatchNorm2d(4), conv, stolen + 0.5, None)
    signs = torch.where(part.found()[0] > 0, 1.0, -1.0).detach()
    hook = Elsewhere([part], [signs], [stolen])
    hook.start(nn.Identity(), Rng(0), "cpu")
    lack = 0.1 * torch.relu(0.1 - part.found()[0].abs()).sum()
    assert hook.loss(VIEW).item() == pytest.approx(lack.item() + 4.0)  # 1 / 0.5 ** 2


@pytest.mark.parametrize("name", SCHEMES)
def test_a_random_passport_has_its_signs_and_an_accuracy_near_chance(
    board: Board, name: str
) -> None:
    forgery = board.forged(name, RANDOM)
    assert forgery.accuracy <= 0.25
    assert forgery.verdict.statistic == 0
    assert not forgery.verdict.is_copy


def test_scale_and_shift_alone_do_clearly_worse_than_the_owners(board: Board) -> None:
    lost = [board.forged(name, REVERSED).lost for name in SCHEMES]
    assert sum(lost) / len(lost) > 0.02  # by how much is luck for a single scheme


@pytest.mark.parametrize("attack", [EACH, ALL], ids=repr)
@pytest.mark.parametrize("name", HIDDEN)
def test_blocks_forge_other_bits_within_three_points_of_the_owners(
    board: Board, name: str, attack: ForgePassport
) -> None:
    forgery = board.forged(name, attack)
    assert forgery.lost <= forgery.may_lose
    assert forgery.dissimilarity > 0.25
    assert forgery.verdict.statistic == 0
    assert forgery.verdict.is_copy
    spent = forgery.gate.meters.reading()
    assert spent.images_queried == 0
    assert spent.steps > 0


def test_where_the_weights_were_trained_with_the_signs_fewer_bits_come_out_others(
    board: Board,
) -> None:
    """On V1 the block for all channels stays within 3 points, but most signs become the owner's.

    Over three seeds 0.14, 0.19 and 0.28 of the bits were others: there "> 0.25" does not hold.
    """
    forgery = board.forged("v1", ALL)
    assert forgery.lost <= forgery.may_lose
    assert 0 < forgery.dissimilarity < 0.5
    assert forgery.verdict.is_copy


@pytest.mark.parametrize("name", SCHEMES)
def test_stolen_passports_are_moved_away_and_keep_accuracy_and_the_owners_signs(
    board: Board, name: str
) -> None:
    forgery = board.forged(name, STOLEN)
    assert forgery.lost <= forgery.may_lose
    assert forgery.moved > 0.1  # uniform passports have a variance of 1 / 3
    assert forgery.dissimilarity <= STOLEN.flips
    assert forgery.verdict.is_copy


@pytest.mark.parametrize("protocol", ["none", "timestamp", "nulls", "full"])
@pytest.mark.parametrize("attack", [RANDOM, REVERSED, EACH, ALL, STOLEN], ids=repr)
def test_a_working_passport_wins_unless_passports_are_dated(
    board: Board, attack: ForgePassport, protocol: StandardOfProof
) -> None:
    """The judge's own models do not help: there a forged passport reads like coins, as a true one.

    Nor does it help that fake-2 is clearly less accurate: on digits by less than the tolerance.
    """
    works, dated = attack is not RANDOM, protocol in ("timestamp", "full")
    ruling = board.ruling(attack, protocol)
    assert ruling.winner == ("claimant" if works and not dated else "owner")
    assert ("verification" in ruling.failed) is not works
    assert ("timestamp" in ruling.failed) is dated
    assert ("seeded" in ruling.failed) is (protocol == "full")


def test_a_claim_that_is_committed_comes_late_and_without_a_seed(board: Board) -> None:
    forgery = board.forged("v2", RANDOM)
    entry = forgery.gate.register.earliest(forgery.claim.key.commitment())
    assert entry is not None
    assert entry.time > PUBLICATION
    assert forgery.claim.key.seed == ""


def test_without_being_asked_nothing_is_committed(thief: Thief) -> None:
    world = thief(preset("claimant_readonly"))
    world.deliver(RandomPassport())
    assert world.gate.register.entries == ()
