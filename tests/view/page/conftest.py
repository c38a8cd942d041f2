"""A tournament whose players write what no page may run, and its page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from arena.view.page.contents import contents_of
from arena.view.page.render import render_page
from arena.view.results.report import Report
from tests.view.conftest import innocent, made_report, row

BAD = "</script><script>document.title = 'stolen'</script>"
IMAGE = "<img src=x onerror=\"document.title='stolen'\">"


@pytest.fixture(scope="session")
def hostile() -> Report:
    """Owners, thieves, moves, reasons and messages that look like HTML; three repeats."""
    taken = {(BAD, IMAGE): 0.0, (BAD, "sound"): 0.7, ("plain", IMAGE): 1.0, ("plain", "sound"): 1.0}
    said = {"move": BAD, "reason": IMAGE, "pays": True, "kept": 0.95}
    rounds = [
        row(owner, thief, most * (repeat + 1) / 3, repeat=repeat, gain=repeat / 2, **said)
        for (owner, thief), most in taken.items()
        for repeat in range(3)
    ]
    rounds.append(row("plain", "fails", None, message=BAD))
    accused = [innocent(BAD, caught=False), innocent("plain", caught=False)]
    report = made_report(rounds, accused, repeats=3)
    report.facts["scenario"]["description"] = BAD
    return report


@pytest.fixture(scope="session")
def usual() -> Report:
    """Names of a usual length, one repeat, no failure; rescaled statistics from 0 to 1."""
    owners, thieves = ("none", "uchida-uncommitted", "adi"), ("ft-al", "prune-twice", "retrain")
    pairs = [(owner, thief) for owner in owners for thief in thieves]
    said: dict[str, Any] = {
        "digest": "d1g357",
        "hardware": "a CPU",
        "figures": {"bits": 3},
        "pays": True,
    }
    said |= {"alone": 0.125, "removed": False, "message": "it is so", "move": "ft-al-at-length"}
    rounds = [
        row(owner, thief, 1 - i / 8, rescaled=i / 8, gain=i / 8, caught=i > 3, **said)
        for i, (owner, thief) in enumerate(pairs)
    ]
    accused = [innocent(o, caught=False, kind=k) for o in owners for k in ("Neg-1", "Neg-9")]
    return made_report(rounds, accused)


@pytest.fixture(scope="session")
def usual_page(usual: Report) -> str:
    """The page of that tournament."""
    return render_page([contents_of(usual, Path("usual"), "t0")])


@pytest.fixture(scope="session")
def page(hostile: Report) -> str:
    """The page of that tournament."""
    return render_page([contents_of(hostile, Path("made"), "t0")])
