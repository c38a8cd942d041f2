"""What `import arena` offers."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

import arena
from arena import front
from arena.errors import ArenaError, ScenarioError
from arena.game.match.play import RoundRecord
from arena.game.match.steps.step_cache import MemoryMemo, Setting
from arena.game.sandbox.cell import Cell
from arena.view.results.rows import Rows

QUICK = {"task.model": "mlp", "task.recipe.epochs": 1}
SCENARIO = """
name = "small"
[task]
model = "softmax"
recipe = { epochs = 20 }
[innocents]
calibration_same = 0
calibration_other = 0
reporting_same = 1
reporting_other = 0
calibration_odd = 0
reporting_odd = 0
[[owner]]
scheme = "none"
[[thief]]
name = "prune"
moves = ["prune"]
threat = { grant = { data = 0.02 } }  # so little that there is something to steal
"""


@pytest.fixture(scope="module")
def played() -> arena.Played:
    return arena.play(
        "uchida",
        ["none", "prune"],
        threat={"grant": {"data": 0.02}},
        changes=QUICK,
        memo=MemoryMemo(),
    )


def test_importing_the_arena_imports_nothing_heavy() -> None:
    code = "import sys, arena; dir(arena); print({'torch', 'numpy', 'rich'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_every_name_that_is_offered_is_there() -> None:
    assert arena.__all__ == sorted(set(arena.__all__))
    assert all(getattr(arena, name) is getattr(front, name) for name in arena.__all__)
    with pytest.raises(AttributeError, match="no attribute 'steal'"):
        getattr(arena, "steal")  # noqa: B009 - mypy knows that it is not there


def test_a_match_is_played_and_read(played: arena.Played) -> None:
    assert [row.move for row in played.rounds] == ["none", "prune"]
    assert played.final.payoff == played.records[-1].judged.payoff
    rows = played.rows()
    assert rows.column("payoff") == [row.payoff for row in played.rounds]
    assert rows[0]["utility"] == rows[0]["victim_utility"]
    first, *lines = repr(played).splitlines()
    assert first == "uchida-vs-none+prune-0"
    assert len(lines) == 3
    assert "p-value" in lines[0]


@pytest.mark.parametrize("isolate", [False, True])
def test_a_match_is_played_in_the_cell_that_is_asked_for(
    isolate: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings: list[Setting] = []

    def noted(*given: object) -> list[RoundRecord]:
        settings.extend(each for each in given if isinstance(each, Setting))
        return []

    monkeypatch.setattr(front, "play_here", noted)
    arena.play("none", "none", changes={"isolate": isolate, "limits.memory_mb": 5000})
    assert [setting.cell for setting in settings] == [Cell(memory_mb=5000) if isolate else None]


def test_what_cannot_be_played_is_said_in_sentences() -> None:
    with pytest.raises(ScenarioError, match=r"no attacker is called 'prunes'.*'prune'"):
        arena.play("uchida", "prunes")
    with pytest.raises(ScenarioError, match="no key 3 can be set in this scenario"):
        arena.play("uchida", "prune", changes={3: 1})  # type: ignore[dict-item]
    with pytest.raises(ScenarioError, match="no data set is called 'digit'"):
        arena.play("uchida", "prune", data="digit")


def test_a_tournament_is_played_and_goes_on_where_it_was(tmp_path: Path) -> None:
    path = tmp_path / "small.toml"
    path.write_text(SCENARIO, encoding="utf-8")
    results = arena.tournament(path, out=tmp_path / "out")
    assert [line.name for line in results.owners] == ["none"]
    assert results.rows().column("match") == ["none-vs-prune-0"]
    assert results.innocents().column("kind") == ["Neg-1"]
    assert "small: 1 of 1 matches are played" in repr(results)
    again = arena.tournament(path, out=tmp_path / "out")
    assert list(again.rows()) == list(results.rows())


def test_lists_are_rows() -> None:
    attackers = arena.list_attackers()
    assert {"prune", "knockoff"} <= set(attackers.column("name"))
    assert "whitebox_third" in arena.list_threats().column("name")
    assert "quickstart" in arena.list_scenarios().column("name")
    assert repr(attackers).splitlines()[0].startswith("name")


def test_rows_are_a_sequence() -> None:
    rows = Rows([{"a": 1, "b": None}, {"a": 0.5, "b": "x" * 50}])
    assert (len(rows), rows[1]["a"], len(rows[:1])) == (2, 0.5, 1)
    assert repr(rows).splitlines() == ["a    b", "1    -", f"0.5  {'x' * 37}..."]


def test_rows_are_handed_to_pandas_where_it_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    def frame(rows: list[dict[str, int]], columns: list[str]) -> tuple[object, object]:
        return rows, columns

    monkeypatch.setitem(sys.modules, "pandas", SimpleNamespace(DataFrame=frame))
    assert Rows([{"a": 1}, {"a": 2}]).to_frame() == ([{"a": 1}, {"a": 2}], ["a"])


def test_without_pandas_there_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ArenaError, match="pip install pandas"):
        Rows([]).to_frame()


def test_a_judge_knows_its_options(tmp_path: Path) -> None:
    with pytest.raises(ArenaError, match=r"no option 'epoch'.*'epochs'"):
        arena.judge("a", "b", "digits", out=tmp_path, options={"epoch": 3})
