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

from .conftest import HERE, SMALL, scenario

GOOD = """\
name = "good"
seed = 1

[task]
data = "digits"
model = "cnn8"
recipe = { epochs = 3 }

[innocents]
reporting_same = 2

[[owner]]
scheme = "uchida"

[[owner]]
name = "plain"
scheme = "none"

[[thief]]
name = "tune"
moves = ["ft-ll", { move = "ft-al", strength = 0.5 }]
threat = "whitebox_third"

[[thief]]
name = "idle"
moves = ["none"]
against = ["plain"]
threat = { preset = "weights_only_nodata", budget = { steps = 5 } }
"""


def problems(text: str) -> tuple[str, ...]:
    with pytest.raises(ScenarioError) as caught:
        parse_scenario(text, HERE)
    return caught.value.problems


def edit(old: str, new: str) -> str:
    assert old in GOOD
    return GOOD.replace(old, new, 1)


BAD = {
    "not toml": ("name = ", "expected TOML, found a fault: Invalid value (at end of document)"),
    "unknown key": (
        edit("seed = 1", "sed = 1"),
        "line 2: unknown key 'sed'; did you mean 'seed'?",
    ),
    "unknown key with a capital": (
        edit("seed = 1", "Seed = 1"),
        "line 2: unknown key 'Seed'; did you mean 'seed'?",
    ),
    "unknown key with the name of a type": (
        edit("seed = 1", "str = 1"),
        "line 2: unknown key 'str'; known are description, device, experiment, innocents, isolate, "
        "limits, name, owner, players, repeats, seed, task, thief",
    ),
    "unknown table": (
        GOOD + "\n[innocent]\nreporting_same = 1\n",
        "line 30: unknown key 'innocent'; did you mean 'innocents'?",
    ),
    "unknown key in a table": (
        edit("reporting_same", "reporting_sam"),
        "line 10: unknown key 'innocents.reporting_sam'; did you mean 'reporting_same'?",
    ),
    "unknown key in a thief": (
        edit('against = ["plain"]', 'againts = ["plain"]'),
        "line 27: unknown key 'thief.1.againts'; did you mean 'against'?",
    ),
    "unknown key in a recipe": (
        edit("{ epochs = 3 }", "{ epoch = 3 }"),
        "line 7: unknown key 'task.recipe.epoch'; did you mean 'epochs'?",
    ),
    "no name": (edit('name = "good"\n', ""), "expected a key 'name', found none; add it"),
    "empty name": (
        edit('name = "good"', 'name = ""'),
        "line 1: 'name': expected string should have at least 1 character, found ''",
    ),
    "a name that is no file name": (
        edit('name = "good"', 'name = "a/b"'),
        "line 1: 'name': expected string should match pattern "
        "'^[A-Za-z0-9][A-Za-z0-9._-]*$', found 'a/b'",
    ),
    "negative seed": (
        edit("seed = 1", "seed = -1"),
        "line 2: 'seed': expected greater than or equal to 0, found -1",
    ),
    "seed of the wrong type": (
        edit("seed = 1", 'seed = "one"'),
        "line 2: 'seed': expected a valid integer, unable to parse string as an integer, "
        "found 'one'",
    ),
    "no repeats": (
        edit("seed = 1", "repeats = 0"),
        "line 2: 'repeats': expected greater than or equal to 1, found 0",
    ),
    "unknown device": (
        edit("seed = 1", 'device = "gpu"'),
        "line 2: 'device': expected 'auto', 'cpu' or 'cuda', found 'gpu'",
    ),
    "unknown data": (
        edit('data = "digits"', 'data = "digit"'),
        "line 4: no data set is called 'digit'; did you mean 'digits'?",
    ),
    "unknown model": (
        edit('model = "cnn8"', 'model = "lenet"'),
        "line 4: no model is called 'lenet'; did you mean 'lenet5'?",
    ),
    "unknown argument of a model": (
        edit('model = "cnn8"', 'model = "cnn8"\narguments = { nrom = "none" }'),
        "line 4: model 'cnn8' has no argument 'nrom'; did you mean 'norm'?",
    ),
    "shares beyond one": (
        edit("[innocents]", "shares = { owner = 0.9 }\n[innocents]"),
        "line 9: 'task.shares': expected owner + thief + calibration of at most 1, found 1.4; "
        "lower one, found {'owner': 0.9}",
    ),
    "zero epochs below": (
        edit("{ epochs = 3 }", "{ epochs = -3 }"),
        "line 7: 'task.recipe.epochs': expected greater than or equal to 0, found -3",
    ),
    "unknown scheme": (
        edit('scheme = "uchida"', 'scheme = "uchda"'),
        "line 12: no defender is called 'uchda'; did you mean 'uchida'?",
    ),
    "unknown setting of a scheme": (
        edit('scheme = "uchida"', 'scheme = "uchida"\nsettings = { n_bit = 8 }'),
        "line 12: defender 'uchida' has no setting 'n_bit'; did you mean 'n_bits'?",
    ),
    "setting of the wrong type": (
        edit('scheme = "uchida"', 'scheme = "uchida"\nsettings = { n_bits = "many" }'),
        "line 12: defender 'uchida': setting 'n_bits': input should be a valid integer, "
        "unable to parse string as an integer, found 'many'",
    ),
    "scheme without a key": (
        edit('[[owner]]\nscheme = "uchida"', "[[owner]]"),
        "line 12: expected a key 'owner.0.scheme', found none; add it",
    ),
    "unknown protocol": (
        edit('scheme = "uchida"', 'scheme = "uchida"\nprotocol = "honour"'),
        "line 14: 'owner.0.protocol': expected 'none', 'timestamp', 'prf-labels', 'seeded', "
        "'nulls', 'bound', 'lineage' or 'full', found 'honour'",
    ),
    "verification below what the scheme reads": (
        edit('scheme = "uchida"', 'scheme = "uchida"\nverification = "labels"'),
        "line 12: 'uchida' verifies by weights, the scenario grants labels; "
        'set verification = "weights"',
    ),
    "no owners": (
        'name = "x"\nowner = []\n[[thief]]\nname = "t"\nmoves = ["none"]',
        "line 2: 'owner': expected tuple should have at least 1 item after validation, not 0, "
        "found []",
    ),
    "two owners of one name": (
        edit('name = "plain"\nscheme = "none"', 'scheme = "uchida"').replace(
            '["plain"]', '["uchida"]'
        ),
        "line 15: two owners are called 'uchida'; give one a name",
    ),
    "two thieves of one name": (
        edit('name = "idle"', 'name = "tune"'),
        "line 24: two thiefs are called 'tune'; give one a name",
    ),
    "no moves": (
        edit('moves = ["none"]', "moves = []"),
        "line 26: 'thief.1.moves': expected tuple should have at least 1 item after validation, "
        "not 0, found []",
    ),
    "unknown move": (
        edit('"ft-ll"', '"ft-lll"'),
        "line 19: no attacker is called 'ft-lll'; did you mean 'ft-ll'?",
    ),
    "strength beyond one": (
        edit("strength = 0.5", "strength = 5"),
        "line 21: 'thief.0.moves.1.strength': expected less than or equal to 1, found 5",
    ),
    "unknown threat model": (
        edit('"whitebox_third"', '"whitebox"'),
        "line 19: expected a threat model, found 'whitebox'; did you mean 'whitebox_third'?",
    ),
    "unknown grant": (
        edit("budget = { steps = 5 }", "grant = { outputs = 'labels' }"),
        "line 24: unknown key 'outputs'; did you mean 'output'?",
    ),
    "unknown meter": (
        edit("steps = 5", "stpes = 5"),
        "line 24: unknown key 'stpes'; did you mean 'steps'?",
    ),
    "needs what is not granted": (
        edit('threat = "whitebox_third"', 'threat = "blackbox_label"'),
        "line 19: 'ft-ll' needs output 'weights' (granted: 'labels'); data labels; "
        "grant it in `threat`",
    ),
    "an open pool": (
        edit(
            'moves = ["ft-ll", { move = "ft-al", strength = 0.5 }]', 'moves = ["knockoff"]'
        ).replace('"whitebox_third"', '"surrogate_pool"'),
        "line 19: the threat model leaves the pool open; name a data set in `grant`",
    ),
    "against nobody": (
        edit('against = ["plain"]', 'against = ["plane"]'),
        "line 24: no owner is called 'plane'; did you mean 'plain'?",
    ),
    "an owner that cannot play the task": (
        edit('scheme = "uchida"', 'scheme = "lottery"').replace('"cnn8"', '"mlp"'),
        "line 12: 'lottery' needs convolutions, found mlp; choose another model",
    ),
    "a thief that cannot play the task": (
        edit('"cnn8"', '"tree"').replace('scheme = "uchida"', 'scheme = "none"\nname = "u"'),
        "line 20: 'ft-ll' needs a model that learns by gradients, found tree; choose another model",
    ),
    "a model that takes other inputs": (
        edit('"digits"', '"wine"'),
        "line 4: cnn8 takes images (channels, height, width) of at least 4x4 pixels, found the "
        "input shape (13,); choose a smaller architecture",
    ),
    "a folder that is not there": (
        edit('"digits"', '"folder:/nowhere"'),
        "line 4: expected a folder at /nowhere, found nothing there; check the path",
    ),
    "players that are not there": (
        edit("seed = 1", 'players = ["nobody.py"]'),
        f"line 2: expected a Python file with players at {HERE / 'nobody.py'}, found none",
    ),
    "a rate without end": (
        edit("{ epochs = 3 }", "{ epochs = 3, lr = inf }"),
        "line 7: 'task.recipe.lr': expected a finite number, found inf",
    ),
    "a rate that is too high": (
        edit("{ epochs = 3 }", "{ epochs = 3, lr = 1e6 }"),
        "line 7: 'task.recipe.lr': expected less than or equal to 1000, found 1000000.0",
    ),
    "a setting that is no number": (
        edit('scheme = "uchida"', 'scheme = "uchida"\nsettings = { strength = nan }'),
        "line 14: 'owner.0.settings.strength': expected a finite number, found nan",
    ),
    "a date": (
        edit('scheme = "uchida"', 'scheme = "uchida"\nsettings = { strength = 2020-01-01 }'),
        "line 14: 'owner.0.settings.strength': expected a number, a text or a truth value, found "
        "2020-01-01",
    ),
    "a seed beyond 64 bits": (
        edit("seed = 1", "seed = 123456789012345678901234567890"),
        "line 2: 'seed': expected less than 9223372036854775808, found "
        "123456789012345678901234567890",
    ),
    "more innocents than anybody can train": (
        edit("reporting_same = 2", "reporting_same = 1000000000"),
        "line 10: 'innocents.reporting_same': expected less than or equal to 10000, found "
        "1000000000",
    ),
    "shares of nothing": (
        edit("{ epochs = 3 }", "{ epochs = 3 }\nshares = { owner = 1e-300 }"),
        "line 8: 'task.shares.owner': expected greater than or equal to 0.001, found 1e-300",
    ),
    "a batch that fits no memory": (
        edit("{ epochs = 3 }", "{ epochs = 3, batch = 1000000000000 }"),
        "line 7: 'task.recipe.batch': expected less than or equal to 1000000, found 1000000000000",
    ),
    "an owner with too many bits": (
        edit('scheme = "uchida"', 'scheme = "uchida"\nsettings = { n_bits = 1000000000 }'),
        "line 12: defender 'uchida': setting 'n_bits': expected at most 10,000,000, found "
        "1000000000",
    ),
    "an owner with less than no triggers": (
        edit('scheme = "uchida"', 'scheme = "adi"\nsettings = { n_triggers = -5 }'),
        "line 12: defender 'adi': setting 'n_triggers': expected at least 0, found -5",
    ),
    "a thief whose name leaves the folder": (
        edit('name = "idle"', 'name = "../../../tmp/evil"'),
        "line 25: 'thief.1.name': expected string should match pattern "
        "'^[A-Za-z0-9][A-Za-z0-9._+-]*$', found '../../../tmp/evil'",
    ),
    "a thief without a name": (
        edit('name = "idle"', 'name = ""'),
        "line 25: 'thief.1.name': expected string should match pattern "
        "'^[A-Za-z0-9][A-Za-z0-9._+-]*$', found ''",
    ),
    "a thief whose name is too long": (
        edit('name = "idle"', f'name = "{"n" * 3000}"'),
        "line 25: 'thief.1.name': expected string should have at most 64 characters, found "
        f"'{'n' * 56}...",
    ),
    "an owner whose name leaves the folder": (
        edit('name = "plain"', 'name = ".."'),
        "line 16: 'owner.1.name': expected string should match pattern "
        "'^([A-Za-z0-9][A-Za-z0-9._+-]*)?$', found '..'",
    ),
    "two matches of one name": (
        edit('name = "plain"', 'name = "uchida-vs-idle"').replace('"idle"', '"none"')
        + '\n[[thief]]\nname = "idle-vs-none"\nmoves = ["none"]\n',
        "two matches would be called 'uchida-vs-idle-vs-none'; rename an owner or a thief",
    ),
    "a thief that knows what nobody can": (
        edit('threat = "whitebox_third"', 'threat = { grant = { knows = ["everything"] } }'),
        "line 19: no scheme exposes 'everything' to a thief that knows it; known are base, "
        "passport, scheme, tests",
    ),
    "queries without a budget for them": (
        edit(
            'moves = ["ft-ll", { move = "ft-al", strength = 0.5 }]', 'moves = ["knockoff"]'
        ).replace(
            '"whitebox_third"',
            '{ preset = "surrogate_pool", grant = { pool = "shapes" }, '
            "budget = { images_queried = 0 } }",
        ),
        "line 19: 'knockoff' needs a budget of images_queried above 0; grant it in `threat`",
    ),
}


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


def test_there_are_enough_bad_files() -> None:
    assert len(BAD) >= 25


def test_all_problems_are_said_at_once() -> None:
    text = edit("seed = 1", "sed = 1").replace("epochs", "epoch").replace("moves =", "mvoes =")
    found = problems(text)
    assert len(found) >= 5
    assert sum("unknown key" in problem for problem in found) == 4


def test_a_missing_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match="expected a scenario file at"):
        read_scenario(tmp_path / "none.toml")


def test_a_file_that_is_not_text_is_said(tmp_path: Path) -> None:
    (tmp_path / "x.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ScenarioError, match="cannot read it"):
        read_scenario(tmp_path / "x.toml")


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


def test_shipped_scenarios_are_good() -> None:
    shipped = sorted((HERE.parents[1] / "scenarios").rglob("*.toml"))
    assert shipped
    for path in shipped:
        assert read_scenario(path).name


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
