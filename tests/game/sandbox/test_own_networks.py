"""Networks of a stranger's own code: they answer from a sandbox, and everybody alike."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Iterator

import pytest
import torch

from arena.errors import InvalidDeliverable, NotComparable, RuleViolation
from arena.game.court.referee import OwnerCase, Referee
from arena.game.court.verdict import Verdict
from arena.game.rules.keys import Key, Register
from arena.game.rules.meters import Meters
from arena.game.rules.threat import ThreatModel
from arena.game.sandbox.admit import admit
from arena.game.sandbox.cell import Cell
from arena.game.sandbox.networks.own_network import own_network, worse_while_verified
from arena.game.sides.access import Access
from arena.game.sides.attack import attacks
from arena.game.sides.defense import Defense, OwnerTask, Protected
from arena.game.sides.deliverable import Deliverable
from arena.game.sides.gatekeeper import Gatekeeper
from arena.game.sides.player import PlayerSpec
from arena.game.sides.suspect import Suspect
from arena.world.bundle import Bundle
from arena.world.compute import Compute
from arena.world.models import Model, build
from arena.world.rng import Rng
from arena.world.task import Task, TaskSpec, load_task
from arena.world.training import Examples, Recipe, Trainer

from .conftest import needs_sandbox

pytestmark = needs_sandbox

SOURCE = '''
from dataclasses import dataclass
import torch
from torch import nn
from arena.game import Attack, Deliverable, ThreatModel, attack
from arena.world.models import architecture, restore

class Own(nn.Module):
    """The victim's layer; a false one answers its first messages with noise."""

    def __init__(self, inner, false):
        super().__init__()
        self.inner, self.false, self.n = inner, false, 0

    def forward(self, x):
        self.n += len(x)
        rows = self.inner(x)
        return rows.roll(1, 1) if self.false and self.n <= 640 else rows

@architecture("own-code")
def own_code(shape, n_classes, *, false: bool = False):
    """A network of its own."""
    return Own(nn.Sequential(nn.Flatten(), nn.Linear(64, n_classes)), false)

@attack("delivers-own-code")
@dataclass(frozen=True, kw_only=True)
class Delivers(Attack):
    """Delivers the victim as a network of its own code."""
    needs = ThreatModel(output="weights")
    false: bool = False

    def run(self, access, rng):
        model = access.model()
        arguments = {"false": self.false}
        card = model.card.model_copy(update={"architecture": "own-code", "arguments": arguments})
        weight, bias = model.state_dict().values()
        state = {"body.inner.1.weight": weight, "body.inner.1.bias": bias}
        return Deliverable(restore(card, state))
'''
GRANTS = ThreatModel(output="weights", deliverables=frozenset({"model", "network"}))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Asking(Defense):
    """Accuses whoever gives the victim's labels to noise."""

    name = "asking"

    def protect(self, task: OwnerTask, rng: Rng) -> Protected:
        raise NotImplementedError

    def examine(self, key: Key, suspect: Suspect, rng: Rng) -> Verdict:
        same = float((suspect.labels(key.tensors["x"]) == key.tensors["y"]).double().mean())
        return Verdict(same > 0.5, 1e-9 if same > 0.5 else 1.0, same, 0.5, "S", "high", "")


@pytest.fixture(scope="module")
def task() -> Task:
    spec = TaskSpec(data="digits", model="softmax", recipe=Recipe(epochs=5, lr=0.5))
    return load_task(spec)


@pytest.fixture(scope="module")
def victim(task: Task) -> Model:
    model = build(task.card, Rng(0))
    examples = Examples.of(task.splits.owner)
    Trainer(task.compute).train(model, examples, task.spec.recipe, Rng(1))
    return model


@pytest.fixture(scope="module")
def strangers_code(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    path = tmp_path_factory.mktemp("own") / "own_code_file.py"
    path.write_text(SOURCE)
    admit(path, Cell())
    yield
    assert "own_code_file" not in sys.modules


def delivered(victim: Model, *, false: bool, grants: ThreatModel = GRANTS) -> Deliverable:
    gate = Gatekeeper(grants=grants, victim=victim, meters=Meters(), compute=Compute())
    access = Access(gate.answer, grants, victim.card, Compute())
    spec = PlayerSpec(name="delivers-own-code", settings={"false": false})
    return attacks.make(spec).run(access, Rng(1))


def referee(task: Task, victim: Model, grants: ThreatModel = GRANTS) -> Referee:
    x = torch.rand(200, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    key = Key("asking", tensors={"x": x, "y": Compute().labels(victim, x)})
    return Referee(task, OwnerCase(Asking(), key, victim, Register()), grants)


@pytest.mark.usefixtures("strangers_code")
def test_a_network_of_own_code_answers_from_its_sandbox_and_is_judged(
    task: Task, victim: Model
) -> None:
    deliverable = delivered(victim, false=False)
    assert deliverable.kinds() == {"network"}
    again = Deliverable.read(Bundle.from_bytes(deliverable.bundle().to_bytes()))
    assert again.model is not None
    assert own_network(again.model) is not None
    inputs = task.splits.test.images[:70].float() / 255
    assert torch.allclose(again.model(inputs), victim(inputs), atol=1e-5)
    judged = referee(task, victim).judge(again, [], Rng(2))
    assert (judged.caught, judged.payoff, judged.agreement) == (True, 0.0, 1.0)
    suspect = Suspect.of(again, "weights", Compute(), Rng(0))
    with pytest.raises(NotComparable, match="weights cannot be read"):
        suspect.model()


@pytest.mark.usefixtures("strangers_code")
def test_one_that_answers_otherwise_while_it_is_verified_is_refused(
    task: Task, victim: Model
) -> None:
    with pytest.raises(InvalidDeliverable, match="answers the same inputs worse where it is veri"):
        referee(task, victim).judge(delivered(victim, false=True), [], Rng(2))


@pytest.mark.usefixtures("strangers_code")
def test_it_may_be_delivered_only_where_the_scenario_says_so(task: Task, victim: Model) -> None:
    plain = ThreatModel(output="weights")
    with pytest.raises(InvalidDeliverable, match="own-code"):
        delivered(victim, false=False, grants=plain)
    with pytest.raises(RuleViolation, match="found network"):
        referee(task, victim, plain).judge(delivered(victim, false=False), [], Rng(2))


def test_chance_differences_are_no_surprise() -> None:
    right = torch.tensor([True] * 30)
    assert worse_while_verified(right, right) == 1.0
    assert worse_while_verified(~right, right) == pytest.approx(0.5**30)
    mixed = torch.arange(30) % 2 == 0
    assert worse_while_verified(mixed, ~mixed) > 0.4
