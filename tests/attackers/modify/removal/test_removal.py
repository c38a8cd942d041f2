"""WRK, RemovalNet and Neural Cleanse: what they search, what they teach, what it costs."""

from __future__ import annotations

import statistics
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from hypothesis import assume, given
from hypothesis import strategies as st
from torch import Tensor, nn

from arena.errors import BudgetExceeded, PlayerError
from arena.game.rules.meters import Meters
from arena.game.rules.threat import Budget, preset
from arena.game.sides.lab import Lab
from arena.world import layers
from arena.world.models import Model, build
from arena.world.rng import Rng
from arena.world.training import Examples, Free
from attackers.modify.removal.boundary import WRK, relabelled
from attackers.modify.removal.neural_cleanse import NeuralCleanse
from attackers.modify.removal.removalnet import Push, Removal, RemovalNet, mixed_away, replaced
from attackers.modify.removal.reversal import Descent, Trigger, anomalies, flagged, smallest_trigger
from tests.attackers.conftest import COMPUTE, Thief

GRANTS = preset("whitebox_third")
LAB = Lab(COMPUTE)


class Corner(nn.Module):
    """Says class 1 where the first pixel is bright, else what the middle pixel says: 0 or 2."""

    def forward(self, images: Tensor) -> Tensor:
        first, middle = images[:, 0, 0, 0], images[:, 0, 2, 2]
        return 12 * torch.stack([0.5 - middle, 2 * first - 1, middle - 0.5], 1)


# ---- WRK ----------------------------------------------------------------------------------------


def test_relabelled_images_moved_a_step_and_have_a_wrong_class(thief: Thief) -> None:
    world = thief(GRANTS)
    own = Examples.of(world.task.splits.thief).select(torch.arange(200))
    odd = relabelled(world.victim, own, 0.1, LAB, Rng(0))
    assert not bool((odd.targets == own.targets).any())
    assert len(odd.targets.unique()) == 10
    steps = (odd.images - own.images.float() / 255).abs()
    assert float(steps.max()) <= 0.1 + 1e-6
    assert 0 <= float(odd.images.min()) <= float(odd.images.max()) <= 1
    assert float((steps > 0).double().mean()) > 0.5


