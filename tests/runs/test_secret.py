"""The referee's secret: same secret, same bits; without it nothing can be derived."""

from __future__ import annotations

import secrets
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from arena.errors import ScenarioError, StoreError
from arena.game.match.steps.step_cache import Setting
from arena.runs.executors import InProcess
from arena.runs.ledger import Ledger
from arena.runs.scenario import Scenario
from arena.runs.secret import VARIABLE, commitment, read_secret, root_of
from arena.runs.tournament import Tournament, open_folder, task_of
from arena.world.compute import Compute
from arena.world.rng import Rng, secret_root

from .conftest import SMALL, scenario

SECRET = "a secret of many characters"  # noqa: S105 - of a test


def test_a_secret_is_made_for_its_owner_alone_and_read_again(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    made = read_secret(path)
    assert len(made) == 64
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert read_secret(path) == made


def test_two_first_processes_have_one_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, drawn = tmp_path / "secret", secrets.token_hex
    others: list[str] = []

    def meanwhile(n_bytes: int) -> str:
        if not others:
            others.append("")
            others[0] = read_secret(path)
        return drawn(n_bytes)

    monkeypatch.setattr(secrets, "token_hex", meanwhile)
    assert read_secret(path) == others[0]
    assert [file.name for file in tmp_path.iterdir()] == ["secret"]


def test_a_secret_root_is_another_one_in_every_process_and_seals_its_streams() -> None:
    command = [sys.executable, "-c", "from arena.world.rng import *; print(secret_root())"]
    made = [int(subprocess.check_output(command)) for _ in range(2)]
    assert len({secret_root(), *made}) == 3
    assert Rng(min(made), ("owner",)).sealed().path == ()


def test_a_secret_can_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    assert read_secret(None) == ""
    monkeypatch.setenv(VARIABLE, SECRET)
    assert read_secret(None) == SECRET


@pytest.mark.parametrize("content", ["", "short\n"])
def test_a_secret_that_can_be_guessed_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "secret"
    path.write_text(content)
    with pytest.raises(ScenarioError, match="a secret of at least 16 characters"):
        read_secret(path)


def test_without_a_secret_the_root_is_the_seed_and_is_committed_to_by_nothing() -> None:
    assert root_of(3, "") == 3
    assert commitment(3, 3) == ""
    root = root_of(3, SECRET)
    assert root >= 1 << 64
    assert str(root) not in commitment(3, root)


def test_streams_under_a_secret_root_depend_on_all_of_it() -> None:
    one, other = root_of(3, SECRET), root_of(3, SECRET + "!")
    assert Rng(one).child("x").integer() == Rng(one).child("x").integer()
    assert len({Rng(root).child(name).integer() for root in (one, other) for name in "xy"}) == 4
    assert Rng(one).child("x").integer() != Rng(one & (2**64 - 1)).child("x").integer()


def test_what_a_player_holds_under_a_secret_root_is_neither_root_nor_name() -> None:
    held = Rng(root_of(3, SECRET), ("owner",)).sealed()
    assert held.seed < 1 << 64
    assert held.path == ()
    assert Rng(3, ("owner",)).sealed().path == ("owner",)


TINY = (
    SMALL.partition("[[thief]]")[0].replace('"mlp"', '"softmax"')
    + """
[[thief]]
name = "none"
moves = ["none"]
"""
)


def _played(parsed: Scenario, out: Path, secret: str) -> Ledger:
    store, ledger = open_folder(out)
    task = task_of(parsed, Compute(), secret)
    Tournament(parsed, task, store, ledger, lambda _: None).run(InProcess(store, Setting()))
    return ledger


def test_the_same_secret_gives_the_same_bits_and_is_nowhere_in_the_results(tmp_path: Path) -> None:
    parsed = scenario(TINY)
    one, again = (_played(parsed, tmp_path / name, SECRET) for name in ("one", "again"))
    other = _played(parsed, tmp_path / "other", SECRET + "!")
    assert one.lasting() == again.lasting() != other.lasting()
    assert one.facts()["task"]["seed"] == parsed.seed
    assert {row.seed for row in one.rounds()} == {parsed.seed}
    root = str(root_of(parsed.seed, SECRET))
    told = [path for path in (tmp_path / "one").rglob("*") if path.is_file()]
    assert len(told) > 5
    assert not [path for path in told if root.encode() in path.read_bytes()]
    for ledger in (one, again, other):
        ledger.close()
    with pytest.raises(StoreError, match="made under another secret"):
        _played(parsed, tmp_path / "one", "")
