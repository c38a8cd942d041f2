"""Captioners: what they learn, write, answer, and refuse."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import cast

import pytest
import torch
from torch import Tensor

from arena.errors import ModelError, RuleViolation
from arena.world.compute import Compute
from arena.world.data import Dataset
from arena.world.kinds.captioner import SMALL_CAPTIONER, CaptionScore, bleu, same, up_to_end
from arena.world.kinds.interface import Interface
from arena.world.kinds.registry import find
from arena.world.models import Model, ModelCard, build, pack, unpack
from arena.world.models.nets.captioner import Captioner
from arena.world.rng import Rng
from arena.world.task import Task, TaskSpec, load_task
from arena.world.training import Examples, Recipe, Trainer

SPEC = TaskSpec.model_validate(dict(SMALL_CAPTIONER))


@pytest.fixture(scope="module")
def task() -> Task:
    return load_task(SPEC)


def trained(task: Task, recipe: Recipe, data: Dataset | None = None) -> Model:
    model = build(task.card, Rng(1))
    Trainer().train(model, Examples.of(data or task.splits.owner), recipe, Rng(2))
    return model


@pytest.fixture(scope="module")
def model(task: Task) -> Model:
    """A model that has learnt forty rows by heart."""
    few = task.splits.owner.select(torch.arange(40))
    return trained(task, Recipe(steps=150, batch=40, lr=0.02, clip=1.0), few)


def test_it_learns_to_read_rows(task: Task, model: Model) -> None:
    few = task.splits.owner.select(torch.arange(40))
    exam = task.exam(data=few)
    assert isinstance(exam, CaptionScore)
    said = task.serve(model, exam.inputs)
    assert said.dtype == torch.int64
    assert exam.exact(said) > 0.5 > 0.2 > exam.floor
    assert exam.utility(said) > 0.5


def test_the_same_seed_gives_the_same_bits(task: Task) -> None:
    recipe = Recipe(steps=2, batch=8)
    one, two = trained(task, recipe), trained(task, recipe)
    assert one.digest() == two.digest() != build(task.card, Rng(1)).digest()
    assert unpack(pack(one)).digest() == one.digest()


def log_probability(model: Model, images: Tensor, captions: Tensor) -> Tensor:
    """Of each caption (N, T) under its image, (N,): a second way to what a search maximises."""
    body = cast(Captioner, model.body)
    with torch.no_grad(), body.taught(captions):
        rows = model(images).log_softmax(2).gather(2, captions[:, :, None])[:, :, 0]
    return cast(Tensor, (rows * up_to_end(captions)).sum(1))


def test_a_search_as_wide_as_all_captions_finds_the_most_probable(task: Task) -> None:
    card = ModelCard.model_validate(
        task.card.plain()
        | {"words": ["", "a", "b"], "output_shape": [3], "arguments": {"width": 4, "beam": 32}}
    )
    model, images = build(card, Rng(5)), task.splits.test.images[:6].float() / 255
    with torch.no_grad():
        found = model(images)
    every = [
        row
        for row in itertools.product(range(3), repeat=3)
        if not any(a == 0 < b for a, b in itertools.pairwise(row))
    ]
    scores = torch.stack(
        [log_probability(model, images, torch.tensor([row]).expand(6, 3)) for row in every]
    )
    assert torch.equal(found, torch.tensor(every)[scores.argmax(0)])


def test_greedy_takes_the_most_probable_word_each_time(task: Task, model: Model) -> None:
    images = task.splits.test.images[:20].float() / 255
    said = task.serve(model, images)
    with torch.no_grad(), cast(Captioner, model.body).taught(said):
        rows = model(images)
    counted = up_to_end(said)
    assert torch.equal(rows.argmax(2)[counted], said[counted])
    assert int(said[~counted].sum()) == 0


def test_a_caption_is_let_out_whole_or_not_at_all(task: Task, model: Model) -> None:
    kind, card = task.kind, task.card
    assert kind.levels == ("nothing", "outputs", "weights")
    assert kind.bits(card, Interface(output="outputs")) == pytest.approx(4 * 3.4594, rel=1e-4)
    images = task.splits.test.images[:5]
    answer = kind.answer(model, images, Compute(), Rng(0))
    exact = kind.answer(model, images, Compute(), Rng(0), double=True)
    assert torch.equal(kind.reveal(answer, Interface(output="outputs")), answer)
    assert answer.shape == exact.shape == (5, 4)


@pytest.mark.parametrize(
    ("inputs", "expected"),
    [
        (torch.zeros(2, 1, 8, 8), "inputs of"),
        (torch.full((2, 1, 8, 32), 2.0), r"\[0, 1\]"),
        (torch.zeros(2, 1, 8, 32, dtype=torch.int64), "uint8 or floats"),
    ],
    ids=["shape", "values", "type"],
)
def test_what_is_no_image_is_not_admitted(task: Task, inputs: Tensor, expected: str) -> None:
    with pytest.raises(RuleViolation, match=expected):
        task.kind.admit(inputs, task.card, Interface(output="outputs"))


def test_bleu_is_one_for_the_truth_and_falls_with_the_words() -> None:
    truth = torch.tensor([[1, 2, 3, 4], [4, 3, 2, 1]])
    near = torch.tensor([[1, 2, 3, 4], [4, 3, 2, 2]])
    assert bleu(truth, truth) == pytest.approx(1.0)
    assert bleu(truth, truth) > bleu(near, truth) > bleu(truth.flip(1), truth)
    assert bleu(torch.zeros_like(truth), truth) == 0
    assert same(near, truth).tolist() == [True, False]


def test_likeness_counts_words_and_agreement_captions() -> None:
    kind = find("captioner")
    one, two = torch.tensor([[1, 2, 0], [3, 0, 0]]), torch.tensor([[1, 1, 0], [3, 0, 0]])
    assert kind.likeness(one, two) == pytest.approx(2 / 3)
    assert kind.agreement(one, two) == 0.5
    assert kind.likeness(one, one) == kind.agreement(one, one) == 1


def test_models_of_other_words_do_not_stand_for_each_other(task: Task) -> None:
    kind, card = task.kind, task.card
    other = card.model_copy(update={"words": ("", "a")})
    assert kind.mismatch(card, card) == ""
    assert "out of 2 words" in kind.mismatch(other, card)
    assert "found a classifier" in kind.mismatch(load_task(TaskSpec()).card, card)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"words": ("", "")}, "words are at least two"),
        ({"output_shape": (1, 2)}, r"a caption, \(T,\)"),
        ({"input_shape": (3,)}, "of an image"),
        ({"std": (0.0,)}, "std is above 0"),
    ],
)
def test_a_card_says_what_is_wrong(task: Task, change: dict[str, object], expected: str) -> None:
    with pytest.raises(ModelError, match=expected):
        ModelCard.model_validate({**task.card.model_dump(), **change})


@pytest.mark.parametrize("arguments", [{"beam": 0}, {"beam": 65}, {"hidden": 0}, {"width": -1}])
def test_sizes_out_of_range_are_refused(task: Task, arguments: dict[str, int]) -> None:
    card = task.card.model_copy(update={"arguments": arguments})
    with pytest.raises(ModelError, match="attend-lstm takes captions"):
        build(card, Rng(0))


def test_early_stopping_looks_at_held_out_captions(task: Task, model: Model) -> None:
    few = task.splits.owner.select(torch.arange(40))
    held = Examples.of(replace(few))
    assert task.kind.validate(model, held, Compute()) > 0.5
