"""What follows from the command line of `arena run`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from arena.errors import ArenaError, ExecutorError, ScenarioError
from arena.runs.executors import InProcess, Workers
from arena.runs.store import Store
from arena.runs.tournament import task_of
from arena.view.commands.run_options import Order, prepare
from arena.world.files.cache_folder import cache_folder


def test_results_go_to_the_name_of_the_scenario(scenario_file: Path) -> None:
    assert prepare(Order(str(scenario_file))).out == Path("runs/small")
    assert prepare(Order("quickstart")).out == Path("runs/quickstart")
    assert prepare(Order("quickstart", out=Path("here"))).out == Path("here")


def test_seed_and_changes_replace_what_the_file_says(scenario_file: Path) -> None:
    changes = ("task.recipe.epochs=5", "repeats=2", "seed=8")
    scenario = prepare(Order(str(scenario_file), seed=9, changes=changes)).scenario
    assert (scenario.seed, scenario.repeats, scenario.task.recipe.epochs) == (9, 2, 5)


def test_a_device_that_is_not_there_is_refused(scenario_file: Path) -> None:
    assert prepare(Order(str(scenario_file), device="cpu")).compute.device == "cpu"
    with pytest.raises(ArenaError, match="expected a device of auto, cpu or cuda"):
        prepare(Order(str(scenario_file), device="tpu"))


def test_precision_is_part_of_what_is_made_and_float32_is_the_usual_one(
    scenario_file: Path,
) -> None:
    order = Order(str(scenario_file), device="cpu")
    games = [prepare(replace(order, precision=name)) for name in ("auto", "float32", "bfloat16")]
    digests = []
    for game in games:
        ((match, _), *_) = game.scenario.matches(task_of(game.scenario, game.compute))
        digests.append(match.protect().digest)
    assert digests[0] == digests[1] != digests[2]


def test_a_change_that_cannot_be_made_is_refused(scenario_file: Path) -> None:
    with pytest.raises(ScenarioError, match="unknown key"):
        prepare(Order(str(scenario_file), changes=("no.such.place=1",)))


def test_one_job_needs_no_worker(scenario_file: Path, tmp_path: Path) -> None:
    game = prepare(Order(str(scenario_file), jobs=1))
    with game.executor(Store(tmp_path), lambda *_: None) as executor:
        assert isinstance(executor, InProcess)


@pytest.mark.parametrize(
    ("jobs", "changes"), [(2, ()), (1, ("limits.step_s=60",))], ids=["two jobs", "a time limit"]
)
def test_workers_are_taken_for_many_jobs_and_for_time_limits(
    scenario_file: Path, tmp_path: Path, jobs: int, changes: tuple[str, ...]
) -> None:
    game = prepare(Order(str(scenario_file), jobs=jobs, changes=changes))
    with game.executor(Store(tmp_path), lambda *_: None) as executor:
        assert isinstance(executor, Workers)
        assert executor.free == jobs


def test_who_makes_the_steps_is_this_machine_unless_a_cluster_is_asked_for(
    scenario_file: Path,
) -> None:
    assert prepare(Order(str(scenario_file))).ray is None
    with pytest.raises(ExecutorError, match=r"an executor of local, ray .* found 'rey'"):
        prepare(Order(str(scenario_file), executor="rey"))


def test_there_is_a_job_for_each_core(scenario_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0, 1, 2})
    assert prepare(Order(str(scenario_file))).n_jobs == 3
    assert prepare(Order(str(scenario_file), jobs=7)).n_jobs == 7


@pytest.mark.parametrize("jobs", [-1, 25, 9_999_999_999])
def test_a_machine_is_not_asked_for_more_jobs_than_it_holds(
    scenario_file: Path, monkeypatch: pytest.MonkeyPatch, jobs: int
) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0, 1, 2})
    assert prepare(Order(str(scenario_file), jobs=24)).n_jobs == 24
    with pytest.raises(ExecutorError, match=f"expected 1 to 24 jobs .* found {jobs}; try --jobs 3"):
        prepare(Order(str(scenario_file), jobs=jobs))


def test_players_of_ones_own_are_beside_the_scenario(tmp_path: Path) -> None:
    (tmp_path / "mine_for_view.py").write_text("")
    path = tmp_path / "s.toml"
    path.write_text(
        'name = "s"\nplayers = ["mine_for_view.py"]\nisolate = true\nlimits.step_s = 60\n'
        '[[owner]]\nscheme = "none"\n[[thief]]\nname = "t"\nmoves = ["none"]\n'
    )
    mine = tmp_path / "mine_for_view.py"
    game = prepare(Order(str(path), trusted=(mine,)))
    assert [(players.path, players.walled) for players in game.players] == [(mine, False)]
    cell = game.setting().cell
    assert cell is not None
    assert cell.wall_s == 60


def test_players_share_a_process_unless_the_scenario_isolates_them(scenario_file: Path) -> None:
    assert prepare(Order(str(scenario_file))).setting().cell is None


def test_decoded_data_are_kept_where_arena_cache_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARENA_CACHE", "/somewhere")
    assert cache_folder() == Path("/somewhere")
    monkeypatch.delenv("ARENA_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", "/cache")
    assert cache_folder() == Path("/cache/copyright-arena")


def test_trust_in_a_file_that_is_not_played_is_a_slip(scenario_file: Path, tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match="no such file with players; it has none"):
        prepare(Order(str(scenario_file), trusted=(tmp_path / "other.py",)))


def test_a_secret_is_made_where_it_is_asked_for(scenario_file: Path, tmp_path: Path) -> None:
    path = tmp_path / "secret"
    game = prepare(Order(str(scenario_file), secret=path))
    assert game.secret == path.read_text().strip()
    assert game.secret not in repr(game)


def test_without_bubblewrap_a_strangers_file_is_refused_with_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sentence = "sandboxes need bubblewrap, which is not installed: apt-get install bubblewrap"
    monkeypatch.setattr("arena.game.sandbox.players_file.missing", lambda: sentence)
    (tmp_path / "strange_for_view.py").write_text("raise SystemExit\n")
    path = tmp_path / "s.toml"
    path.write_text(
        'name = "s"\nplayers = ["strange_for_view.py"]\n'
        '[[owner]]\nscheme = "none"\n[[thief]]\nname = "t"\nmoves = ["none"]\n'
    )
    with pytest.raises(ScenarioError, match=f"{sentence}; .*--trust .*strange_for_view.py"):
        prepare(Order(str(path)))
