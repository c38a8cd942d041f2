"""`--set key=value`."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arena.errors import ScenarioError
from arena.view.commands.overrides import parse_changes


@pytest.mark.parametrize(
    ("text", "key", "value"),
    [
        ("repeats=2", "repeats", 2),
        ("task.recipe.lr = 1e-3", "task.recipe.lr", 1e-3),
        ("task.data=mnist", "task.data", "mnist"),
        ("task.data=folder:/data/x", "task.data", "folder:/data/x"),
        ('name="two words"', "name", "two words"),
        ("isolate=true", "isolate", True),
        ("owner.0.settings={ n_bits = 32 }", "owner.0.settings", {"n_bits": 32}),
        ('thief.1.moves=["none", "ft-ll"]', "thief.1.moves", ["none", "ft-ll"]),
        ("task.arguments.norm='a=b'", "task.arguments.norm", "a=b"),
    ],
)
def test_values_are_toml_and_bare_words_are_text(text: str, key: str, value: object) -> None:
    assert parse_changes([text]) == {key: value}


def test_all_problems_are_said_at_once() -> None:
    with pytest.raises(ScenarioError) as caught:
        parse_changes(["repeats", "=3", "a b=1", "seed=1 2", "seed=4"])
    assert len(caught.value.problems) == 4
    assert all(problem.startswith("--set") for problem in caught.value.problems)


@pytest.mark.parametrize(
    ("option", "text", "sentence"),
    [
        ("--recipe", "lr=nan", "--recipe 'lr': expected a finite number, found nan"),
        ("--recipe", "lr", "--recipe: expected key=value, found 'lr'; try --recipe lr=0.01"),
        ("--set", f"x={'[' * 5000}{']' * 5000}", "(nested too deeply)"),
        ("--set", f"{'x.' * 5000}x=1", "--set: expected key=value, found 'x.x."),
        ("--set", "x=1\ny=2", "(more than one value)"),
        ("--set", f"x={'9' * 5000}", "--set x: expected a TOML value, found '999"),
    ],
)
def test_a_fault_names_its_option_and_is_short(option: str, text: str, sentence: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        parse_changes([text], option)
    (said,) = caught.value.problems
    assert sentence in said
    assert len(said) < 300


@given(st.text(max_size=30))
def test_any_text_is_a_change_or_a_sentence(text: str) -> None:
    with contextlib.suppress(ScenarioError):
        assert len(parse_changes([text])) == 1


@given(st.integers(-(2**60), 2**60) | st.booleans() | st.floats(-1e6, 1e6))
def test_numbers_come_back_as_they_were(value: float) -> None:
    text = str(value).lower()
    assert parse_changes([f"key={text}"]) == {"key": value}
