"""Scenario files: every problem is one sentence with its line; never a traceback."""

from __future__ import annotations

import string
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arena.errors import ScenarioError
from arena.runs.scenario import Scenario, parse_scenario, read_scenario
from arena.world.json_values import Json

from .bad_scenarios import BAD, GOOD, edit
from .conftest import HERE, SMALL, scenario


def problems(text: str) -> tuple[str, ...]:
    with pytest.raises(ScenarioError) as caught:
        parse_scenario(text, HERE)
    return caught.value.problems


def test_the_good_file_is_good() -> None:
    found = parse_scenario(GOOD, HERE)
    assert [owner.title for owner in found.owner] == ["uchida", "plain"]
    assert found.thief[1].grants().budget.steps == 5
    assert found.thief[1].grants().output == "weights"


@pytest.mark.parametrize("case", BAD)
def test_a_bad_file_is_one_sentence_with_its_line(case: str) -> None:
    text, sentence = BAD[case]
    assert sentence in problems(text)


def test_a_fault_in_the_only_thief_is_one_sentence() -> None:
    text = GOOD.partition("[[thief]]")[0] + '[[thief]]\nname = "../x"\nmoves = ["none"]\n'
    assert len(problems(text)) == 1


def test_a_setting_beside_its_move_is_one_sentence() -> None:
    text, sentence = BAD["a setting beside its move"]
    assert problems(text) == (sentence,)


def test_there_are_enough_bad_files() -> None:
    assert len(BAD) >= 25


def test_all_problems_are_said_at_once() -> None:
    text = edit("seed = 1", "sed = 1").replace("epochs", "epoch").replace("moves =", "mvoes =")
    found = problems(text)
    assert len(found) >= 5
    assert sum("unknown key" in problem for problem in found) == 4


def test_files_of_players_come_first_and_each_is_said_once() -> None:
    text = edit("seed = 1", 'seed = 1\nplayers = ["nobody.py", "somebody.py", "nobody.py"]')
    found = problems(text.replace('scheme = "uchida"', 'scheme = "nobodys-scheme"'))
    assert [problem.split("/")[-1] for problem in found] == [
        "nobody.py, found none",
        "somebody.py, found none",
    ]


def test_a_missing_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match="expected a scenario file at"):
        read_scenario(tmp_path / "none.toml")


