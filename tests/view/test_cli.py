"""The command line: help, exit codes, sentences."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import arena as package
from tests.view.conftest import Command

HEAVY = ("torch", "numpy", "pydantic", "matplotlib", "sqlite3", "tensorboard", "arena.runs")


def test_the_command_line_imports_nothing_heavy() -> None:
    code = "import sys, arena.view.cli; print(*(n for n in sys.argv[1:] if n in sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code, *HEAVY], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == []


@pytest.mark.parametrize("arguments", [(), ("--help",)])
def test_help_lists_every_command(arena: Command, arguments: tuple[str, ...]) -> None:
    done = arena(*arguments)
    assert done.code == 0
    for command in ("run", "show", "list", "check", "tensorboard", "judge", "serve"):
        assert command in done.out


@pytest.mark.parametrize(
    ("typed", "offered"),
    [("arena ju", ["judge"]), ("arena judge --vic", ["--victim", "--victim-architecture"])],
)
def test_a_shell_is_told_what_completes_a_word(typed: str, offered: list[str]) -> None:
    asks = {
        "_ARENA_COMPLETE": "complete_bash",
        "COMP_WORDS": typed,
        "COMP_CWORD": str(len(typed.split()) - 1),
    }
    done = subprocess.run(
        [sys.executable, "-m", "arena"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **asks},
    )
    assert (done.returncode, done.stdout.split(), done.stderr) == (0, offered, "")


def test_the_options_of_run_are_explained(arena: Command) -> None:
    done = arena("run", "--help")
    for option in ("--out", "--jobs", "--device", "--seed", "--set", "--dry-run", "--json"):
        assert option in done.out


def test_the_version_is_that_of_the_package(arena: Command) -> None:
    assert arena("--version").out.strip() == f"copyright-arena {package.__version__}"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["rnu"], "'run'"),
        (["run", "--job", "2"], "no option is called '--job'; did you mean '--jobs'?"),
        (["run", "--jobs", "many"], "'--jobs'"),
        (["run", "--jobs", "0"], "greater than or equal to 1"),
        (["show"], "'DIR'"),
        (["run", "quikstart"], "did you mean 'quickstart'?"),
        (["run", "nowhere.toml"], "'nowhere.toml', which is neither"),
        (["run", "--device", "gpu"], "expected a device of auto, cpu or cuda, found 'gpu'"),
        (["run", "--set", "repeats"], "expected key=value, found 'repeats'"),
        (["run", "--set", "repeats=two three"], "expected a TOML value, found 'two three'"),
        (["run", "--set", "repeets=2"], "unknown key 'repeets'; did you mean 'repeats'?"),
        (["run", "--set", "owner.99.scheme=none"], "owner.99.scheme"),
        (["run", "--set", "repeats=0"], "'repeats': expected"),
        (["run", "--set", "paired=1"], "'paired': expected true or false, found 1"),
        (["list", "atackers"], "found 'atackers'; did you mean 'attackers'?"),
        (["check", "nowhere.py:Thief"], "expected a Python file"),
        (["check", "Thief"], "expected FILE.py:Class, found 'Thief'"),
        (["tensorboard", "nowhere"], "expected the folder of a tournament"),
    ],
    ids=" ".join,
)
def test_a_mistake_is_one_sentence_and_exit_code_2(
    arena: Command,
    arguments: list[str],
    sentence: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    done = arena(*arguments)
    assert done.code == 2
    assert done.out == ""
    assert sentence in done.err
    assert done.err.startswith("arena: ")
    assert done.err.count("\n") == 1
    assert "Traceback" not in done.err
    assert list(tmp_path.iterdir()) == []


def test_every_problem_of_a_scenario_has_its_own_line(arena: Command, tmp_path: Path) -> None:
    path = tmp_path / "bad.toml"
    path.write_text(
        'name = "bad"\n[[owner]]\nscheme = "uchid"\n[[thief]]\nname = "t"\nmoves = ["nune"]\n'
    )
    done = arena("run", path)
    assert done.code == 2
    assert done.err.splitlines() == [
        "arena: bad.toml: line 2: no defender is called 'uchid'; did you mean 'uchida'?",
        "arena: bad.toml: line 4: no attacker is called 'nune'; did you mean 'none'?",
    ]


def test_an_out_folder_that_cannot_be_written_is_said(arena: Command, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = arena("run", "quickstart", "--out", tmp_path / "file" / "out")
    assert done.code == 2
    assert "choose another --out folder" in done.err


@pytest.mark.parametrize("words", [["--help"], ["list"], ["list", "threats"]], ids=" ".join)
def test_a_terminal_that_says_it_has_no_columns_is_told_all_the_same(words: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "arena", *words],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "COLUMNS": "0"},
    )
    assert len(done.stdout) > 200


def test_a_sentence_lets_no_control_through(arena: Command) -> None:
    done = arena("board", "\x1b[31m\u202e.json")
    assert (done.code, "\x1b" in done.err, "\u202e" in done.err) == (2, False, False)


LONG = "x" * 300


@pytest.mark.parametrize(
    "arguments",
    [
        ["run", f"{LONG}.toml"],
        ["run", "quickstart", "--out", LONG],
        ["show", LONG],
        ["tensorboard", LONG],
        ["doctor", LONG],
        ["page", LONG],
        ["board", LONG],
        ["check", f"{LONG}.py:Thief"],
        ["protect", LONG, "--data=digits", "--out=out"],
        ["verify", LONG, LONG],
        ["judge", "--victim", LONG, "--suspect", LONG, "--data=digits"],
        ["grade", LONG, "--assignment", LONG],
        ["course", "new", LONG],
    ],
    ids=lambda words: words[0],
)
def test_a_path_that_is_too_long_is_one_sentence(
    arena: Command, arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = arena(*arguments)
    assert (done.code, done.err.count("\n")) == (2, 1), done.err
    assert done.err.startswith("arena: ")
    assert "unexpected" not in done.err


@pytest.mark.parametrize(("asked", "told"), [("", False), ("1", True)])
def test_whoever_mends_the_arena_sees_where_a_sentence_comes_from(
    arena: Command, monkeypatch: pytest.MonkeyPatch, asked: str, told: bool
) -> None:
    monkeypatch.setenv("ARENA_TRACE", asked)
    done = arena("show", "nowhere")
    assert (done.code, "Traceback" in done.err) == (2, told)
