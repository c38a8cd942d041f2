"""A thief and an owner that learn find what pays, and what they learnt plays in tournaments."""

from dataclasses import replace
from pathlib import Path

import pytest

from arena.errors import ScenarioError
from arena.game.match.agents import Scripted
from arena.game.match.play import play_here
from arena.game.match.steps.step_cache import MemoryMemo, Setting
from arena.runs.learn.environments import School
from arena.runs.learn.learned_player import FILE, LearnedPlayer, Side, write_learned
from arena.runs.learn.lesson import Lesson
from arena.runs.learn.train import Training
from arena.runs.scenario import parse_scenario
from tests.runs.learn.conftest import TEXT


def learn(school: School, side: Side, n_steps: int = 60) -> tuple[LearnedPlayer, list[Lesson]]:
    heard: list[Lesson] = []
    return Training(side, n_steps=n_steps).learn(school, heard.append).player, heard


def test_the_menu_is_what_the_threat_model_allows_and_each_player_once(school: School) -> None:
    env = school.thief_env()
    assert env.menu.names == ("stay", "wipe")
    assert env.opponents == ("bare-0", "mark-0")
    assert replace(school, n_rounds=None).thief_env().n_rounds == 2
    assert school.owner_env().opponents == ("stays-0", "wipes-0", "wipes-a-little-0")


def test_a_thief_finds_the_move_and_the_strength_that_evade(school: School) -> None:
    player, heard = learn(school, "thief")
    assert player.table["moves"] == [{"move": "wipe", "settings": {}, "strength": 1.0}]
    assert min(player.payoffs.values()) > 0.9
    assert [lesson.step for lesson in heard] == list(range(1, 61))


def test_an_owner_finds_the_scheme_that_holds(school: School) -> None:
    player, _ = learn(school, "owner")
    assert player.table["scheme"] == "mark"
    assert player.payoffs["stays-0"] == 1
    assert player.payoffs["wipes-0"] < 0.1


def test_the_same_seed_learns_the_same(school: School) -> None:
    assert learn(school, "thief", 20) == learn(school, "thief", 20)


def test_what_learnt_plays_in_a_tournament_as_it_learnt(
    school: School, memo: MemoryMemo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    thief, _ = learn(school, "thief")
    (tmp_path / "mine").mkdir()
    write_learned(tmp_path / "mine", thief)
    text = f'{TEXT}[[thief]]\nname = "learner"\nmoves = ["learned:mine"]\n'
    played = parse_scenario(text, tmp_path)
    monkeypatch.setattr(MemoryMemo, "save", None)  # whoever computes anything fails
    payoffs = {
        f"{match.owner}-{match.repeat}": play_here(match, Scripted(script), memo, Setting())
        for match, script in played.matches(school.task)
        if match.thief == "learner"
    }
    last = {name: records[-1].judged.payoff for name, records in payoffs.items()}
    assert last == pytest.approx(thief.payoffs, abs=1e-12)


def test_a_learned_owner_is_named_after_its_folder_and_keeps_its_own_keys(
    school: School, tmp_path: Path
) -> None:
    owner, _ = learn(school, "owner")
    (tmp_path / "mine").mkdir()
    write_learned(tmp_path / "mine", owner)
    text = TEXT + '[[owner]]\nscheme = "learned:mine"\n'
    text += '[[owner]]\nname = "named"\nscheme = "learned:mine"\nsettings = { strength = 0.05 }\n'
    *_, usual, named = parse_scenario(text, tmp_path).owner
    assert (usual.title, usual.scheme, usual.verification) == ("mine", "mark", "weights")
    assert usual.settings == owner.table["settings"]
    assert (named.title, named.settings) == ("named", {"strength": 0.05})


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "found none (No such file or directory)"),
        ("{", "found none (Expecting property name"),
        ("[]", "found none (its schema is None)"),
        ("[" * 100_000 + "]" * 100_000, "found none (expected JSON, found it nested too deeply)"),
        ('{"schema": "arena/learned-1"}', "found none ('side': field required)"),
    ],
)
def test_a_bad_file_is_one_sentence_with_its_line(
    content: str | None, said: str, tmp_path: Path, cast: None
) -> None:
    if content is not None:
        (tmp_path / FILE).write_text(content)
    text = f'{TEXT}[[thief]]\nname = "learner"\nmoves = ["learned:{tmp_path}"]\n'
    with pytest.raises(ScenarioError) as caught:
        parse_scenario(text, Path())
    (problem,) = caught.value.problems
    assert problem.startswith("line 19: expected a learned player (arena/learned-1) in ")
    assert said in problem


def test_the_other_sides_player_is_refused(school: School, tmp_path: Path) -> None:
    write_learned(tmp_path, learn(school, "owner", 2)[0])
    text = f'{TEXT}[[thief]]\nname = "learner"\nmoves = ["learned:{tmp_path}"]\n'
    with pytest.raises(ScenarioError, match=r"expected a learned thief .* found a learned owner"):
        parse_scenario(text, Path())


def test_what_cannot_be_learnt_is_said(school: School) -> None:
    with pytest.raises(ScenarioError, match="found 'serch'; did you mean 'search'"):
        Training("thief", "serch")
    with pytest.raises(ScenarioError, match="is called 'stay'; did you mean 'stays'"):
        replace(school, like="stay").thief_env()
