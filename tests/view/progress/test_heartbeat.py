"""Signs of life."""

from __future__ import annotations

import io
import time

from rich.console import Console

from arena.runs.judge.judge import Milestone
from arena.view.progress.heartbeat import Heartbeat, UnderWay
from arena.view.progress.judge_progress import LineStages
from tests.view.progress.waiting import wait_for


def test_it_beats_while_it_is_entered_and_no_longer() -> None:
    beats: list[int] = []
    with Heartbeat(lambda: beats.append(1), every_s=0.001):
        wait_for(lambda: len(beats) > 2)
    n = len(beats)
    time.sleep(0.05)
    assert len(beats) == n


def test_it_does_not_beat_where_something_was_just_said() -> None:
    beats: list[int] = []
    with Heartbeat(lambda: beats.append(1), every_s=30) as heart:
        heart.put_off()
    assert beats == []


def test_what_is_under_way_says_its_share_and_its_time() -> None:
    began = time.monotonic() - 95
    assert str(UnderWay("train", 0.3, began)) == "train (30 %, for 95 seconds)"
    assert str(UnderWay("judge", began=began)) == "judge (for 95 seconds)"


def test_a_long_stage_is_told_again() -> None:
    out = io.StringIO()
    with LineStages(Console(file=out, width=100, color_system=None), every_s=0.01) as lines:
        lines.begin(Milestone("grow", 1, 3))
        lines.within(1, 2)
        wait_for(lambda: "[2/3] grow (50 %, for" in out.getvalue())
