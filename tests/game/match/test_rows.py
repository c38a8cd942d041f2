"""The tables of figures, and what docs/adding-a-figure.md promises, replayed."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from contextlib import closing
from dataclasses import fields
from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

import arena
from arena import testing
from arena.game.match.rows import InnocentRow, RoundRow
from arena.game.rules.figures import figures, row_of, values
from arena.game.rules.threat import METERS
from arena.runs.ledger import Ledger

PAGE = arena.ROOT / "docs" / "adding-a-figure.md"
SCENARIO = """
name = "tiny"
[task]
model = "softmax"
recipe = { epochs = 1 }
[innocents]
calibration_same = 0
calibration_other = 0
reporting_same = 0
reporting_other = 0
calibration_odd = 0
reporting_odd = 0
[[owner]]
scheme = "none"
[[thief]]
name = "none"
moves = ["none"]
"""


def test_every_meter_is_a_figure_of_a_round() -> None:
    known = figures(RoundRow)
    assert [known[meter].tag for meter in METERS] == [f"meters/{meter}" for meter in METERS]


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("removed", "got away, still useful"),
        ("gain_low", "gain, from (95 %)"),
        ("gain_high", "gain, to (95 %)"),
        ("rule_is_copy", "caught by the paper's rule"),
        ("rounds", "query rounds"),
        ("models", "models trained"),
        ("calls", "calls of the interface"),
        ("steps", "training steps"),
    ],
)
def test_a_figure_is_called_by_what_it_is(name: str, says: str) -> None:
    assert figures(RoundRow)[name].says == says


@pytest.mark.parametrize("table", [RoundRow, InnocentRow])
def test_a_figure_says_what_it_is_and_lies_within_its_bounds(table: type) -> None:
    known = figures(table)
    assert list(known) == [field.name for field in fields(table)]
    tags = [figure.tag for figure in known.values() if figure.tag]
    assert len(tags) == len(set(tags))
    assert all(figure.says for figure in known.values() if figure.tag)


def test_a_played_round_keeps_within_the_bounds_that_its_figures_name() -> None:
    task = testing.task(model="softmax", epochs=1).spec
    (record,) = testing.play(testing.match("none", "prune", task=task), "prune")
    row = row_of(RoundRow, record)
    assert row.scored
    worth = record.judged.worth
    assert (row.gain, row.alone, row.pays) == (worth.gain, worth.alone, worth.pays)
    assert row.payoff == (record.judged.payoff if worth.pays else None)
    for name, figure in figures(RoundRow).items():
        value, (low, high) = values(row)[name], figure.bounds
        if figure.tag and value is not None:
            assert (low is None or low <= value) and (high is None or value <= high), name  # noqa: PT018


def test_a_failed_round_has_no_figures_and_says_why() -> None:
    task = testing.task(model="softmax", epochs=1).spec
    (record,) = testing.play(testing.match("none", "forge-key", task=task), "forge-key")
    row = row_of(RoundRow, record)
    assert (row.status, row.payoff, row.images_queried) == ("SKIPPED", None, None)
    assert "delivery of a claim" in row.message


def snippet() -> tuple[str, str]:
    """Return the new field of the page, and the name of the field below it."""
    text = PAGE.read_text(encoding="utf-8")
    found = re.search(r"```python\n(.*?)```", text, re.DOTALL)
    below = re.search(r"Write it above `(\w+)`", text)
    assert found is not None
    assert below is not None
    return found.group(1), below.group(1)


def command(*arguments: str, packages: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "arena", *arguments],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(packages)},
        cwd=packages,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.end_to_end
def test_a_new_figure_touches_one_place(tmp_path: Path) -> None:
    for package in ("arena", "attackers", "defenders", "scenarios"):
        source, ignored = arena.ROOT / package, shutil.ignore_patterns("__pycache__")
        shutil.copytree(source, tmp_path / package, ignore=ignored)
    scenario, out = tmp_path / "tiny.toml", tmp_path / "out"
    scenario.write_text(SCENARIO, encoding="utf-8")
    out.mkdir()
    with closing(Ledger(out / "ledger.sqlite")):  # begun before there was such a figure
        pass
    added, below = snippet()
    rows = tmp_path / "arena" / "game" / "match" / "rows.py"
    text = rows.read_text(encoding="utf-8")
    assert text.count(f"    {below}:") > 0
    rows.write_text(text.replace(f"    {below}:", f"{added}\n    {below}:", 1), encoding="utf-8")
    command("run", str(scenario), "--out", str(out), "--jobs", "1", packages=tmp_path)
    shown = json.loads(command("show", str(out), "--json", packages=tmp_path))
    (row,) = shown["rounds"]
    assert row["utility_lost"] == row["victim_utility"] - row["utility"] == 0
    events = EventAccumulator(str(out / "tensorboard" / "tiny" / "none")).Reload()
    assert [point.value for point in events.Scalars("thief/utility_lost/none")] == [0.0]
