"""RecurrentIPR: its own steps through a cell, its signs, and what its key does."""

from __future__ import annotations

from typing import cast

import pytest
import torch
from torch import nn

from arena import testing
from arena.errors import NotComparable
from arena.game.court.verdict import Verdict
from arena.game.rules.keys import Key
from arena.game.sides.defense import Protected
from arena.game.sides.suspect import Suspect
from arena.world.compute import Compute
from arena.world.graph import LayerGraph, flip, permute
from arena.world.models import Model, build
from arena.world.rng import Rng
from arena.world.task import Task, TaskSpec, load_task
from defenders.recurrent.recurrent_ipr import RecurrentIpr
from defenders.recurrent.scheme import SequenceKey, cell_of, entries, keyed_logits, sign_loss, walk

CELLS = ("lstm", "gru")


def task_of(cell: str, hidden: int = 32) -> Task:
    fields = {"model": "row-rnn", "arguments": {"cell": cell, "hidden": hidden}}
    return load_task(
        TaskSpec.model_validate(fields | {"recipe": {"epochs": 4, "lr": 0.01, "batch": 32}})
    )


@pytest.fixture(scope="module", params=CELLS)
def cell(request: pytest.FixtureRequest) -> str:
    return cast(str, request.param)


@pytest.fixture(scope="module")
def marked(cell: str) -> Protected:
    task = task_of(cell)
    owner = testing.owner_task(task, build(task.card, Rng(3)))
    return RecurrentIpr(strength=1.0, n_images=64).protect(owner, Rng(4))


def verdict(key: Key, model: Model) -> Verdict:
    return RecurrentIpr().verify(key, Suspect.bare(model, Compute()), Rng(5))


def test_its_steps_are_those_of_torch(cell: str) -> None:
    """Without a key, and with one that multiplies by 1, the cell does what torch's does."""
    task = task_of(cell)
    model, images = build(task.card, Rng(1)), task.splits.test.images[:20].float() / 255
    sequences, rnn = entries(model, images), cell_of(model)
    with torch.no_grad():
        states, _ = cast(nn.LSTM, rnn)(sequences)
        plain = walk(rnn, sequences)
        kept = walk(rnn, sequences, [torch.ones(32)] * 8)
    assert torch.allclose(plain.last, states[:, -1], atol=1e-6)
    assert torch.allclose(plain.first, states[:, 0], atol=1e-6)
    assert torch.allclose(kept.last, states[:, -1], atol=1e-6)
    assert all(0 < float(gate.min()) <= float(gate.max()) < 1 for gate in plain.gates)


def test_an_untouched_victim_has_no_bit_error_and_works_with_its_key(marked: Protected) -> None:
    found = verdict(marked.key, marked.model)
    assert found.is_copy
    assert found.statistic == 0
    assert found.p_value == pytest.approx(2.0**-32)
    plain, true = (cast(float, found.figures[f"accuracy/{name}"]) for name in ("plain", "true"))
    assert min(plain, true) > 0.4  # chance is 0.1


def test_innocents_spell_other_bits(cell: str, marked: Protected) -> None:
    task = task_of(cell)
    errors = [
        verdict(marked.key, build(task.card, Rng(50 + i))).statistic for i in range(12)
    ]  # 384 fair bits
    assert 0.35 < sum(errors) / len(errors) < 0.65


def test_a_key_changes_what_is_said(marked: Protected) -> None:
    secret = SequenceKey.of(marked.key)
    images = secret.images.float() / 255
    with torch.no_grad():
        keyed = keyed_logits(marked.model, images, secret.sequences)
        other = keyed_logits(marked.model, images, secret.expanded("other").sequences)
    plain = Compute().outputs(marked.model, images)
    assert not torch.allclose(keyed, plain, atol=1e-2)
    assert not torch.allclose(keyed, other, atol=1e-4)


def test_reversed_units_hide_the_bits(marked: Protected) -> None:
    (group,) = LayerGraph.of(marked.model).groups
    turned = flip(marked.model, {group: torch.tensor([1.0, -1.0] * 16)})
    found = verdict(marked.key, turned)
    assert found.statistic == 0.5
    orders = [torch.randperm(32, generator=Rng(8, (str(i),)).torch()) for i in range(8)]
    moved = [verdict(marked.key, permute(turned, {group: order})).statistic for order in orders]
    assert 0.2 < sum(moved) / len(moved) < 0.8  # 256 fair bits
    own = verdict(marked.key, marked.model)
    assert found.figures["accuracy/true"] == pytest.approx(own.figures["accuracy/true"], abs=0.05)


def test_the_key_is_expanded_from_its_seed(marked: Protected) -> None:
    secret, again = SequenceKey.of(marked.key), SequenceKey.of(RecurrentIpr().rederive(marked.key))
    assert torch.equal(secret.sequences, again.sequences)
    assert torch.equal(secret.bits, again.bits)


def test_who_reads_other_sequences_is_not_verified(cell: str, marked: Protected) -> None:
    for other in (task_of(cell, hidden=16), load_task(TaskSpec())):
        found = verdict(marked.key, build(other.card, Rng(1)))
        assert not found.is_copy
        assert found.p_value == 1
    with pytest.raises(NotComparable, match="recurrent reader of sequences"):
        cell_of(build(load_task(TaskSpec()).card, Rng(1)))


def test_a_sign_costs_what_it_lacks() -> None:
    first = torch.tensor([[0.2, -0.4], [0.0, 0.0]])
    assert float(sign_loss(first, torch.tensor([1.0, 1.0]), 0.1)) == pytest.approx(0.3)