def test_wrk_pays_for_gradients_and_two_trainings(thief: Thief) -> None:
    world = thief(GRANTS)
    world.play(WRK(epochs=2, unlearn_epochs=1))
    n = len(world.task.splits.thief)
    n_odd = round(0.2 * n)
    assert world.spent("steps") == -(-(n + n_odd) // 64) + 2 * -(-n // 64)
    assert world.spent("images_backward") == n_odd + (n + n_odd) + 2 * n
    assert world.spent("images_queried") == 0


# ---- RemovalNet ---------------------------------------------------------------------------------


@given(st.integers(0, 10**6), st.integers(2, 12))
def test_mixed_answers_keep_their_class_and_leave_the_answer(seed: int, n: int) -> None:
    rows = (3 * torch.randn(n, 5, generator=Rng(seed).torch())).softmax(1)
    mixed = mixed_away(rows)
    assert torch.equal(mixed.argmax(1), rows.argmax(1))
    assert mixed.sum(1) == pytest.approx(torch.ones(n), abs=1e-5)
    far = rows[torch.cdist(rows, rows).argmax(1)]
    assert bool(((mixed - far).norm(dim=1) <= (rows - far).norm(dim=1) + 1e-6).all())


def test_replaced_features_are_what_the_rest_of_the_model_reads(trained: Model) -> None:
    images = torch.rand(3, 1, 8, 8)
    n_units = layers.weight(trained, "body.fc1").shape[0]
    with replaced(trained.get_submodule("body.fc1"), torch.zeros(3, n_units)):
        blank = COMPUTE.logits(trained, images)
    assert torch.equal(blank[0], blank[2])
    assert not torch.equal(COMPUTE.logits(trained, images)[0], COMPUTE.logits(trained, images)[2])


def test_searched_features_are_far_and_read_as_the_same_classes(
    thief: Thief, trained: Model
) -> None:
    images = thief(GRANTS).task.splits.thief.images[:40].float() / 255
    layer = RemovalNet()._layer(trained)
    features = COMPUTE.activations(trained, images, [layer])[layer]
    classes = COMPUTE.labels(trained, images)
    hook = Removal(Push(layer, 1.0, 1.0, 2.0, 80, 0.1), Free())
    hook.start(trained, Rng(0), "cpu")
    moved = hook.moved(trained.eval(), images, classes, features)
    with replaced(trained.get_submodule(layer), moved):
        read = trained(images).argmax(1)
    assert float((read == classes).double().mean()) > 0.5
    assert float((moved - features).flatten(1).norm(dim=1).min()) > 1


def test_removalnet_keeps_to_its_images_and_its_meter(thief: Thief) -> None:
    world = thief(GRANTS)
    copy = world.play(RemovalNet(n_images=50, n_steps=2, inner_steps=3, batch=25))
    assert copy.digest() != world.victim.digest()
    assert world.spent("steps") == 2
    assert world.spent("images_backward") == 2 * 25 * (1 + 3)
    tight = GRANTS.model_copy(update={"budget": Budget(images_backward=60)})
    with pytest.raises(BudgetExceeded):
        thief(tight).play(RemovalNet(n_images=50, n_steps=2, inner_steps=3, batch=25))


def test_a_layer_that_the_model_has_not_is_refused(thief: Thief) -> None:
    with pytest.raises(PlayerError, match=r"the name of a layer, found 'body\.no'"):
        thief(GRANTS).play(RemovalNet(layer="body.no"))
    softmax = build(thief(GRANTS).task.card_for("softmax"), Rng(0))
    with pytest.raises(PlayerError, match="a hidden layer, found none"):
        thief(GRANTS, softmax).play(RemovalNet())


@pytest.mark.slow
def test_removalnet_moves_features_and_keeps_the_model_useful(thief: Thief) -> None:
    world = thief(GRANTS)
    copy = world.play(RemovalNet())
    images = world.task.splits.test.images
    layer = RemovalNet()._layer(copy)
    before, after = (
        COMPUTE.activations(m.copy(), images, [layer])[layer].flatten(1)
        for m in (world.victim, copy)
    )
    assert float(F.cosine_similarity(before, after).mean()) < 0.9
    assert world.accuracy(copy) > world.accuracy(world.victim) - 0.3


# ---- Neural Cleanse -----------------------------------------------------------------------------


def test_a_trigger_shows_through_its_mask() -> None:
    images = torch.rand(2, 3, 4, 4, generator=Rng(0).torch())
    mask = torch.zeros(4, 4)
    mask[0, 0] = 1
    stamped = Trigger(mask, torch.ones(3, 4, 4)).on(images)
    assert bool((stamped[:, :, 0, 0] == 1).all())
    assert torch.equal(stamped[:, :, 1:], images[:, :, 1:])


@given(st.lists(st.integers(1, 10**6), min_size=3, max_size=20))
def test_anomalies_are_signed_and_do_not_depend_on_the_scale(sizes: list[int]) -> None:
    middle = statistics.median(sizes)
    assume(statistics.median(abs(size - middle) for size in sizes) > 0)
    found = anomalies(sizes)
    assert found == pytest.approx(anomalies([2 * size for size in sizes]), rel=1e-6, abs=1e-6)
    assert max(found, default=0) == pytest.approx(found[sizes.index(min(sizes))])
    assert sizes.index(min(sizes)) in flagged(sizes, 1e9)


def test_the_class_of_a_trigger_has_the_smallest_mask() -> None:
    images = torch.rand(40, 1, 5, 5, generator=Rng(0).torch())
    images[:, :, 0, 0] = 0.1
    images[:, :, 2, 2] = torch.arange(40).view(40, 1) % 2
    model, how = Corner(), Descent(200, 0.1, 1e-2)
    found = [smallest_trigger(model, images, t, how, Rng(t), Free()) for t in range(3)]
    for target, trigger in enumerate(found):
        assert float((model(trigger.on(images)).argmax(1) == target).double().mean()) >= 0.99
        assert 0 <= float(trigger.mask.min()) <= float(trigger.mask.max()) <= 1
    assert found[1].mask.argmax().item() == 0
    assert found[1].size < 2 < 25 / 2


def test_the_search_is_on_the_meter() -> None:
    meters = Meters(Budget(steps=4))
    images = torch.rand(3, 1, 5, 5)
    with pytest.raises(BudgetExceeded):
        smallest_trigger(Corner(), images, 0, Descent(5, 0.1, 1e-3), Rng(0), meters)


@pytest.mark.parametrize("mitigation", ["unlearn", "prune"])
def test_what_was_found_is_unlearnt_or_pruned(thief: Thief, mitigation: str) -> None:
    world = thief(GRANTS)
    cheap = NeuralCleanse(n_images=10, n_steps=2, epochs=1)
    move = replace(cheap, mitigation="prune") if mitigation == "prune" else cheap
    copy = world.play(move)
    n = len(world.task.splits.thief)
    n_shown = n if mitigation == "prune" else n + round(0.2 * n)
    assert world.spent("steps") == 10 * 2 + -(-n_shown // 64)
    silent = (copy.state_dict()["body.conv3.weight"].flatten(1) == 0).all(1)
    n_channels = len(silent)
    assert int(silent.sum()) == (round(0.2 * n_channels) if mitigation == "prune" else 0)


def test_labels_may_be_the_models_own(thief: Thief) -> None:
    cheap = NeuralCleanse(n_images=10, n_steps=1, epochs=1)
    truth, own = (thief(GRANTS).play(replace(cheap, labels=x)) for x in ("truth", "model"))
    assert truth.digest() != own.digest()
