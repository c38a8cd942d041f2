"""Needs of players: who cannot play a task is told so before anything is trained."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from arena.errors import RegistryError, RuleViolation
from arena.game.match.agents import Action, Scripted
from arena.game.match.play import MatchSpec, Pools, check_needs, offered, play
from arena.game.rules.threat import ThreatModel
from arena.game.sides.attack import attacks
from arena.game.sides.defense import defenses
from arena.game.sides.needs import Need, Offer, find_need, register_need, unmet
from arena.game.sides.player import Player, PlayerSpec
from arena.world.models import ModelCard
from arena.world.task import TaskSpec


def card(architecture: str, *shape: int, **arguments: Any) -> ModelCard:
    return ModelCard(
        architecture=architecture,
        arguments=arguments,
        n_classes=3,
        input_shape=shape,
        mean=(0.0,),
        std=(1.0,),
    )


IMAGES = Offer(card("cnn8", 1, 8, 8), 4)
NORMED = Offer(card("lenet5", 1, 28, 28, norm="batch"), 4)
PERCEPTRON = Offer(card("mlp", 13), 4)
REGRESSION = Offer(card("softmax", 13), 4)
TREE = Offer(card("tree", 13), 4)
ALONE = Offer(card("cnn8", 1, 8, 8), 1)


def lacks(offer: Offer) -> set[str]:
    return {name for name in KNOWN if not find_need(name).met(offer)}


KNOWN = ("classes", "images", "weights", "convolution", "norm", "hidden", "gradients", "nulls")


@pytest.mark.parametrize(
    ("offer", "lacking"),
    [
        (NORMED, set()),
        (PERCEPTRON, {"images", "convolution", "norm"}),
        (REGRESSION, {"images", "convolution", "norm", "hidden"}),
        (TREE, {"images", "weights", "convolution", "norm", "hidden", "gradients"}),
    ],
)
def test_what_a_task_offers_is_read_from_its_model(offer: Offer, lacking: set[str]) -> None:
    assert lacks(offer) == lacking


@pytest.mark.parametrize("name", ["same", "other", "foreign", "odd"])
def test_innocents_of_every_kind_calibrate(name: str) -> None:
    none = dict.fromkeys(("calibration_same", "calibration_other", "calibration_odd"), 0)
    pools = Pools(**{**none, f"calibration_{name}": 2})
    match = MatchSpec(
        task=TaskSpec(),
        owner="deepjudge",
        defense=PlayerSpec(name="deepjudge"),
        thief="thief",
        grants=ThreatModel(output="weights"),
        pools=pools,
    )
    assert len(match.calibration()) == pools.n_calibration == offered(match.task, pools).n_nulls


def test_one_innocent_is_too_few_to_calibrate_on() -> None:
    assert "nulls" in lacks(ALONE)
    assert "nulls" not in lacks(IMAGES)


def players() -> Iterable[type[Player]]:
    return [*attacks.classes().values(), *defenses.classes().values()]


@pytest.mark.parametrize("player", players(), ids=lambda player: player.name)
def test_every_need_of_a_shipped_player_is_known(player: type[Player]) -> None:
    for name in player().needs_of_task:
        assert find_need(name).words


@pytest.mark.parametrize(
    ("player", "offer", "needed"),
    [
        (defenses.find("lottery")(), PERCEPTRON, "'lottery' needs convolutions, found mlp"),
        (defenses.find("zhang")(), PERCEPTRON, "found inputs of 13; choose another data set"),
        (defenses.find("pan")(), PERCEPTRON, 'convolutional model with norm = "batch"'),
        (defenses.find("uchida")(), TREE, "needs convolutions or linear layers, found tree"),
        (defenses.find("ipguard")(), TREE, "needs a model that learns by gradients"),
        (defenses.find("riga")(), ALONE, "at least 2 independent models to calibrate on, found 1"),
        (attacks.find("ft-al")(), TREE, "'ft-al' needs a model that learns by gradients"),
        (attacks.find("forge-passport-2")(), PERCEPTRON, "batch normalisation behind"),
        (attacks.find("art-functional")(), PERCEPTRON, "an mlp with one hidden layer"),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_a_lack_is_one_sentence(player: Player, offer: Offer, needed: str) -> None:
    (said,) = unmet(player, offer)
    assert needed in said


def test_who_poses_as_an_owner_needs_what_its_scheme_does() -> None:
    forger = attacks.make(PlayerSpec(name="forge-key", settings={"scheme": {"name": "lottery"}}))
    assert "convolution" in forger.needs_of_task
    calibrated = {"scheme": {"name": "riga"}}
    forger = attacks.make(PlayerSpec(name="forge-key", settings=calibrated))
    assert "nulls" not in forger.needs_of_task  # it makes models of its own


def test_an_aligned_reading_needs_null_models() -> None:
    scheme = defenses.find("uchida")
    assert "nulls" not in scheme().needs_of_task
    aligned = defenses.make(PlayerSpec(name="uchida", settings={"verifier": "aligned"}))
    assert "nulls" in aligned.needs_of_task


def test_a_need_has_one_name() -> None:
    with pytest.raises(RegistryError, match="'images' is taken"):
        register_need("images", Need("images", lambda offer: True))
    with pytest.raises(RegistryError, match="did you mean 'images'"):
        find_need("image")


MATCH = MatchSpec(
    task=TaskSpec(data="wine", model="mlp"),
    owner="lottery",
    defense=PlayerSpec(name="lottery"),
    thief="none",
    grants=ThreatModel(output="weights"),
    pools=Pools(calibration_same=0, calibration_other=0, reporting_same=0, reporting_other=0),
)


def test_a_match_that_cannot_be_played_is_refused_before_its_first_step() -> None:
    with pytest.raises(RuleViolation, match="'lottery' needs convolutions, found mlp"):
        check_needs(MATCH, PlayerSpec(name="none"))
    game = play(MATCH, Scripted([Action(PlayerSpec(name="none"))]))
    with pytest.raises(StopIteration) as stop:
        next(game)
    (record,) = stop.value.value
    assert record.status == "SKIPPED"
    assert "'lottery' needs convolutions" in record.message
