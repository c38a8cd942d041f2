"""How large the page of a tournament is, how long it takes to write, and how fast it answers.

    arena run quickstart
    python -m benchmarks.tournament.page runs/quickstart [--players 100]

Writes the page of the tournament as it is, then of one with N owners and N thieves, made by giving
its cells in turn to every pair, with texts of their own so that none is stored once for many. Where
chromium and chromedriver are there, the second page is opened, sorted, filtered, and a cell of it
opened. Bars: <= 5 MB for the quickstart, <= 20 MB for 10,000 cells, <= 1 s for whatever is clicked.
"""

from __future__ import annotations

import argparse
import resource
import shutil
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import cycle
from pathlib import Path
from typing import TypeVar

from arena.game.match.rows import InnocentRow, RoundRow
from arena.view.page.contents import contents_of
from arena.view.page.render import render_page
from arena.view.results.report import Report, results_in
from benchmarks.common import bar, heading, say

T = TypeVar("T")
_SORT = "document.querySelector('button[data-sort=\"gain\"]').click()"
_FILTER = (
    'const box = document.querySelector("input[type=search]"); box.value = "owner-7-vs";'
    'box.dispatchEvent(new Event("input"))'
)
_OPEN = 'document.querySelector("button.open").click()'
_MAP = (
    'const map = document.querySelector("select[data-map]"); map.value = 1;'
    'map.dispatchEvent(new Event("change"))'
)


def grown(report: Report, n: int) -> Report:
    """Return a tournament of n owners and n thieves, its cells those of another in turn."""
    scenario = report.facts["scenario"]
    owners = [{**old, "name": f"owner-{i}"} for i, old in _first(scenario["owner"], n)]
    thieves = [
        {**old, "name": f"thief-{i}", "against": []} for i, old in _first(scenario["thief"], n)
    ]
    facts = {**report.facts, "scenario": {**scenario, "owner": owners, "thief": thieves}}
    cells = cycle(list(report.matches.values()))
    rounds = [
        _moved(row, f"owner-{i}", f"thief-{j}")
        for i in range(n)
        for j in range(n)
        for row in next(cells)
    ]
    return Report(facts, rounds, list(_innocents(report, n)))


def _first(values: list[T], n: int) -> Iterator[tuple[int, T]]:
    return zip(range(n), cycle(values), strict=False)


def _moved(row: RoundRow, owner: str, thief: str) -> RoundRow:
    title = f"{owner}-vs-{thief}-{row.repeat}"
    figures = {**row.figures, "of": title}
    reason, message = (f"{text} ({title})" if text else text for text in (row.reason, row.message))
    return replace(
        row,
        match=title,
        owner=owner,
        thief=thief,
        reason=reason,
        message=message or "",
        digest=f"{hash(title):016x}" * 4,
        figures=figures,
    )


def _innocents(report: Report, n: int) -> Iterator[InnocentRow]:
    by_owner = [[row for row in report.innocents if row.owner == name] for name in report.owners]
    for i, rows in _first(by_owner, n):
        yield from (replace(row, owner=f"owner-{i}") for row in rows)


def written(report: Report) -> tuple[str, float]:
    """Return a page and the CPU seconds that it took."""
    started = time.process_time()
    page = render_page([contents_of(report, Path("measured"), "t0")])
    return page, time.process_time() - started


def in_a_browser(page: Path) -> None:
    """Open a page in headless Chromium, and say how long it takes to do what a person does."""
    from selenium.webdriver import Chrome, ChromeOptions
    from selenium.webdriver.chrome.service import Service

    options = ChromeOptions()
    options.binary_location = str(shutil.which("chromium"))
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"):
        options.add_argument(argument)
    browser = Chrome(options=options, service=Service(str(shutil.which("chromedriver"))))
    try:
        started = time.perf_counter()
        browser.get(page.as_uri())
        bar("opening the page, s", time.perf_counter() - started, 5, at_least=False)
        doings = {"sorting": _SORT, "filtering": _FILTER, "another map": _MAP, "a cell": _OPEN}
        for what, script in doings.items():
            started = time.perf_counter()
            browser.execute_script(script + "; document.body.offsetHeight")
            bar(f"{what}, s", time.perf_counter() - started, 1, at_least=False)
        said = [entry["message"] for entry in browser.get_log("browser")]
        say(f"on the console: {said or 'nothing'}")
    finally:
        browser.quit()


def main() -> None:
    parser = argparse.ArgumentParser(description="Size and speed of the page.")
    parser.add_argument("folder", type=Path, help="of a tournament that was played")
    parser.add_argument("--players", type=int, default=100, help="owners, and thieves")
    asked = parser.parse_args()
    heading("The page of a tournament", 1)
    report = results_in(asked.folder)
    page, cpu_s = written(report)
    say(f"{report.name}: {len(report.finals)} cells, {cpu_s:.1f} s of CPU")
    bar(f"{report.name}: MB", len(page.encode()) / 1e6, 5, at_least=False)
    page, cpu_s = written(grown(report, asked.players))
    say(f"{asked.players**2:,} cells: {cpu_s:.1f} s of CPU")
    bar(f"{asked.players**2:,} cells: MB", len(page.encode()) / 1e6, 20, at_least=False)
    say(f"peak memory: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6:.2f} GB")
    if not (shutil.which("chromium") and shutil.which("chromedriver")):
        say("no chromium or no chromedriver here: not opened")
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "page.html"
        path.write_text(page, encoding="utf-8")
        in_a_browser(path)


if __name__ == "__main__":
    main()
