"""What protecting a person's model promises."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch

from arena.errors import ModelError, NotTaken
from arena.game.court.paired import paired_difference
from arena.game.match.steps.step_cache import MemoryMemo, Setting
from arena.game.rules.innocents import Accused
from arena.game.sides.defense import Defense, defenses
from arena.game.sides.player import Dial, PlayerSpec
from arena.runs.judge.judge import Milestone
from arena.runs.protect import search as finding
from arena.runs.protect.files import owned
from arena.runs.protect.innocents import halves
from arena.runs.protect.order import Attempt, Limits, Order, Protection
from arena.runs.protect.protect import check_useful, protect, take_back_counters
from arena.runs.protect.search import position, search
from arena.world import layers
from arena.world.models import Model, ModelCard


def held(order: Order, stages: list[Milestone]) -> Protection:
    return protect(order, MemoryMemo(), Setting(), stages.append)


def test_a_mark_verifies_on_the_copy_and_on_nothing_else(protection: Protection) -> None:
    report = protection.report
    assert report.marked_p <= 1e-6
    assert report.unmarked_p is not None
    assert min(report.unmarked_p, *(one.p_value for one in report.innocents)) > 1e-5
    assert [one.kind for one in report.innocents] == ["Neg-1", "Neg-2"]
    assert report.attempts[-1].taken
    assert report.model == protection.protected.model.digest()
    assert report.commitment == protection.protected.key.commitment()


def test_the_model_that_came_in_is_not_touched(order: Order, protection: Protection) -> None:
    marked, own = protection.protected.model, order.model
    assert marked.digest() != own.digest()
    assert marked.card == own.card


def test_fidelity_has_an_interval_around_the_loss(protection: Protection) -> None:
    found = protection.report.fidelity
    assert found.loss == pytest.approx(found.before - found.after)
    assert found.low is not None
    assert found.high is not None
    assert found.low < found.loss < found.high


def test_a_mark_that_does_not_take_is_an_error_with_what_was_tried(order: Order) -> None:
    """64 bits cannot verify at 1e-30, whatever they are."""
    beyond = replace(
        order,
        scheme=PlayerSpec(name="uchida"),
        epochs=(1,),
        limits=Limits(p_value=1e-30, max_loss=1.0),
    )
    with pytest.raises(
        NotTaken, match="did not take: expected uchida to verify at p <= 1e-30"
    ) as e:
        search(beyond, [], lambda *_: None, lambda *_: None)
    turned = [line.split(",")[0] for line in e.value.tried]
    assert turned == ["tried strength = 0.05", "tried strength = 0.1225", "tried strength = 0.3"]


def test_no_attempt_is_made_twice(order: Order, monkeypatch: pytest.MonkeyPatch) -> None:
    """A dial that stands at its end has nothing harsher."""
    monkeypatch.setattr(defenses.find("uchida"), "dial", Dial("strength", 0.01, 0.05, "log"))
    beyond = replace(
        order,
        scheme=PlayerSpec(name="uchida"),
        epochs=(1, 1),
        limits=Limits(p_value=1e-30, max_loss=1.0),
    )
    with pytest.raises(NotTaken) as e:
        search(beyond, [], lambda *_: None, lambda *_: None)
    assert len(e.value.tried) == 1


def test_the_report_holds_the_scheme_as_it_was_used(
    order: Order, monkeypatch: pytest.MonkeyPatch
) -> None:
    examined = finding._examined

    def only_harsher(order: Order, scheme: Defense, *rest: Any) -> Attempt:
        attempt = examined(order, scheme, *rest)
        return attempt.model_copy(update={"taken": attempt.strength > 0.1, "loss": 0.0})

    monkeypatch.setattr(finding, "_examined", only_harsher)
    asked = replace(order, scheme=PlayerSpec(name="uchida", settings={"n_bits": 32}), epochs=(1,))
    made = held(replace(asked, innocents=0), [])
    used = made.report.attempts[-1].strength
    assert used > 0.1
    assert made.report.scheme.settings == {"n_bits": 32, "strength": used}
    assert owned(made).about.scheme == made.report.scheme


def test_a_mark_that_costs_too_much_does_not_take(order: Order) -> None:
    """A learning rate of a thousand leaves nothing of a model."""
    ruined = replace(order, fine_tuning=order.fine_tuning.but(lr=1000.0), epochs=(1,))
    with pytest.raises(NotTaken, match="with a loss of at most") as e:
        search(ruined, [], lambda *_: None, lambda *_: None)
    assert all(float(line.split("loss ")[1].split()[0]) > 0.02 for line in e.value.tried)


def test_a_useless_model_is_met_with_the_likely_causes(order: Order) -> None:
    deaf = order.model.copy()
    head = layers.head(deaf, deaf.card.input_shape)
    torch.nn.init.zeros_(layers.weight(deaf, head))
    with pytest.raises(ModelError, match=r"accuracy 0\.\d+, where chance is .*normalisation"):
        check_useful(replace(order, model=deaf))


@pytest.mark.parametrize(
    ("scheme", "sentence"),
    [
        ("none", "protects nothing"),
        ("dawn", "acts on answers, not on models"),
        ("mad", "acts on answers, not on models"),
        ("zhang", "at least 2 independent models to calibrate on, found 0"),
    ],
)
def test_a_scheme_that_cannot_play_is_refused_at_once(
    order: Order, scheme: str, sentence: str
) -> None:
    stages: list[Milestone] = []
    unfit = replace(order, scheme=PlayerSpec(name=scheme), innocents=0)
    with pytest.raises(ModelError, match=sentence):
        held(unfit, stages)
    assert stages == []


def test_a_fingerprint_is_taken_once_and_changes_nothing(order: Order) -> None:
    """Without innocents to compare with it proves nothing, and that is said."""
    taken = replace(
        order,
        scheme=PlayerSpec(name="ipguard", settings={"n_points": 8, "lr": 0.03, "n_steps": 200}),
    )
    with pytest.raises(NotTaken, match="the fingerprint did not take") as error:
        search(taken, [], lambda *_: None, lambda *_: None)
    assert len(error.value.tried) == 1


@pytest.mark.parametrize(
    ("accused", "expected"),
    [("model", ["owner", "other", "owner"]), ("data", ["other", "other", "other"])],
)
def test_innocents_are_innocent_of_what_is_claimed(accused: Accused, expected: list[str]) -> None:
    assert list(halves(accused, 3)) == expected


def test_every_dial_finds_its_own_default() -> None:
    for scheme in defenses.classes().values():
        if scheme.dial is not None:
            usual = float(getattr(scheme, scheme.dial.field))
            assert scheme.dial.at(position(scheme.dial, usual)) == pytest.approx(usual)


@pytest.mark.parametrize(("lost", "won"), [(0, 0), (30, 0), (0, 30), (100, 0), (7, 12)])
def test_a_paired_interval_holds_the_difference_and_stays_a_difference(lost: int, won: int) -> None:
    difference, low, high = paired_difference(lost, won, 100)
    assert difference == (lost - won) / 100
    assert -1 <= low < high <= 1
    assert low <= difference <= high or lost == 100


def test_a_paired_interval_covers_as_often_as_it_says() -> None:
    """Of 2,000 samples of 200 pairs, at least 93 % of the intervals hold the truth: 0.03."""
    generator = torch.Generator().manual_seed(5)
    shares = torch.tensor([0.05, 0.02, 0.93])
    drawn = torch.multinomial(shares, 2000 * 200, replacement=True, generator=generator)
    outcomes = drawn.view(2000, 200)
    held = 0
    for row in outcomes:
        _, low, high = paired_difference(int((row == 0).sum()), int((row == 1).sum()), 200)
        held += low <= 0.03 <= high
    assert held >= 0.93 * 2000


def test_batches_are_counted_as_before_and_other_whole_numbers_are_kept() -> None:
    card = ModelCard(architecture="softmax", n_classes=2, input_shape=(3,), mean=(0.0,), std=(1.0,))

    class Net(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.norm = torch.nn.BatchNorm1d(3)
            self.register_buffer("leaf", torch.tensor([1]))

    own, marked = Model(card, Net()), Model(card, Net())
    with torch.no_grad():
        for name, value in marked.state_dict().items():
            if name.endswith(("tracked", "leaf", "running_mean")):
                value.fill_(7)
    take_back_counters(marked, own)
    state = marked.state_dict()
    assert int(state["body.norm.num_batches_tracked"]) == 0
    assert int(state["body.leaf"]) == 7
    assert state["body.norm.running_mean"].tolist() == [7.0] * 3
