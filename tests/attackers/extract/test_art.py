"""The toolbox's extraction attacks behind our meters, and as oracles of ours."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pytest
import torch

from arena.errors import BudgetExceeded, PlayerError
from arena.game.rules.threat import Budget, ThreatModel
from arena.game.sides.needs import Offer, unmet
from arena.world.data import Dataset
from arena.world.json_values import Json
from arena.world.models import Model, ModelCard, build
from arena.world.rng import Rng
from arena.world.task import Task
from arena.world.training import Examples, Recipe, Trainer
from attackers.extract.art_wrappers import (
    ArtCopycat,
    ArtKnockoff,
    ToolboxExtraction,
    black_box,
    own_classifier,
)
from attackers.extract.exact.art_functional import ArtFunctional
from attackers.extract.knockoff import Knockoff
from attackers.extract.sampling_policy import certainty, diversity
from tests.attackers.conftest import COMPUTE, Thief, World

POOL = ThreatModel(output="labels", pool="*")
ROWS = ThreatModel(output="probabilities", pool="*")
EXACT = ThreatModel(output="logits", double=True, real_inputs=True, architecture=True)


@pytest.fixture
def pool(task: Task) -> Dataset:
    """A pool of the task's own images: with it a copy can become good."""
    return task.splits.thief


