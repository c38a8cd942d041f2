"""Classifiers: what an interface lets out, what it is billed as, and how alike two of them are."""

from __future__ import annotations

import math

import pytest
import torch

from arena.errors import NotComparable, RegistryError, RuleViolation
from arena.world.kinds.classifier import normalisation
from arena.world.kinds.interface import LEVELS, Interface, Output
from arena.world.kinds.registry import find, kind, kinds
from arena.world.models import Model, ModelCard, build
from arena.world.rng import Rng
from arena.world.task import Task

KIND = find("classifier")
LOGITS = torch.tensor([[2.0, 1.0, 0.0], [0.0, 0.0, 5.0]])


def test_an_interface_shows_no_more_than_its_level() -> None:
    shown = {level: KIND.reveal(LOGITS, Interface(output=level)) for level in KIND.levels[1:-1]}
    assert shown["labels"].tolist() == [0, 2]
    assert shown["logits"].equal(LOGITS)
    assert shown["probabilities"].equal(LOGITS.softmax(1))
    assert (shown["top-k"] > 0).sum(1).tolist() == [1, 1]
    rounded = KIND.reveal(LOGITS, Interface(output="probabilities", decimals=1))
    assert torch.equal(rounded, rounded.round(decimals=1))


@pytest.mark.parametrize("output", ["labels", "top-k", "probabilities"])
def test_what_was_served_reveals_the_same_below(output: Output) -> None:
    """Wrappers answer probabilities; the gatekeeper cuts them down to the level that is granted."""
    interface = Interface(output=output, top_k=2)
    again = KIND.reveal(KIND.unserved(LOGITS.softmax(1)), interface)
    assert torch.allclose(again.double(), KIND.reveal(LOGITS, interface).double())


def test_answers_are_billed_by_what_they_show(task: Task) -> None:
    bits = [KIND.bits(task.card, Interface(output=level)) for level in KIND.levels[1:-1]]
    assert bits == sorted(bits)
    assert bits[0] == math.log2(10)
    assert KIND.bits(task.card, Interface(output="probabilities", decimals=0)) == 10


def test_inputs_outside_the_range_are_answered_only_where_granted(task: Task) -> None:
    outside = torch.full((1, 1, 8, 8), 2.0)
    KIND.admit(outside, task.card, Interface(real_inputs=True))
    with pytest.raises(RuleViolation, match=r"expected inputs in \[0, 1\]"):
        KIND.admit(outside, task.card, Interface())


def test_the_floor_is_the_most_frequent_class(task: Task) -> None:
    exam = task.exam()
    most = int(torch.bincount(task.splits.test.labels).argmax())
    always = torch.nn.functional.one_hot(torch.full((len(exam.inputs),), most), 10).float()
    assert exam.utility(always) == exam.floor


def test_agreement_counts_classes_and_likeness_compares_rows() -> None:
    one = torch.tensor([[0.9, 0.1], [0.6, 0.4]])
    other = torch.tensor([[0.6, 0.4], [0.4, 0.6]])
    assert KIND.agreement(one, other) == 0.5
    assert KIND.likeness(one, other) == pytest.approx(0.75)


def test_an_old_card_names_no_kind_and_is_a_classifiers(task: Task) -> None:
    old = {key: value for key, value in task.card.plain().items() if key != "kind"}
    assert ModelCard.read(old) == task.card


def test_the_normalisation_is_a_classifiers_alone(trained: Model) -> None:
    card = ModelCard(
        kind="generator", architecture="dcgan", input_shape=(64,), output_shape=(1, 8, 8)
    )
    assert normalisation(trained).mean.shape == (1, 1, 1)
    with pytest.raises(NotComparable, match="expected a classifier, found a generator"):
        normalisation(build(card, Rng(0)))


def test_every_kind_names_levels_that_exist_and_serves_one_of_them() -> None:
    for each in kinds().values():
        assert set(each.levels) <= set(LEVELS)
        assert list(each.levels) == sorted(each.levels, key=LEVELS.index)
        assert each.served in each.levels


def test_a_kind_that_is_unknown_or_taken_is_refused() -> None:
    with pytest.raises(RegistryError, match=r"no kind of task is named 'generater'.*generator"):
        find("generater")
    with pytest.raises(RegistryError, match="registered twice"):
        kind("classifier")(type(KIND))
