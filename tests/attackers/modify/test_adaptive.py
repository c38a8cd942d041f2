"""Adaptive attacks: what they learn from exposed tests, and what the held-out ones still show."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
import torch
from torch import Tensor

from arena.errors import NotComparable, RuleViolation
from arena.game.rules.threat import ThreatModel
from arena.game.sides.lab import Lab
from arena.world.bundle import Bundle
from arena.world.models import Model
from arena.world.rng import Rng
from arena.world.training import Examples
from arena.world.training.adversarial import Pgd
from attackers.modify.adaptive import AdaptBlackbox, AdaptWhitebox, Mixed, exposed_tests
from attackers.modify.adversarial import attacked
from defenders.deepjudge.scheme.metrics import neurons
from tests.attackers.conftest import COMPUTE, Thief, World

pytestmark = pytest.mark.long

KNOWING = ThreatModel(output="weights", data=1, data_labels=True, knows=frozenset({"tests"}))
LAYER = "body.conv2"


@dataclass
class Exposure:
    """A thief's world with tests of both kinds, half of which are exposed."""

    world: World
    exposed: Examples
    held_out: Examples

    def robustness(self, model: Model, tests: Examples) -> float:
        return Lab().accuracy(model, tests)

    def movement(self, model: Model, tests: Examples) -> float:
        """Return how far the tested layer's neurons moved, in multiples of their mean output."""
        before, after = (self.outputs(m, tests) for m in (self.world.victim.copy(), model))
        return float((after - before).abs().mean() / before.abs().mean())

    def outputs(self, model: Model, tests: Examples) -> Tensor:
        return neurons(COMPUTE.activations(model, tests.images, [LAYER])[LAYER])


@pytest.fixture
def tested(thief: Thief) -> Exposure:
    world = thief(KNOWING)
    seeds = Examples.of(world.task.splits.probe)
    pgd = Pgd(eps=0.15, step=0.02, n_steps=15)
    tests = attacked(Lab(), world.victim.copy(), seeds, pgd, Rng(0))
    exposed, held_out = tests.select(torch.arange(90)), tests.select(torch.arange(90, 180))
    kinds = {"blackbox": exposed, "whitebox": exposed}
    tensors = {f"{kind}_images": e.images for kind, e in kinds.items()}
    tensors |= {f"{kind}_labels": e.targets for kind, e in kinds.items()}
    world.gate.exposed = Bundle({"layer": LAYER}, tensors)
    return Exposure(world, exposed, held_out)


def test_exposed_tests_are_dodged_and_held_out_ones_less(tested: Exposure) -> None:
    """Adapt-B removes what the exposed tests measure: their accuracy, by tests seen and unseen."""
    victim = tested.world.victim.copy()
    copy = tested.world.play(AdaptBlackbox())
    gain = {
        name: tested.robustness(copy, tests) - tested.robustness(victim, tests)
        for name, tests in (("exposed", tested.exposed), ("held out", tested.held_out))
    }
    assert gain["exposed"] > 0.3
    assert gain["exposed"] >= gain["held out"]
    assert tested.world.accuracy(copy) > 0.85


def test_hidden_outputs_on_exposed_tests_move_further_than_by_fine_tuning(tested: Exposure) -> None:
    pushed = tested.world.play(AdaptWhitebox())
    mild = tested.world.play(AdaptWhitebox(weight=0.0))
    assert tested.movement(pushed, tested.exposed) > 1.5 * tested.movement(mild, tested.exposed)
    assert tested.world.accuracy(pushed) > 0.85


def test_the_push_ends_at_the_wanted_distance(tested: Exposure) -> None:
    near, far = (
        tested.world.play(AdaptWhitebox(distance=distance, weight=5.0)) for distance in (0.2, 2.0)
    )
    assert tested.movement(near, tested.exposed) < tested.movement(far, tested.exposed)


@pytest.mark.parametrize("attack", [AdaptBlackbox(epochs=1), AdaptWhitebox(epochs=1)])
def test_tests_are_about_a_tenth_of_each_batch(tested: Exposure, attack: AdaptBlackbox) -> None:
    tested.world.play(attack)
    n = len(tested.world.task.splits.thief)
    steps = -(-n // 64)
    assert attack.n_each == 8
    assert tested.world.spent("images_backward") == n + 8 * steps


@pytest.mark.parametrize(("share", "n"), [(0.5, 64), (0.01, 1), (0.2, 16)])
def test_the_share_is_that_of_the_whole_batch(share: float, n: int) -> None:
    assert replace(AdaptBlackbox(), share=share).n_each == n


@pytest.mark.parametrize("share", [0, 1, -0.1])
def test_a_share_lies_between_nothing_and_all(share: float) -> None:
    with pytest.raises(ValueError, match="expected a share of tests between 0 and 1"):
        AdaptBlackbox(share=share)


@pytest.mark.parametrize("attack", [AdaptBlackbox(), AdaptWhitebox()])
def test_tests_that_were_not_exposed_are_not_known(thief: Thief, attack: AdaptBlackbox) -> None:
    blind = KNOWING.model_copy(update={"knows": frozenset()})
    assert blind.missing(attack.needs) == ["knowledge of 'tests'"]
    with pytest.raises(RuleViolation, match="exposes nothing of the owner's key"):
        thief(blind).play(attack)


@pytest.mark.parametrize("attack", [AdaptBlackbox(), AdaptWhitebox()])
def test_a_scheme_without_tests_of_the_kind_is_named(thief: Thief, attack: AdaptBlackbox) -> None:
    with pytest.raises(NotComparable, match=r"expected exposed .* tests, found none"):
        thief(KNOWING).play(attack)


def test_exposed_tests_come_with_what_is_said_of_them(tested: Exposure) -> None:
    tests, layer = exposed_tests(tested.world.access, "whitebox")
    assert torch.equal(tests.images, tested.exposed.images)
    assert layer == LAYER


def test_a_neuron_of_a_sequence_is_its_mean_over_the_sequence() -> None:
    """Attackers and defenders share one definition: a place of a sequence is no neuron."""
    output = torch.arange(30.0).reshape(2, 5, 3)  # (T, S, N)
    assert torch.equal(neurons(output), output.mean(1))


def test_a_channels_neuron_is_its_mean() -> None:
    output = torch.arange(24.0).reshape(2, 3, 2, 2)
    assert torch.equal(neurons(output), output.mean((2, 3)))
    assert torch.equal(neurons(output[:, :, 0, 0]), output[:, :, 0, 0])


def test_mixed_tests_are_drawn_from_the_stream() -> None:
    tests = Examples(torch.arange(20.0)[:, None], torch.arange(20))
    drawn = []
    for seed in (1, 1, 2):
        hook = Mixed(tests, 6)
        hook.start(torch.nn.Identity(), Rng(seed), "cpu")
        drawn.append(torch.stack([hook.examples(step).targets for step in range(3)]))
    assert torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], drawn[2])
    assert not torch.equal(drawn[0][0], drawn[0][1])
