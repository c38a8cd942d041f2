"""What the page says plays a cell again does play it again, to the same figures."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from arena.game.rules.figures import values
from arena.runs.ledger import VOLATILE
from arena.view.page.replay import command, parts
from arena.view.results.report import Report, results_in
from tests.view.conftest import Command, made_report, row


@pytest.mark.slow
def test_a_cell_plays_again_as_it_did(arena: Command, report: Report, tmp_path: Path) -> None:
    told = parts(report)
    owners, thieves = told["owners"], told["thieves"]
    assert isinstance(owners, dict)
    assert isinstance(thieves, dict)
    players = f"owner = [{owners['none']}]\nthief = [{thieves['tune']}]\n"
    text = f"name = 'a-cell'\n{told['head']}repeats = 1\n{players}"
    (tmp_path / "cell.toml").write_text(text, encoding="utf-8")
    done = arena("run", tmp_path / "cell.toml", "--out", tmp_path / "again", "--jobs", 1)
    assert done.code == 0, done.err
    again = results_in(tmp_path / "again").matches
    assert list(again) == ["none-vs-tune-0"]
    for found, kept in zip(again["none-vs-tune-0"], report.matches["none-vs-tune-0"], strict=True):
        lasting = set(values(kept)) - set(VOLATILE)
        assert {name: values(found)[name] for name in lasting} == {
            name: values(kept)[name] for name in lasting
        }


@pytest.mark.parametrize(
    ("device", "precision", "said"),
    [
        ("cpu", "float32", ""),
        ("cpu", "bfloat16", " --precision bfloat16"),
        ("cuda", "bfloat16", ""),
        ("cuda", "float32", " --precision float32"),
    ],
)
def test_the_command_says_the_precision_where_it_is_not_the_usual_one(
    device: str, precision: str, said: str
) -> None:
    report = made_report([row("a", "t")])
    task = {"device": device, "precision": precision}
    found = command(replace(report, facts={**report.facts, "task": task}))
    assert found == f"arena run made.toml --out again{said}"