def test_a_file_that_is_not_text_is_said(tmp_path: Path) -> None:
    (tmp_path / "x.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ScenarioError, match="cannot read it"):
        read_scenario(tmp_path / "x.toml")


def test_a_fault_names_its_file(tmp_path: Path) -> None:
    (tmp_path / "x.toml").write_text("a = [\n1 2]")
    with pytest.raises(ScenarioError, match=r"^x\.toml: expected TOML, .*at line 2, column 3"):
        read_scenario(tmp_path / "x.toml")
    (tmp_path / "x.toml").write_text(edit("seed = 1", "sed = 1"))
    with pytest.raises(ScenarioError, match=r"^x\.toml: line 2: unknown key 'sed'"):
        read_scenario(tmp_path / "x.toml")


def test_a_whole_number_stands_for_any_number() -> None:
    found = parse_scenario(GOOD, HERE, {"max_loss": 0, "task.recipe.lr": 1})
    assert (repr(found.max_loss), repr(found.task.recipe.lr)) == ("0.0", "1.0")


@pytest.mark.parametrize(
    ("key", "value", "found"),
    [
        ("seed", 9, lambda s: s.seed == 9),
        ("task.recipe.epochs", 1, lambda s: s.task.recipe.epochs == 1),
        ("owner.uchida.settings", {"n_bits": 8}, lambda s: s.owner[0].settings == {"n_bits": 8}),
        ("owner.0.settings", {"n_bits": 8}, lambda s: s.owner[0].settings == {"n_bits": 8}),
        ("limits.step_s", 5.0, lambda s: s.limits.step_s == 5),
    ],
)
def test_a_key_can_be_set_from_outside(
    key: str, value: Json, found: Callable[[Scenario], bool]
) -> None:
    assert found(parse_scenario(GOOD, HERE, {key: value}))


@pytest.mark.parametrize("key", ["nope.x", "owner.7.scheme", "owner.x", "seed.x", "name.0"])
def test_a_key_that_cannot_be_set_is_said(key: str) -> None:
    with pytest.raises(ScenarioError):
        parse_scenario(GOOD, HERE, {key: 1})


def test_every_thief_meets_every_owner_it_is_sent_against() -> None:
    from arena.runs.tournament import task_of
    from arena.world.compute import Compute

    found = parse_scenario(GOOD, HERE, {"repeats": 2})
    titles = [match.title for match, _ in found.matches(task_of(found, Compute()))]
    assert titles == [
        "uchida-vs-tune-0", "plain-vs-tune-0", "plain-vs-idle-0",
        "uchida-vs-tune-1", "plain-vs-tune-1", "plain-vs-idle-1",
    ]  # fmt: skip


def test_what_a_removal_may_cost_reaches_the_judge() -> None:
    from arena.runs.tournament import task_of
    from arena.world.compute import Compute

    found = parse_scenario(GOOD, HERE, {"tolerance": 0.01})
    match, script = next(iter(found.matches(task_of(found, Compute()))))
    assert match.judge(match.round(script[0].move, None, 0)).tolerance == 0.01


def test_shipped_scenarios_are_good() -> None:
    shipped = sorted((HERE.parents[1] / "scenarios").rglob("*.toml"))
    with_package = [path for path in shipped if "pretrained:" in path.read_text()]
    assert [path.stem for path in with_package] == ["language-real"]  # played by a slow test
    for path in sorted({*shipped} - {*with_package}):
        assert read_scenario(path).name


def test_a_model_of_a_package_that_is_missing_is_named() -> None:
    path = HERE.parents[1] / "scenarios" / "language-real.toml"
    with pytest.raises(ScenarioError, match=r"or pip install no-such-package"):
        read_scenario(path, {"task.model": "pretrained:no_such_package/model.gguf"})


def said(text: str, changes: dict[str, Json] | None = None) -> tuple[str, ...]:
    """Return the problems of a text; anything else that is raised is a fault of ours."""
    try:
        parse_scenario(text, HERE, changes)
    except ScenarioError as error:
        return error.problems
    return ()


LINES = GOOD.splitlines()
VALUES = st.sampled_from(
    ["0", "-1", "1e400", '""', '"x"', "[]", "{}", "true", "[1]", "{a=1}", "nan"]
)


@given(st.data())
def test_a_mutated_file_never_causes_a_traceback(data: st.DataObject) -> None:
    lines = list(LINES)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(lines) - 1))
        kind = data.draw(st.sampled_from(["drop", "value", "letter", "swap", "junk", "double"]))
        key = lines[at].partition("=")[0]
        if kind == "drop":
            lines[at] = ""
        elif kind == "value" and "=" in lines[at]:
            lines[at] = f"{key}= {data.draw(VALUES)}"
        elif kind == "letter" and lines[at]:
            place = data.draw(st.integers(0, len(lines[at]) - 1))
            letter = data.draw(st.sampled_from(string.printable))
            lines[at] = lines[at][:place] + letter + lines[at][place + 1 :]
        elif kind == "swap":
            other = data.draw(st.integers(0, len(lines) - 1))
            lines[at], lines[other] = lines[other], lines[at]
        elif kind == "junk":
            lines[at] += data.draw(st.text(max_size=5))
        else:
            lines.insert(at, lines[at])
    text = "\n".join(lines)
    assert all(problem.strip() for problem in said(text))


@given(st.recursive(st.none() | st.integers() | st.text(max_size=3), st.lists, max_leaves=4))
def test_any_value_may_be_set_without_a_traceback(value: Json) -> None:
    for key in tomllib.loads(SMALL):
        assert all(problem.strip() for problem in said(SMALL, {key: value}))


def test_the_small_scenario_of_the_tests_is_good() -> None:
    assert scenario().name == "small"
