"""What a person sees while a tournament is played."""

from __future__ import annotations

import io
import re

import pytest
from rich.console import Console
from rich.text import Text

from arena.runs.tournament import Event
from arena.view.progress.boards import Board, NullBoard, PlainBoard, RichBoard, choose_board
from tests.view.progress.waiting import wait_for

EVENTS = (
    Event("planned", "small", n_total=4),
    Event("began", "train victim", "aa", n_total=4),
    Event("ended", "train victim", "aa", "OK", n_done=1, n_total=4),
    Event("began", "tune against bits", "bb", n_done=1, n_total=4),
    Event("match", "bits-vs-tune-0", status="OK", n_done=3, n_total=4, payoff=0.25),
    Event("match", "bits-vs-poor-0", status="LIMIT", n_done=4, n_total=4),
)


def console(*, terminal: bool = False) -> Console:
    return Console(
        file=io.StringIO(), force_terminal=terminal, width=100, height=40, color_system=None
    )


def written(screen: Console) -> str:
    assert isinstance(screen.file, io.StringIO)
    return screen.file.getvalue()


def picture(board: RichBoard) -> str:
    paper = console()
    paper.print(board._live.get_renderable())
    return written(paper)


@pytest.mark.parametrize("terminal", [False, True])
def test_the_board_follows_from_the_console(terminal: bool) -> None:
    board = choose_board(console(terminal=terminal))
    assert type(board) is (RichBoard if terminal else PlainBoard)


@pytest.mark.parametrize(
    "board",
    [NullBoard(), PlainBoard(console()), RichBoard(console(terminal=True))],
    ids=lambda board: type(board).__name__,
)
def test_every_board_takes_whatever_happens(board: Board) -> None:
    with board as entered:
        assert entered is board
        for event in EVENTS:
            board(event)
        board.heard("bb", 5, 10)
        board.heard("never began", 1, 2)
        board.heard("bb", 0, 0)
        board.standings(lambda: Text("first: a"))


def test_lines_are_one_for_each_match() -> None:
    screen = console()
    board = PlainBoard(screen)
    for event in EVENTS:
        board(event)
    assert written(screen).splitlines() == [
        "small: 4 steps to make",
        "[3/4] bits-vs-tune-0: pay-off 0.250",
        "[4/4] bits-vs-poor-0: LIMIT",
    ]


def test_lines_are_silent_about_what_an_earlier_run_played() -> None:
    screen = console()
    board = PlainBoard(screen)
    board(Event("planned", "small"))
    board(Event("match", "bits-vs-tune-0", status="OK", payoff=1.0))
    assert written(screen).splitlines() == ["small: no steps to make"]


@pytest.mark.parametrize(("heard", "share"), [(3, "30 %, "), (0, "")])
def test_a_quiet_run_says_where_it_stands(heard: int, share: str) -> None:
    screen = console()
    with PlainBoard(screen, every_s=0.01) as board:
        for event in EVENTS[:4]:
            board(event)
        board.heard("bb", heard, 10)
        wait_for(lambda: written(screen).count("so far") > 1)
    last = written(screen).splitlines()[-1]
    assert re.fullmatch(rf"\[1/4\] .+ so far: tune against bits \({share}for .+ seconds\)", last)
    assert "train victim" not in written(screen)  # it had ended before it was quiet


def test_a_run_of_many_steps_at_a_time_names_some() -> None:
    screen = console()
    with PlainBoard(screen, every_s=0.01) as board:
        for i in range(20):
            board(Event("began", f"step {i}", str(i), n_total=20))
        wait_for(lambda: "12 more" in written(screen))
    assert "step 8" not in written(screen)


def test_standings_are_not_computed_for_those_who_do_not_show_them() -> None:
    asked = []

    def noted() -> Text:
        asked.append("standings")
        return Text()

    screen = console()
    NullBoard().standings(noted)
    PlainBoard(screen).standings(noted)
    assert asked == []
    assert written(screen) == ""


def test_names_are_not_read_as_markup() -> None:
    screen = console()
    PlainBoard(screen)(Event("match", "[red]x[/red]", status="OK", n_done=1, n_total=1, payoff=0.0))
    assert "[red]x[/red]" in written(screen)


def test_the_picture_has_the_bars_of_running_steps_and_the_standings() -> None:
    board = RichBoard(console(terminal=True))
    for event in EVENTS[:4]:
        board(event)
    board.heard("bb", 3, 10)
    board.standings(lambda: Text("first: a"))
    text = picture(board)
    assert "small" in text
    assert "1/4 steps" in text
    assert "tune against bits" in text
    assert re.search(r"30 % 0:00:0\d$", text, re.MULTILINE)  # and since when
    assert "train victim" not in text
    assert "first: a" in text


def test_only_so_many_running_steps_have_a_line() -> None:
    board = RichBoard(console(terminal=True))
    for i in range(20):
        board(Event("began", f"step {i}", str(i), n_total=20))
    assert picture(board).count("step ") == 8
    for i in range(20):
        board(Event("ended", f"step {i}", str(i), "OK", n_done=i + 1, n_total=20))
    assert "20/20 steps" in picture(board)


def test_a_failed_match_stays_on_the_screen() -> None:
    screen = console(terminal=True)
    with RichBoard(screen) as board:
        board(EVENTS[-1])
    assert "bits-vs-poor-0: LIMIT" in written(screen)
