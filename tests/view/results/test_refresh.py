"""Everything that is drawn from a ledger: made once, made again where the ledger changed."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from arena.errors import StoreError
from arena.view.results.refresh import (
    LOCK,
    boards_folder,
    open_match,
    rebuild,
    refresh_owners,
    refresh_views,
)
from arena.view.results.report import Report
from arena.world.files.file_lock import hold
from tests.view.conftest import Command, innocent, made_report, row

pytestmark = pytest.mark.long


def small_report(payoff: float = 0.25, thieves: str = "tu") -> Report:
    rounds = [row("a", thief, payoff) for thief in thieves]
    return made_report([*rounds, row("b", "t", payoff)], [innocent("a", caught=False)])


def contents(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Return every file below a folder, with its time and its bytes."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(p.relative_to(folder)): (p.stat().st_mtime_ns, p.read_bytes()) for p in files}


def test_what_is_up_to_date_is_left_alone(tmp_path: Path) -> None:
    refresh_views(small_report(), tmp_path)
    before = contents(tmp_path)
    refresh_views(small_report(), tmp_path)
    assert contents(tmp_path) == before
    assert {f"figures/{name}.png" for name in ("payoff", "rescaled", "utility")} < set(before)


def test_a_match_is_drawn_when_it_is_opened_and_not_again(tmp_path: Path) -> None:
    refresh_views(small_report(), tmp_path)
    assert not (tmp_path / "figures" / "matches").exists()
    picture = open_match(small_report(), "a-vs-t-0", tmp_path)
    assert picture == tmp_path / "figures" / "matches" / "a-vs-t-0.png"
    before = contents(tmp_path)
    assert open_match(small_report(), "a-vs-t-0", tmp_path) == picture
    refresh_views(small_report(), tmp_path)
    assert contents(tmp_path) == before


def test_what_another_process_writes_is_left_to_it(tmp_path: Path) -> None:
    with hold(tmp_path / LOCK):
        refresh_owners(small_report(), tmp_path)
        refresh_views(small_report(), tmp_path, wait=False)
    assert set(contents(tmp_path)) == {LOCK}


def test_at_the_end_another_process_is_waited_for(tmp_path: Path) -> None:
    with ThreadPoolExecutor() as pool:
        with hold(tmp_path / LOCK):
            waiting = pool.submit(refresh_views, small_report(), tmp_path)
            with pytest.raises(TimeoutError):
                waiting.result(timeout=0.2)
            assert set(contents(tmp_path)) == {LOCK}
        waiting.result()
    assert boards_folder(small_report(), tmp_path).is_dir()


def test_views_that_cannot_be_written_get_a_sentence(tmp_path: Path) -> None:
    (tmp_path / LOCK).mkdir()
    with pytest.raises(StoreError, match="expected a file that can be written at"):
        refresh_views(small_report(), tmp_path)
    assert open_match(small_report(), "a-vs-t-0", tmp_path) is None


def test_only_what_changed_is_made_again(tmp_path: Path) -> None:
    rebuild(small_report(), tmp_path, matches=True)
    before = contents(tmp_path)
    report = small_report()
    changed = [report.rounds[0], replace(report.rounds[1], payoff=1.0), *report.rounds[2:]]
    refresh_views(replace(report, rounds=changed), tmp_path)
    kept = {name for name, content in contents(tmp_path).items() if before.get(name) == content}
    boards = "tensorboard/made"
    same = {n for n in before if n.startswith(f"{boards}/b/") or n.endswith("-vs-t-0.png")}
    assert len(same) >= 4
    assert same <= kept
    made = (f"{boards}/a/", f"{boards}/_summary/", "figures/matches/a-vs-u-0.png")
    assert not {name for name in kept if name.startswith(made)}
    assert not (tmp_path / made[-1]).exists()  # until somebody opens the match


def test_owners_that_left_the_scenario_leave_the_boards(tmp_path: Path) -> None:
    refresh_views(small_report(), tmp_path)
    refresh_views(made_report([row("a", "t")]), tmp_path)
    names = {path.name for path in (tmp_path / "tensorboard" / "made").iterdir()}
    assert names == {"_summary", "a"}


def test_what_is_no_board_is_never_removed(tmp_path: Path) -> None:
    own = tmp_path / "tensorboard" / "made" / "my-notes"
    own.mkdir(parents=True)
    (own / "note").write_text("keep")
    refresh_views(small_report(), tmp_path)
    assert (own / "note").read_text() == "keep"


def test_a_folder_that_was_left_half_written_is_made_again(tmp_path: Path) -> None:
    refresh_owners(small_report(), tmp_path)
    folder = boards_folder(small_report(), tmp_path) / "a"
    (folder / "made-from").unlink()
    (folder / "rest").write_text("of an interrupted run")
    refresh_owners(small_report(), tmp_path)
    assert not (folder / "rest").exists()
    assert (folder / "made-from").exists()


@pytest.mark.end_to_end
@pytest.mark.parametrize("left", [None, b"", b"no picture", b"\x89PNG\r\n\x1a\n cut short"])
def test_a_picture_that_was_removed_or_damaged_comes_back(
    tmp_path: Path, left: bytes | None
) -> None:
    picture = open_match(small_report(), "a-vs-t-0", tmp_path)
    assert picture is not None
    whole = picture.read_bytes()
    picture.unlink()
    if left is not None:
        picture.write_bytes(left)
    open_match(small_report(), "a-vs-t-0", tmp_path)
    assert picture.read_bytes() == whole


def test_a_match_without_any_score_has_no_picture(tmp_path: Path) -> None:
    rebuild(made_report([row("a", "t"), row("a", "u")]), tmp_path, matches=True)
    failed = made_report([row("a", "t"), row("a", "u", None)])
    refresh_views(failed, tmp_path)
    assert open_match(failed, "a-vs-u-0", tmp_path) is None
    assert [path.name for path in (tmp_path / "figures" / "matches").iterdir()] == ["a-vs-t-0.png"]


@pytest.mark.slow
def test_rebuilding_makes_everything_again(tmp_path: Path) -> None:
    refresh_views(small_report(), tmp_path)
    before = contents(tmp_path / "tensorboard")
    rebuild(small_report(), tmp_path)
    after = contents(tmp_path / "tensorboard")
    events = {name for name in after if "tfevents" in name}
    assert events
    assert not events & set(before)


@pytest.mark.end_to_end
def test_the_command_rebuilds_from_the_ledger_alone(
    arena: Command, played: Path, tmp_path: Path, report: Report
) -> None:
    shutil.copyfile(played / "ledger.sqlite", tmp_path / "ledger.sqlite")
    done = arena("tensorboard", tmp_path)
    assert done.code == 0
    assert "5 matches were written" in done.out
    assert f"tensorboard --logdir {tmp_path / 'tensorboard'}" in done.out
    found = {path.name for path in boards_folder(report, tmp_path).iterdir()}
    assert found == {path.name for path in boards_folder(report, played).iterdir()}


def test_figures_of_another_tournament_are_removed_and_a_persons_own_are_kept(
    tmp_path: Path,
) -> None:
    refresh_views(small_report(thieves="tuv"), tmp_path)
    figures = tmp_path / "figures"
    assert (figures / "radar" / "a.png").is_file()
    (figures / "mine.png").write_bytes(b"mine")
    refresh_views(made_report([row("a", "t", None)], []), tmp_path)
    assert not list(figures.glob("radar/*"))
    assert not (figures / "leaderboard.png").exists()
    assert (figures / "mine.png").read_bytes() == b"mine"


@pytest.mark.end_to_end
@pytest.mark.parametrize("name", ["a/b", "..", "über uns"])
def test_names_of_players_never_leave_the_folder(tmp_path: Path, name: str) -> None:
    rounds = [row(name, thief) for thief in ("t", "../u", "v")]
    rebuild(made_report(rounds), tmp_path / "out", matches=True)
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    pictures = list((tmp_path / "out" / "figures").rglob("*.png"))
    drawn = ("payoff", "rescaled", "utility", "leaderboard", "radar")
    assert len(pictures) == 3 + len(drawn)
    assert len(list((tmp_path / "out" / "figures" / "radar").glob("*.png"))) == 1
