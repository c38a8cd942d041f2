"""Models of language: what they learn, write, answer, and refuse."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from arena import testing
from arena.errors import ArenaError, ModelError, NotComparable, RuleViolation
from arena.game.rules.threat import ThreatModel
from arena.world.kinds.interface import Interface
from arena.world.kinds.language import BitsPerCharacter, entropy
from arena.world.kinds.registry import find
from arena.world.kinds.tokens import BYTES
from arena.world.kinds.writing import plain, written
from arena.world.models import Model, ModelCard, build, pack, unpack
from arena.world.models.nets.gpt import Past
from arena.world.rng import Rng
from arena.world.task import Task
from arena.world.training import Recipe


@pytest.fixture(scope="module")
def untrained(text_task: Task) -> Model:
    return build(text_task.card, Rng(2))


def test_it_learns_more_than_how_frequent_each_character_is(
    text_task: Task, text_model: Model
) -> None:
    exam = text_task.exam()
    assert isinstance(exam, BitsPerCharacter)
    answers = text_task.serve(text_model, exam.inputs)
    assert exam.unigram > 4
    assert exam.bits(answers) < exam.unigram - 0.3
    assert exam.utility(answers) == 1 - exam.bits(answers) / exam.unigram > exam.floor


def test_the_unigram_model_itself_is_worth_nothing(text_task: Task) -> None:
    inputs = text_task.splits.test.images[:50].long()
    shares = torch.bincount(inputs.flatten(), minlength=256) / inputs.numel()
    exam = BitsPerCharacter(inputs)
    assert exam.utility(shares.expand(50, inputs.shape[1], 256)) == pytest.approx(0, abs=0.01)


def test_entropy_counts_bits() -> None:
    assert entropy(torch.tensor([[0, 1], [2, 3]])) == 2.0
    assert entropy(torch.zeros(9)) == 0.0


def test_training_goes_on_bit_for_bit(text_task: Task) -> None:
    recipe = Recipe(steps=2, batch=4)
    one, two = (testing.trained(text_task, rng=Rng(5), recipe=recipe) for _ in range(2))
    assert one.digest() == two.digest()
    assert unpack(pack(one)).digest() == one.digest()


@pytest.mark.parametrize("text", ["a fable", "Füchse & Krähen", "", "\n\t\0"])
def test_a_text_survives_its_tokens(text: str) -> None:
    assert BYTES.decode(BYTES.encode(text)) == text


def test_bytes_that_are_no_text_are_replaced() -> None:
    assert BYTES.decode(torch.tensor([97, 255])) == "a�"


def test_a_carried_past_changes_no_logit(untrained: Model) -> None:
    tokens = torch.randint(0, 256, (3, 20), generator=Rng(1).torch())
    past = Past()
    with torch.no_grad():
        whole = untrained(tokens)
        steps = [untrained.body(tokens[:, :5], past)]
        steps += [untrained.body(tokens[:, i : i + 1], past) for i in range(5, 20)]
    torch.testing.assert_close(torch.cat(steps, 1), whole)


def test_what_is_drawn_follows_the_scores(untrained: Model) -> None:
    """Half the mass on one token, a quarter on another: 4,000 draws agree within five sigma."""

    def half(tokens: Tensor, scores: Tensor) -> Tensor:
        rows = torch.full_like(scores, -torch.inf)
        rows[:, 65], rows[:, 66], rows[:, 67] = 2.0, 1.0, 1.0
        return rows * torch.tensor(2.0).log()

    made = written(untrained, torch.zeros(40, 1), 100, half, Rng(0))
    share = float((made == 65).double().mean())
    assert abs(share - 0.5) < 5 * (0.25 / 4000) ** 0.5
    assert set(made.unique().tolist()) == {65, 66, 67}


def test_it_writes_past_its_context_and_the_same_again(untrained: Model) -> None:
    prompts = torch.full((2, 3), 97)
    length = untrained.card.input_shape[0] + 40
    made = written(untrained, prompts, length, plain, Rng(4))
    assert made.shape == (2, length)
    assert torch.equal(made, written(untrained, prompts, length, plain, Rng(4)))
    assert not torch.equal(made, written(untrained, prompts, length, plain, Rng(5)))


def test_an_interface_writes_texts_and_bills_their_bits(text_task: Task, untrained: Model) -> None:
    grants = ThreatModel(output="outputs", length=30)
    thief = testing.thief(text_task, untrained, grants)
    made = thief.access.query(text_task.splits.thief.images[:3, :16])
    assert made.shape == (3, 30)
    assert made.dtype == torch.int64
    assert thief.spent("bits_revealed") == 3 * 30 * 8


@pytest.mark.parametrize(
    ("inputs", "match"),
    [
        (torch.zeros(1, 129, dtype=torch.int64), r"t from 1 to 128, found \(1, 129\)"),
        (torch.zeros(0, 4, dtype=torch.int64), "N > 0"),
        (torch.zeros(1, 4), "expected tokens of uint8 or int64, found torch.float32"),
        (torch.full((1, 4), 256), "expected tokens from 0 to 255, found 256 to 256"),
    ],
    ids=["long", "none", "floats", "large"],
)
def test_what_is_no_prompt_is_refused(text_task: Task, inputs: Tensor, match: str) -> None:
    grants = Interface(output="outputs")
    with pytest.raises(RuleViolation, match=match):
        find("language").admit(inputs, text_task.card, grants)


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"vocabulary": 65}, "vocabulary is 256: tokens are bytes, found 65"),
        ({"input_shape": (1, 8, 8)}, r"that of a text, \(T,\), found \(1, 8, 8\)"),
    ],
)
def test_a_card_says_what_is_wrong(text_task: Task, changes: dict[str, object], match: str) -> None:
    with pytest.raises(ModelError, match=match):
        ModelCard.model_validate(text_task.card.model_dump() | changes)


def test_heads_divide_the_width(text_task: Task) -> None:
    with pytest.raises(ModelError, match="heads that divide its width"):
        build(text_task.card_for("gpt", {"width": 10, "heads": 3}), Rng(0))


def test_another_loss_is_refused(text_task: Task) -> None:
    with pytest.raises(ArenaError, match="expected a loss of next-token for a language"):
        testing.trained(text_task, recipe=Recipe(steps=1, loss="cross-entropy"))


def test_early_stopping_looks_at_held_out_texts(text_task: Task) -> None:
    data = text_task.splits.owner.select(torch.arange(40))
    recipe = Recipe(epochs=2, batch=20, validation=0.5, patience=1)
    assert testing.trained(text_task, data=data, recipe=recipe).card.kind == "language"


def test_a_classifier_writes_no_texts(task: Task, trained: Model) -> None:
    with pytest.raises(NotComparable, match="a classifier writes no texts"):
        task.kind.write(trained, torch.zeros(1, 1), 1, plain, Rng(0))


def test_two_models_are_as_alike_as_their_distributions(text_task: Task) -> None:
    kind = text_task.kind
    one, other = torch.eye(4)[None, [0, 1]], torch.eye(4)[None, [0, 2]]
    assert (kind.likeness(one, one), kind.likeness(one, other)) == (1.0, 0.5)
    assert kind.agreement(one, other) == 0.5
