"""The reference class: what the null models are, how useful, and whom they cover."""

from __future__ import annotations

import pytest
import torch

from arena.errors import MalformedKey, NoReference, NotComparable
from arena.game.court.nulls import Values
from arena.game.court.reference import N_EXAM, Reference
from arena.game.rules.keys import Key
from arena.game.sides.suspect import Suspect
from arena.world.data import Dataset
from arena.world.models import ModelCard

IMAGES = torch.arange(40, dtype=torch.uint8).view(40, 1, 1, 1).expand(40, 1, 2, 2)
LABELS = torch.arange(40) % 4
PROBE = Dataset("toy", IMAGES.contiguous(), LABELS, ("a", "b", "c", "d"))


def right_on(n: int, n_classes: int = 4) -> Suspect:
    """Return a suspect that answers the first n images right and all others wrong."""

    def answer(images: torch.Tensor) -> torch.Tensor:
        index = (images[:, 0, 0, 0] * 255).round().long()
        wanted = (index + (index >= n)) % 4
        return torch.nn.functional.one_hot(wanted, 4).float()[:, :n_classes]

    card = ModelCard(
        architecture="softmax", n_classes=n_classes, input_shape=(1, 2, 2), mean=(0.5,), std=(0.5,)
    )
    return Suspect(answer, "labels", card)


def reference(*rights: int) -> Reference:
    """Return the reference class of models that answer so many images right."""
    kinds = [f"kind {n}" for n in rights]
    return Reference.measured(PROBE, [right_on(n) for n in rights], kinds)


def test_utilities_are_the_shares_answered_right() -> None:
    assert reference(40, 20, 10).utilities == (1.0, 0.5, 0.25)
    assert reference(40).utility(right_on(30)) == 0.75


def test_whom_the_models_cover() -> None:
    found = reference(40, 20)
    assert found.covers(0.75)
    assert found.covers(0.4)  # within 2.5 standard errors of forty images
    assert not found.covers(0.2)
    with pytest.raises(NoReference, match=r"accuracy is 0\.20, that of the 2 .* 0\.50 to 1\.00"):
        found.utility_of(right_on(8))


def test_another_number_of_classes_cannot_be_compared() -> None:
    with pytest.raises(NotComparable, match="2 classes apart"):
        reference(40).utility(right_on(40, 2))


def test_a_key_remembers_its_reference_class() -> None:
    found = reference(40, 20, 10)
    told = found.bundle()
    again = Reference.read(Key("toy", "", dict(told.data), dict(told.tensors)))
    assert again.kinds == found.kinds
    assert again.utilities == found.utilities
    assert again.utility(right_on(30)) == 0.75


def test_a_key_without_one_refuses_nobody() -> None:
    none = Reference.read(Key("toy"))
    assert none.utilities == ()
    assert none.title == "no independent models"
    assert none.utility_of(right_on(3)) is None


def test_each_model_has_one_value() -> None:
    found = reference(40, 20, 10)
    assert found.nulls([0.1, 0.2, 0.3], Values("low")).near(0.5) == (0.1, 0.2, 0.3)
    with pytest.raises(MalformedKey, match="a value of each of 3 null models, found 2"):
        found.nulls([0.1, 0.2], Values("low"))


def test_the_title_counts_kinds() -> None:
    models = [right_on(40), right_on(36), right_on(8)]
    found = Reference.measured(PROBE, models, ["Neg-1", "Neg-1", "SGD"])
    assert found.title == "3 independent models (2 x Neg-1; 1 x SGD) of accuracy 0.20 to 1.00"
    assert found.same() == [0, 1]


def test_the_exam_is_short_and_has_every_class() -> None:
    many = Dataset(
        "toy", IMAGES.repeat(20, 1, 1, 1), (torch.arange(800) >= 700).long() * 3, PROBE.classes
    )
    found = Reference.measured(many, [], [])
    assert len(found.labels) == N_EXAM
    assert found.labels.bincount().tolist() == [100, 0, 0, 100]
