"""The worked example of docs/adding-a-kind.md: one file trains, is stolen, marked and judged."""

from __future__ import annotations

import tomllib

import pytest

import arena
from arena import testing
from arena.errors import ModelError, RuleViolation
from arena.game.rules.threat import ThreatModel
from arena.world.kinds.registry import find, kinds
from arena.world.models import build, pack, unpack
from arena.world.rng import Rng
from arena.world.task import Task, TaskSpec, load_task
from tests.world.kinds.autoencoder import Autoencoder

PAGE = arena.ROOT / "docs" / "adding-a-kind.md"
SPEC = TaskSpec.model_validate(
    tomllib.loads(PAGE.read_text().partition("```toml\n")[2].partition("```")[0])["task"]
)


@pytest.fixture(scope="module")
def task() -> Task:
    return load_task(SPEC)


def test_the_file_is_all_that_makes_it_known() -> None:
    assert isinstance(find("autoencoder"), Autoencoder)
    assert {"autoencoder", "classifier", "generator"} <= set(kinds())


def test_a_model_travels_with_a_card_that_names_its_kind(task: Task) -> None:
    model = build(task.card, Rng(1))
    again = unpack(pack(model))
    assert (again.card.kind, again.digest()) == ("autoencoder", model.digest())
    assert "n_classes" not in task.card.plain()


def test_an_architecture_of_another_kind_is_refused(task: Task) -> None:
    with pytest.raises(ModelError, match="found mlp, which is one of the kind classifier"):
        build(task.card_for("mlp"), Rng(0))


@pytest.mark.end_to_end
def test_a_white_box_mark_plays_against_a_thief(task: Task) -> None:
    """An owner that reads weights and a thief that prunes: neither knows what the model does."""
    uchida = testing.spec("uchida", n_bits=16)
    records = testing.play(testing.match(uchida, "prune", task=SPEC), "none", "prune")
    assert [record.status for record in records] == ["OK", "OK"], [r.message for r in records]
    taken, pruned = (record.judgement for record in records)
    assert taken is not None
    assert pruned is not None
    assert taken.caught
    assert taken.utility == taken.victim_utility > 0.3
    assert taken.agreement == 1.0
    assert pruned.utility < taken.utility


def test_its_interface_answers_images_and_bills_their_bits(task: Task) -> None:
    thief = testing.thief(task, build(task.card, Rng(2)), ThreatModel(output="outputs"))
    asked = task.splits.thief.images[:3]
    assert thief.access.query(asked).shape == (3, 1, 8, 8)
    assert thief.spent("bits_revealed") == 3 * 8 * 64
    with pytest.raises(RuleViolation, match=r"expected inputs of \(N, 1, 8, 8\)"):
        thief.access.query(asked[:, :, :4])
