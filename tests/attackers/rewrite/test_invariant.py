"""Invariant transforms: other weights, the same function, and literal readers at chance."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from arena import testing
from arena.game.rules.threat import preset
from arena.game.sides.as_owner import answered, posed
from arena.game.sides.defense import Defense, Protected
from arena.game.sides.suspect import Suspect
from arena.world.graph import LayerGraph
from arena.world.models import Model, build
from arena.world.rng import Rng
from arena.world.task import Task
from attackers.rewrite.invariant import AllThree, Flip, Invariant, Scale, Shuffle, factors, signs
from defenders.weights.greedy import Greedy
from defenders.weights.uchida import Uchida
from tests.attackers.conftest import COMPUTE, Thief

GRANTS = preset("weights_only_nodata")
FAMILY: list[Invariant] = [Shuffle(), Scale(), Flip(), AllThree()]
MARKS: list[Defense] = [Uchida(strength=2.0), Greedy()]
Marked = dict[str, Protected]


def difference(task: Task, one: Model, two: Model) -> float:
    images = task.splits.test.images
    gap = COMPUTE.logits(one.copy(), images) - COMPUTE.logits(two.copy(), images)
    return float(gap.abs().max())


@pytest.mark.parametrize("attack", FAMILY, ids=repr)
def test_the_weights_change_and_the_function_does_not(
    thief: Thief, task: Task, attack: Invariant
) -> None:
    world = thief(GRANTS)
    model = world.play(attack)
    before, after = world.victim.state_dict(), model.state_dict()
    moved = [name for name in before if not torch.allclose(before[name], after[name])]
    assert any("conv" in name for name in moved)
    assert difference(task, world.victim, model) < 1e-4


@pytest.mark.parametrize("architecture", ["resnet8", "resnet20", "lenet5", "mlp"])
def test_it_holds_for_other_architectures(task: Task, architecture: str) -> None:
    model = build(task.card_for(architecture), Rng(0))
    for attack in FAMILY:
        assert difference(task, model, attack.rewritten(model.copy(), Rng(1))) < 1e-4


def test_what_does_not_undo_a_sign_keeps_it(task: Task) -> None:
    """ReLU without a normalisation: flipping would change the function, so nothing is flipped."""
    model = build(task.card_for("lenet5"), Rng(0))
    groups = [group for group in LayerGraph.of(model).groups if group.may_flip]
    same = Flip().rewritten(model.copy(), Rng(1)).digest() == model.digest()
    assert same is (not groups)


@pytest.mark.parametrize("attack", FAMILY, ids=repr)
def test_it_costs_nothing(thief: Thief, trained: Model, attack: Invariant) -> None:
    world = thief(GRANTS)
    world.play(attack)
    spent = world.gate.meters.reading().plain()
    assert {meter for meter, value in spent.items() if value} <= {"wall_s"}
    assert world.victim.digest() == trained.digest()


def test_the_rng_decides(thief: Thief) -> None:
    one, again, other = (thief(GRANTS).play(AllThree(), seed) for seed in (1, 1, 2))
    assert one.digest() == again.digest() != other.digest()


@pytest.fixture(scope="module")
def marked(task: Task, _trained: Model) -> Marked:
    """The victim, fine-tuned with a mark of each scheme."""
    world, found = testing.thief(task, _trained.copy(), preset("whitebox_third")), {}
    recipe = world.task.spec.recipe.but(epochs=30)
    for scheme in MARKS:
        data = answered(world.access, world.victim, Rng(0))
        owner = posed(world.access, world.victim.copy(), data, recipe, Rng(1))
        found[scheme.name] = scheme.protect(owner, Rng(2))
    return found


@pytest.mark.slow
@pytest.mark.parametrize("attack", FAMILY, ids=repr)
@pytest.mark.parametrize("scheme", MARKS, ids=repr)
def test_literal_reading_falls_to_chance_but_for_scales(
    marked: Marked, scheme: Defense, attack: Invariant
) -> None:
    """Shuffling and flipping break both marks, scaling hardly does."""
    protected = marked[scheme.name]

    def error(model: Model) -> float:
        return scheme.verify(protected.key, Suspect.bare(model, COMPUTE), Rng(0)).statistic

    assert error(protected.model) <= 0.05
    errors = [error(attack.rewritten(protected.model.copy(), Rng(i))) for i in range(4)]
    mean = sum(errors) / len(errors)
    assert mean < 0.2 if isinstance(attack, Scale) else 0.3 < mean < 0.7


def test_factors_are_log_uniform_within_the_spread(trained: Model) -> None:
    group = LayerGraph.of(trained).groups[-1]
    drawn = torch.cat([factors(group, 5.0, Rng(i)) for i in range(50)])
    assert float(drawn.min()) >= 0.2
    assert float(drawn.max()) <= 5.0
    assert abs(float(drawn.log().mean())) < 0.1


def test_exactly_half_of_the_signs_are_reversed(trained: Model) -> None:
    """A surplus of one sign would leave as much of the mean filter, and Uchida's mark with it."""
    for group in LayerGraph.of(trained).groups:
        drawn = [signs(group, Rng(i)) for i in range(20)]
        assert all(abs(float(each.sum())) <= group.n_units % 2 for each in drawn)
        assert not all(torch.equal(each, drawn[0]) for each in drawn)


def test_a_spread_below_one_is_refused() -> None:
    with pytest.raises(ValueError, match=r"a spread of at least 1, found 0\.5"):
        Scale(spread=0.5)


def test_strength_turns_the_spread_where_there_is_one() -> None:
    assert (Scale().at(0).spread, AllThree().at(1).spread) == pytest.approx((1.5, 20.0))
    assert Shuffle().at(1) == Shuffle()
    assert replace(Flip(), spread=2.0).at(0).spread == 2.0
