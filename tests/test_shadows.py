"""A person's own folders do not hide what ships; another package called `arena` is named."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.long

ROOT = Path(__file__).parents[1]
COUNTS = """
from arena.game.sides.attack import attacks
from arena.game.sides.defense import defenses
from arena.view.commands.find_scenario import shipped
print(len(attacks.classes()) > 40, len(defenses.classes()) > 10, "quickstart" in shipped())
"""


def run(folder: Path, *arguments: str, path: tuple[Path, ...] = (ROOT,)) -> tuple[int, str]:
    """Return the exit code and what Python said in a folder with nothing else on its path."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, path))}
    command = [sys.executable, *arguments]
    ended = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    return ended.returncode, (ended.stdout + ended.stderr).strip()


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty", marks=pytest.mark.end_to_end),
        pytest.param("raise RuntimeError('not yours')", id="loud"),
    ],
)
def test_a_folder_of_the_same_name_hides_nothing(tmp_path: Path, text: str) -> None:
    """`python -c` looks into the working folder first, as `-m`, pytest and notebooks do."""
    for name in ("attackers", "defenders", "scenarios"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text(text)
    assert run(tmp_path, "-c", COUNTS) == (0, "True True True")


def test_one_that_was_imported_before_is_named(tmp_path: Path) -> None:
    own = tmp_path / "attackers" / "__init__.py"
    own.parent.mkdir()
    own.write_text("")
    code, said = run(tmp_path, "-c", f"import attackers{COUNTS}")
    assert code == 1
    assert said.endswith(
        "expected attackers to be the package that ships with copyright-arena, found "
        f"{own}, which was imported before it; rename that folder"
    )


@pytest.mark.parametrize("is_package", [True, False], ids=["package", "module"])
def test_another_package_called_arena_is_met_with_a_sentence(
    tmp_path: Path, is_package: bool
) -> None:
    other = tmp_path / "site" / ("arena/__init__.py" if is_package else "arena.py")
    other.parent.mkdir(parents=True)
    other.write_text("raise RuntimeError('a game of chess')")
    call = "import copyright_arena; copyright_arena.main()"
    code, said = run(tmp_path, "-c", call, path=(tmp_path / "site", ROOT))
    assert code == 2
    assert said == (
        f"arena: expected the package arena of copyright-arena at {ROOT / 'arena'}, found another "
        f"one at {other.parent if is_package else other}; uninstall or rename it, or install "
        "copyright-arena into an environment of its own"
    )


def test_one_that_overwrote_ours_is_noticed(tmp_path: Path) -> None:
    (tmp_path / "arena").mkdir()
    (tmp_path / "arena" / "__init__.py").write_text("")
    (tmp_path / "copyright_arena.py").write_bytes((ROOT / "copyright_arena.py").read_bytes())
    code, said = run(tmp_path, "-m", "copyright_arena", path=(tmp_path,))
    assert code == 2
    assert "__init__.py, which it overwrote; uninstall" in said


def test_the_command_runs_where_nothing_is_in_its_way(tmp_path: Path) -> None:
    code, said = run(tmp_path, "-m", "copyright_arena", "--help")
    assert code == 0
    assert "Usage: arena" in said
