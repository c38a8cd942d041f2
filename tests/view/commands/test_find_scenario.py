"""Scenarios by name and by path."""

from __future__ import annotations

from pathlib import Path

import pytest

import arena
from arena.errors import ScenarioError
from arena.view.commands.find_scenario import DEFAULT, find_scenario, shipped


def test_the_default_ships() -> None:
    assert DEFAULT in shipped()
    assert find_scenario(DEFAULT).name == "quickstart.toml"


def test_names_are_paths_without_their_end_sorted() -> None:
    names = list(shipped())
    assert names == sorted(names)
    for name, path in shipped().items():
        assert path.as_posix().endswith(f"scenarios/{name}.toml")


def test_sub_folders_are_part_of_the_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "scenarios" / "lecture" / "x.toml"
    path.parent.mkdir(parents=True)
    path.write_text("")
    monkeypatch.setattr(arena, "ROOT", tmp_path)
    assert list(shipped()) == ["lecture/x"]
    assert find_scenario("lecture/x") == path


def test_a_path_is_taken_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text("")
    assert find_scenario(str(path)) == path


@pytest.mark.parametrize("text", ["quikstart", "", ".", "quickstart.toml", "/"])
def test_what_is_neither_is_refused(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ScenarioError, match=r"which is neither; (did you mean|known are)"):
        find_scenario(text)
