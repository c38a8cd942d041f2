"""Lists of players: remembered until a source changes, and read without torch."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from arena.view.lists import listing
from arena.view.lists.listing import Listed

ONE = Listed("one", "modify", "does it", "weights", "", "", {"Cost": "none."}, [])


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """How often the registries were asked; the only package of players lies in `tmp_path`."""
    (tmp_path / "somebodys.py").write_text("# a player\n")
    monkeypatch.setenv("ARENA_CACHE", str(tmp_path / "cache"))
    monkeypatch.syspath_prepend(str(tmp_path))
    entry = EntryPoint("somebody", "somebodys", "copyright_arena.attackers")
    monkeypatch.setattr(listing, "entry_points", lambda group: [entry])
    sides: list[str] = []

    def gather(side: str) -> list[Listed]:
        sides.append(side)
        return [ONE]

    monkeypatch.setattr(listing, "gather", gather)
    return sides


def test_a_list_is_remembered_until_a_source_changes(asked: list[str], tmp_path: Path) -> None:
    assert listing.players("attackers") == listing.players("attackers") == [ONE]
    assert asked == ["attackers"]
    (tmp_path / "somebodys.py").write_text("# another player\n")
    assert listing.players("attackers") == [ONE]
    assert asked == ["attackers", "attackers"]


def test_a_damaged_memory_is_made_again(asked: list[str], tmp_path: Path) -> None:
    listing.players("attackers")
    (path,) = (tmp_path / "cache" / "lists").iterdir()
    for text in ('[{"name": "half"', "[" * 100_000 + "]" * 100_000):
        path.write_text(text)
        assert listing.players("attackers") == [ONE]
    assert asked == ["attackers"] * 3


def test_where_nothing_can_be_remembered_the_list_is_still_there(
    asked: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("ARENA_CACHE", str(tmp_path / "file"))
    assert listing.players("attackers") == [ONE]


@pytest.mark.parametrize("command", ["['--help']", "['list', 'attackers']"])
def test_short_commands_do_not_import_torch(command: str) -> None:
    listing.players("attackers")  # so that it is remembered
    code = (
        "import sys; from arena.view import cli\n"
        f"sys.argv = ['arena', *{command}]\n"
        "try: cli.main()\n"
        "except SystemExit: pass\n"
        "print(sorted({'torch', 'scipy', 'matplotlib', 'numpy'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ
    )
    assert done.stdout.splitlines()[-1] == "[]"
