"""The worked example of CONTRIBUTING.md: a served defence in three files, replayed from them."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from arena.game.checks import check_defense, load_player
from arena.game.match.agents import Scripted
from arena.game.match.play import play_here
from arena.game.match.steps.step_cache import MemoryMemo, Setting
from arena.game.serving.wrapper import wrappers
from arena.game.sides.defense import Defense, defenses
from arena.runs.scenario import read_scenario
from arena.runs.tournament import task_of
from arena.world.compute import Compute

EXAMPLE = Path(__file__).parent / "example"
FILES = ("decoys.py", "decoys.toml", "test_decoys.py")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A person's own folder with the three files; the example's own players are not known there."""
    home = tmp_path_factory.mktemp("decoys")
    for name in FILES:
        shutil.copy(EXAMPLE / name, home / name)
    with defenses.kept(without=["decoys"]), wrappers.kept(without=["decoys"]):
        yield home


def test_it_is_three_files_of_at_most_150_lines() -> None:
    found = sorted(path.name for path in EXAMPLE.iterdir() if path.is_file())
    assert [name for name in found if name != "__init__.py"] == sorted(FILES)
    assert sum(len((EXAMPLE / name).read_text().splitlines()) for name in FILES) <= 150


@pytest.mark.end_to_end
def test_it_keeps_every_rule(folder: Path) -> None:
    player = load_player(f"{folder / 'decoys.py'}:Decoys")
    assert issubclass(player, Defense)
    assert check_defense(player) == []


@pytest.mark.end_to_end
def test_it_catches_who_copies_its_answers(folder: Path) -> None:
    scenario = read_scenario(folder / "decoys.toml", None, (folder / "decoys.py",))
    ((match, script),) = scenario.matches(task_of(scenario, Compute()))
    (record,) = play_here(match, Scripted(script), MemoryMemo(), Setting())
    assert record.status == "OK", record.message
    assert record.judgement is not None
    assert record.judgement.verdict.is_copy
