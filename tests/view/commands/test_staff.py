"""Games of equal terms share their workers."""

from __future__ import annotations

from pathlib import Path

from arena.runs.executors import Workers
from arena.runs.store import Store
from arena.view.commands.run_options import Order, prepare
from arena.view.commands.staff import Staff


def test_games_of_equal_terms_have_one_executor(scenario_file: Path, tmp_path: Path) -> None:
    first, again = (prepare(Order(str(scenario_file), jobs=2, seed=seed)) for seed in (1, 2))
    other = prepare(Order(str(scenario_file), jobs=2, changes=("limits.step_s=60",)))
    with Staff(Store(tmp_path)) as staff:
        executor = staff.of(first, lambda *_: None)
        assert isinstance(executor, Workers)
        assert staff.of(again, lambda *_: None) is executor
        assert staff.of(other, lambda *_: None) is not executor


def test_who_plays_now_hears_of_progress(scenario_file: Path, tmp_path: Path) -> None:
    game = prepare(Order(str(scenario_file), jobs=2))
    first: list[tuple[str, int, int]] = []
    second: list[tuple[str, int, int]] = []
    with Staff(Store(tmp_path)) as staff:
        executor = staff.of(game, lambda *told: first.append(told))
        staff.of(game, lambda *told: second.append(told))
        assert isinstance(executor, Workers)
        executor._heard("step", 1, 2)
    assert (first, second) == ([], [("step", 1, 2)])
