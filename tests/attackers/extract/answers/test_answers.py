"""Thieves of altered answers: what they ask, what they learn from it, what they deliver."""

from __future__ import annotations

import pytest
import torch

from arena.game.rules.threat import Budget, ThreatModel
from arena.game.serving.query_log import QueryLog
from arena.world.data import Dataset
from arena.world.rng import Rng
from arena.world.training import Examples
from attackers.extract.answers.labels_alone import CopyCat, LabelOnly
from attackers.extract.answers.recover import DDAE, Alteration, altered
from attackers.extract.answers.smooth import SmoothRetrain
from attackers.extract.answers.twice import CrossArchitecture, DoubleExtraction
from defenders.serving.scheme import least_informative
from tests.attackers.conftest import Thief

GRANTS = ThreatModel(output="probabilities", data=1)


def test_classes_alone_are_learnt_whatever_is_answered(thief: Thief) -> None:
    for output in ("labels", "probabilities", "logits"):
        world = thief(GRANTS.model_copy(update={"output": output}))
        images = world.task.splits.thief.images[:30]
        examples = LabelOnly().ask(world.access, images, Rng(0))
        assert torch.equal(examples.targets, world.answers(images))


def test_classes_alone_make_a_useful_copy(thief: Thief) -> None:
    world = thief(GRANTS)
    assert world.accuracy(world.play(LabelOnly(epochs=30))) > 0.8
    assert world.spent("images_queried") == len(world.task.splits.thief)


def test_copycat_asks_about_the_pool(thief: Thief) -> None:
    noise = torch.from_numpy(Rng(0).numpy().integers(0, 256, (80, 1, 8, 8)).astype("uint8"))
    pool = Dataset("noise", noise, torch.zeros(80, dtype=torch.int64), ("none", "other"))
    world = thief(ThreatModel(output="labels", pool="noise"), pool=pool)
    world.play(CopyCat(epochs=2))
    assert world.spent("images_queried") == 80


def test_smooth_retraining_asks_about_moved_images_and_learns_their_mean(thief: Thief) -> None:
    world = thief(GRANTS)
    world.gate.log = QueryLog()
    images = world.task.splits.thief.images[:10]
    how = SmoothRetrain(repeats=3)
    examples = how.ask(world.access, images, Rng(1))
    (query,) = world.gate.log.queries
    assert len(query.inputs) == 30
    means = torch.stack([part.mean(0) for part in query.answers.split(3)])
    torch.testing.assert_close(examples.targets, means)
    assert torch.equal(examples.images, images)
    assert how.recipe().label_smoothing == 0.1


def test_smooth_retraining_learns_what_the_budget_allows(thief: Thief) -> None:
    world = thief(GRANTS.model_copy(update={"budget": Budget(images_queried=7)}))
    found = SmoothRetrain(repeats=3).ask(world.access, world.task.splits.thief.images[:10], Rng(1))
    assert len(found) == 3  # the third image has one of its three answers


def test_the_copy_has_another_architecture(thief: Thief) -> None:
    world = thief(GRANTS.model_copy(update={"architecture": True}))
    copy = world.play(CrossArchitecture(epochs=30))
    assert copy.card.architecture == "mlp" != world.victim.card.architecture
    assert world.accuracy(copy) > 0.7


def test_the_second_copy_learns_from_the_first_alone(thief: Thief) -> None:
    world = thief(GRANTS)
    copy = world.play(DoubleExtraction(epochs=20))
    assert world.spent("images_queried") == len(world.task.splits.thief)
    assert world.spent("rounds") == 1
    assert world.spent("models") == 2
    assert world.accuracy(copy) > 0.7


@pytest.mark.parametrize("how", ["modelguard", "mad", "mad-class-kept", "rounding"])
def test_what_a_thief_alters_is_altered_as_owners_do(how: Alteration) -> None:
    rows = (2 * torch.randn(50, 10, generator=Rng(0).torch())).softmax(1)
    found = altered(rows, how, 0.8, Rng(1))
    distance = (found - rows).abs().sum(1)
    assert float(distance.max()) <= 0.8 + 1e-5
    assert float(distance.mean()) > 0.01
    if how in ("modelguard", "mad-class-kept"):
        assert torch.equal(found.argmax(1), rows.argmax(1))
    if how == "modelguard":
        assert torch.equal(found, least_informative(rows, 0.8))


def test_the_way_back_is_learnt_from_pairs_of_the_thiefs_own(thief: Thief) -> None:
    world = thief(GRANTS)
    honest = (3 * torch.randn(1100, 10, generator=Rng(0).torch())).softmax(1)
    seen = honest.roll(1, 1)  # an alteration that loses nothing
    known, asked = Examples(seen[:1000], honest[:1000]), seen[1000:]
    found = DDAE(restore_epochs=30).restored(world.access, asked, known, Rng(1))
    before, after = ((rows - honest[1000:]).abs().sum(1).mean() for rows in (asked, found))
    assert float(after) < 0.5 * float(before)
    assert world.spent("images_queried") == 0


def test_the_copy_learns_restored_rows_and_nothing_is_asked_twice(thief: Thief) -> None:
    world = thief(GRANTS)
    images = world.task.splits.thief.images[:20]
    move = DDAE(epochs=1, restore_epochs=1, n_rows=50)
    examples = move.ask(world.access, images, Rng(0))
    assert torch.equal(examples.images, images)
    assert examples.targets.shape == (20, 10)
    assert world.spent("images_queried") == 20
    assert world.spent("models") == 2
    assert move.shadow_rows(world.access, Examples(images, world.answers(images)), Rng(1)).sum(
        1
    ) == pytest.approx(torch.ones(50), abs=1e-5)
