"""`arena doctor` finds whatever is not as it was written, changes nothing, and says what to do."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from arena.errors import StoreError
from arena.game.rules import score
from arena.runs.doctor import examine
from arena.world.bundle import Bundle

from .conftest import Played, play


@pytest.fixture
def out(finished: Played, tmp_path: Path) -> Path:
    """A copy of a tournament's folder."""
    shutil.copytree(finished.out, tmp_path / "out")
    return tmp_path / "out"


def first(out: Path, suffix: str) -> Path:
    """Return the first artefact with that ending."""
    return min((out / "artefacts").glob(f"??/*{suffix}"))


def change(sql: str) -> Callable[[Path], None]:
    """Return what changes the ledger."""

    def run(out: Path) -> None:
        with closing(sqlite3.connect(out / "ledger.sqlite")) as ledger, ledger:
            ledger.execute(sql)

    return run


def flip(path: Path) -> None:
    blob = path.read_bytes()
    path.write_bytes(blob[:-1] + bytes([blob[-1] ^ 1]))


def into_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def test_a_whole_folder_is_whole(out: Path) -> None:
    health = examine(out)
    assert health.faults == ()
    assert (health.n_rounds, health.n_left_over) == (6, 0)
    assert health.n_steps == len(list((out / "artefacts").glob("??/*.done")))


def test_rounds_with_nothing_to_steal_are_whole(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    no_judgements(out)
    monkeypatch.setattr(score, "pays", lambda *_: False)
    assert {row.payoff for row in play(out).ledger.rounds()} == {None}
    assert examine(out).faults == ()


def no_list(out: Path) -> None:
    first(out, ".done").write_text("{}")


def no_ledger(out: Path) -> None:
    (out / "ledger.sqlite").write_text("x" * 9000)


def no_judgements(out: Path) -> None:
    for path in (out / "artefacts").glob("??/*.judgement"):
        path.unlink()


def of_another_form(out: Path) -> None:
    first(out, ".judgement").write_bytes(Bundle({"payoff": "high"}).to_bytes())


DAMAGE: dict[str, tuple[Callable[[Path], None], str]] = {
    "no list": (no_list, "not the list"),
    "a bit": (lambda out: flip(first(out, ".model")), "not those that were written"),
    "a missing part": (lambda out: first(out, ".key").unlink(), "it is missing"),
    "a folder": (lambda out: into_folder(first(out, ".victim")), "it is no file"),
    "no ledger": (no_ledger, "is none"),
    "another pay-off": (change("UPDATE rounds SET payoff = 0.123"), "its pay-off is not that"),
    "no judgement": (no_judgements, "its judgement is not among"),
    "another form": (of_another_form, "its judgement is not one of"),
    "no facts": (change("DELETE FROM run"), "does not say which scenario"),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_damage_is_found_and_nothing_is_changed(out: Path, damage: str) -> None:
    harm, sentence = DAMAGE[damage]
    harm(out)
    before = {path: path.stat().st_mtime_ns for path in (out / "artefacts").rglob("*")}
    faults = examine(out).faults
    assert any(sentence in fault.found for fault in faults), faults
    assert all(fault.remedy for fault in faults)
    assert {path: path.stat().st_mtime_ns for path in (out / "artefacts").rglob("*")} == before


def test_what_killed_runs_left_is_counted(out: Path) -> None:
    (out / "artefacts" / "ab" / ".tmp-1").parent.mkdir(exist_ok=True)
    (out / "artefacts" / "ab" / ".tmp-1").touch()
    assert examine(out).n_left_over == 1


def test_another_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="expected the folder of a tournament"):
        examine(tmp_path)