@pytest.mark.parametrize("attack", [ArtCopycat(), ArtKnockoff()], ids=lambda a: a.name)
def test_the_whole_pool_is_asked_in_one_call(
    thief: Thief, pool: Dataset, attack: ToolboxExtraction
) -> None:
    world = thief(POOL, pool=pool)
    world.play(attack)
    n = len(pool)
    assert (world.spent("images_queried"), world.spent("rounds")) == (n, 1)
    assert world.spent("steps") == 10 * -(-n // 64)
    assert world.spent("images_backward") == 10 * n
    assert world.spent("models") == 1


@pytest.mark.parametrize("cls", [ArtCopycat, ArtKnockoff])
def test_it_asks_as_often_as_it_is_told(
    thief: Thief, pool: Dataset, cls: type[ToolboxExtraction]
) -> None:
    world = thief(POOL, pool=pool)
    world.play(cls(n_queries=70, epochs=1))
    assert world.spent("images_queried") == world.spent("images_unique") == 70


@pytest.mark.parametrize("cls", [ArtCopycat, ArtKnockoff])
@pytest.mark.parametrize("grants", [POOL, ROWS], ids=["labels", "probabilities"])
def test_a_copy_of_the_task_is_useful(
    thief: Thief, pool: Dataset, cls: type[ToolboxExtraction], grants: ThreatModel
) -> None:
    world = thief(grants, pool=pool)
    assert world.accuracy(world.play(cls(epochs=30, probabilities=grants is ROWS))) > 0.8


def test_ours_and_the_toolboxs_knockoff_agree(thief: Thief, pool: Dataset) -> None:
    """Same pool, same labels, same training: copies of about the same quality."""
    ours, theirs = thief(POOL, pool=pool), thief(POOL, pool=pool)
    found = [
        ours.accuracy(ours.play(Knockoff(epochs=30))),
        theirs.accuracy(theirs.play(ArtKnockoff(epochs=30))),
    ]
    assert abs(found[0] - found[1]) < 0.06
    assert ours.spent("images_queried") == theirs.spent("images_queried")
    assert ours.spent("steps") == theirs.spent("steps")


def test_our_rewards_are_the_toolboxs(thief: Thief, pool: Dataset) -> None:
    from art.attacks.extraction import KnockoffNets

    theirs = KnockoffNets(black_box(thief(ROWS, pool=pool).access))
    theirs.y_avg = np.zeros(10)
    rows = torch.randn(20, 10, generator=Rng(0).torch()).softmax(1)
    for n, row in enumerate(rows, start=1):
        assert theirs._reward_cert(row[None].numpy()) == pytest.approx(float(certainty(row[None])))
        mean = rows[:n].mean(0)
        wanted = float(diversity(row[None], mean))
        assert theirs._reward_div(row[None].numpy(), n) == pytest.approx(wanted, abs=1e-6)


@pytest.mark.parametrize("reward", ["cert", "div", "loss"])
def test_the_toolboxs_adaptive_policy_asks_image_by_image(
    thief: Thief, pool: Dataset, reward: Literal["cert", "div", "loss"]
) -> None:
    world = thief(ROWS, pool=pool)
    world.play(ArtKnockoff(strategy="adaptive", reward=reward, n_queries=30, epochs=1))
    assert (world.spent("images_queried"), world.spent("rounds")) == (30, 30)
    assert world.spent("steps") == 30 + 1


def test_the_toolboxs_division_by_zero_is_reported(thief: Thief, pool: Dataset) -> None:
    world = thief(POOL, pool=pool)
    with pytest.raises(PlayerError, match=r"the toolbox gave up .* try another reward"):
        world.play(ArtKnockoff(strategy="adaptive", reward="all", n_queries=30, epochs=1))


def test_the_toolbox_draws_from_the_thiefs_stream_alone(thief: Thief, pool: Dataset) -> None:
    attack = ArtKnockoff(n_queries=60, epochs=2)
    before = torch.get_rng_state(), np.random.get_state(legacy=False)["state"]["key"].copy()
    one, again, other = (thief(POOL, pool=pool).play(attack, seed) for seed in (1, 1, 2))
    assert one.digest() == again.digest() != other.digest()
    assert torch.equal(torch.get_rng_state(), before[0])
    assert np.array_equal(np.random.get_state(legacy=False)["state"]["key"], before[1])


def test_the_budget_stops_the_toolbox_before_an_answer_and_in_training(
    thief: Thief, pool: Dataset
) -> None:
    for budget in (Budget(images_queried=50), Budget(steps=3)):
        world = thief(POOL.model_copy(update={"budget": budget}), pool=pool)
        with pytest.raises(BudgetExceeded):
            world.play(ArtCopycat())
        assert world.spent("images_queried") <= 405
        assert world.spent("steps") <= 3


def test_predictions_of_own_models_are_on_the_meter(thief: Thief, pool: Dataset) -> None:
    world = thief(POOL, pool=pool)
    own = own_classifier(world.access, build(world.access.card, Rng(0)), 1e-3)
    own.predict(np.zeros((7, 1, 8, 8), dtype=np.float32))
    assert (world.spent("images_forward"), world.spent("images_backward")) == (7, 0)


def functional(thief: Thief, task: Task, hidden: int = 4) -> World:
    world = thief(EXACT)
    card = task.card_for("mlp", {"hidden": [hidden]})
    world.gate.victim = build(card, Rng(0))
    own = Examples.of(task.splits.owner)
    Trainer(COMPUTE).train(world.gate.victim, own, Recipe(epochs=20), Rng(1))
    world.access.card = card
    return world


@pytest.mark.slow
def test_a_relu_network_is_read_off_exactly(thief: Thief, task: Task) -> None:
    world = functional(thief, task)
    copy = world.play(ArtFunctional(stride=0.5))
    images = torch.rand(1000, 1, 8, 8, generator=Rng(5).torch())
    for inputs in (images, task.splits.test.images):
        theirs = COMPUTE.probabilities(world.victim.copy(), inputs)
        torch.testing.assert_close(COMPUTE.probabilities(copy, inputs), theirs, atol=1e-2, rtol=0)
    each = 2 * (18 * 4**2 / 0.5 + 8 * 64 * 4) + 200  # the most that an attempt may ask
    assert 0 < world.spent("images_queried") <= 200 + 10 * each
    assert world.spent("steps") == 0


@pytest.mark.parametrize(
    ("architecture", "arguments"),
    [("cnn8", {}), ("mlp", {"hidden": [4, 4]}), ("mlp", {"hidden": [4], "norm": "batch"})],
)
def test_other_victims_are_refused_before_a_match(
    task: Task, architecture: str, arguments: dict[str, Json]
) -> None:
    (sentence,) = unmet(ArtFunctional(), Offer(task.card_for(architecture, arguments)))
    assert "an mlp with one hidden layer and no normalisation" in sentence


def test_where_no_line_shows_every_neuron_it_says_so(thief: Thief, task: Task) -> None:
    world = functional(thief, task)
    with torch.no_grad():
        world.gate.victim.get_parameter("body.fc1.bias").fill_(-1e6)  # every neuron is dead
    with pytest.raises(PlayerError, match="expected 4 kinks on one of 2 lines"):
        world.play(ArtFunctional(attempts=2))


def test_weights_for_raw_inputs_are_absorbed_by_the_normalisation() -> None:
    from types import SimpleNamespace

    from attackers.extract.exact.art_functional import assigned

    card = ModelCard(
        architecture="mlp", arguments={"hidden": [3]}, n_classes=2, input_shape=(2, 1, 2),
        mean=(0.3, -1.0), std=(2.0, 0.5),
    )  # fmt: skip
    random, model = Rng(0).numpy(), build(card, Rng(1))
    parts = {"w_0": (4, 3), "b_0": (3, 1), "w_1": (3, 2), "b_1": (2, 1)}
    found = SimpleNamespace(**{name: random.normal(size=shape) for name, shape in parts.items()})
    assigned(model, found)
    raw = random.normal(size=(9, 4))
    wanted = np.maximum(raw @ found.w_0 + found.b_0.T, 0) @ found.w_1 + found.b_1.T
    answered: Model = model.double()
    found_logits = answered(torch.from_numpy(raw).reshape(9, 2, 1, 2))
    np.testing.assert_allclose(found_logits.detach().numpy(), wanted, atol=1e-5)
