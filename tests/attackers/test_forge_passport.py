"""Forged passports: what each does for accuracy and bits, and how its claim ends."""

from __future__ import annotations

import pytest
import torch

from arena.game.suspect import Suspect
from arena.game.threat import preset
from arena.game.verdict import Verdict
from arena.world.rng import Rng
from attackers.accessory import Collective, Individual, Plain
from attackers.forge_passport import (
    CollectivePassport,
    ForgePassport,
    IndividualPassport,
    RandomPassport,
    ReversedPassport,
    reversed_signs,
)
from attackers.passports import bottleneck, response, solved, through
from defenders.passport import DeepIPR2
from tests.attackers.conftest import COMPUTE, Thief, World

GRANTS = preset("claimant_readonly")


def claimed(world: World, attack: ForgePassport) -> Verdict:
    """The published verification of the forged key, on the victim as it is."""
    claim = world.deliver(attack).claim
    assert claim is not None
    assert claim.key.seed == ""
    return DeepIPR2().verify(claim.key, Suspect.plain(world.victim.copy(), COMPUTE), Rng(0))


def lost(verdict: Verdict) -> float:
    """The accuracy, on the victim's own answers, that a passport costs."""
    figures = verdict.figures
    return float(figures["public_accuracy"]) - float(figures["private_accuracy"])


def test_passports_are_solved_for_any_scale_and_shift() -> None:
    conv = torch.nn.Conv2d(4, 6, 3, padding=1, bias=False)
    draw = Rng(0).torch()
    wanted, start = torch.randn(2, 6, generator=draw), torch.rand(2, 4, 8, 8, generator=draw)
    found = response(solved(wanted, start, conv), conv)
    assert torch.allclose(found, wanted, atol=1e-4)


def test_a_bottleneck_turns_any_response_into_the_wanted_one() -> None:
    draw = Rng(1).torch()
    found, wanted = (torch.randn(2, 16, generator=draw) for _ in range(2))
    narrow, wide = bottleneck(found, wanted, (torch.zeros(4, 16), torch.zeros(16, 4)))
    assert torch.allclose(through((narrow, wide), found), wanted, atol=1e-4)


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_a_share_of_the_signs_is_reversed(share: float) -> None:
    values = torch.randn(40, generator=Rng(2).torch())
    flipped = reversed_signs(values, share, Rng(3)) != torch.where(values > 0, 1.0, -1.0)
    assert int(flipped.sum()) == round(share * 40)


def test_accessories_start_as_a_normalisation_of_two_rows() -> None:
    norm, scale = torch.nn.BatchNorm2d(16), torch.ones(16)
    for part in (
        Plain(norm, scale),
        Individual(norm, scale, Rng(0)),
        Collective(norm, scale, Rng(0)),
    ):
        assert part.affine().shape == (2, 16)
        assert part(torch.rand(3, 16, 4, 4)).shape == (3, 16, 4, 4)
        assert not any(p.requires_grad for p in norm.parameters())


def test_a_random_passport_has_its_signs_and_no_function(thief: Thief) -> None:
    verdict = claimed(thief(GRANTS), RandomPassport())
    assert verdict.statistic == 0
    assert not verdict.is_copy
    assert float(verdict.figures["private_accuracy"]) < 0.5


def test_a_block_for_each_channel_does_what_the_victim_does_without_the_owner(
    thief: Thief,
) -> None:
    world = thief(GRANTS)
    verdict = claimed(world, IndividualPassport())
    assert verdict.statistic == 0
    assert verdict.is_copy
    assert lost(verdict) <= 0.03
    assert world.spent("images_queried") == 0
    assert world.spent("steps") > 0


def test_one_block_for_all_channels_loses_less_than_scale_and_shift_alone(thief: Thief) -> None:
    # On channels as few as here (a block of 2 to 4 units) it does not come within 3 points.
    plain, block = (
        lost(claimed(thief(GRANTS), attack))
        for attack in (ReversedPassport(), CollectivePassport())
    )
    assert plain > 0.05
    assert block < plain - 0.03


def test_a_claim_is_committed_only_where_asked(thief: Thief) -> None:
    world = thief(GRANTS)
    world.deliver(RandomPassport())
    assert world.gate.register.entries == ()
    world.deliver(RandomPassport(commits=True))
    assert len(world.gate.register.entries) == 1
