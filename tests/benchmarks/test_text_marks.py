"""The benchmark of marks in texts judges as the schemes do."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from benchmarks.language import radioactivity
from benchmarks.language.bulk import p_values
from benchmarks.language.ngrams import NGrams
from benchmarks.language.rows import Row, carry_on, read_rows
from benchmarks.language.text_marks import MARKS, interval, p_value, report
from tests import sources


@pytest.mark.parametrize("name", list(MARKS))
def test_many_texts_at_once_get_the_verdicts_of_each(name: str) -> None:
    texts = torch.cat([sources.tokens(3, 150), torch.tensor([[97, 98, 99] * 50])])
    found, scored = p_values(MARKS[name], 3, texts)
    for i, text in enumerate(texts):
        assert (found[i], scored[i]) == pytest.approx(p_value(MARKS[name], 3, [text]))


def test_the_referees_ngrams_are_a_distribution() -> None:
    model = NGrams("the fox and the crow", 3)
    assert model.probability("th", "e") > 0.5 > model.probability("th", "x") > 0
    alphabet = [chr(i) for i in range(65_536) if not 0xD800 <= i < 0xE000]
    assert 0.95 < sum(model.probability("th", c) for c in alphabet) < 1.0001
    assert model.bits("the fox") < model.bits("xof eht")


def test_an_interval_holds_its_share() -> None:
    low, high = interval(10, 50)
    assert low < 0.2 < high
    assert (interval(0, 50)[0], interval(50, 50)[1]) == (0.0, 1.0)


def test_alarms_of_one_key_are_no_independent_cases(capsys: pytest.CaptureFixture[str]) -> None:
    """Fifty alarms, all of them under one of ten keys: the interval is that of ten cases."""
    rows: list[Row] = []
    for i in range(10):
        alarms: Row = {"p<=0.01": 0, "p<=0.001": 0, "p<=0.0001": 50 * (i == 0)}
        rows.append({"cell": f"human/human/sbw/{i}", "n": 50, "scored": 9, **alarms})
    report(rows)
    (line,) = capsys.readouterr().out.splitlines()
    assert "10 keys, 500 verdicts" in line
    assert line.endswith("p<=0.0001: 1.0e-01 [0.0e+00, 3.3e-01]")


def test_students_of_marked_texts_stand_beside_those_of_unmarked_ones(
    capsys: pytest.CaptureFixture[str],
) -> None:
    p_values_of = {"sbw h=1": 1e-9, "sbw h=1, merged": 0.5, "unmarked": 0.3}
    radioactivity.report(
        [{"cell": f"{lot}/{i}", "sbw h=1": p} for lot, p in p_values_of.items() for i in range(5)]
    )
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    assert "accused at 0.01: 5 of 5" in lines[0]
    assert all("accused at 0.01: 0 of 5" in line for line in lines[1:3])


def test_rows_are_kept_and_none_is_made_twice(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"

    def make(done: set[str]) -> Iterator[Row]:
        for name in {"a", "b", "c"} - done:
            yield {"cell": name, "n": 1}

    first = [row for row, _ in zip(make(set()), range(2), strict=False)]
    assert carry_on(path, lambda done: first) == first
    assert sorted(str(row["cell"]) for row in carry_on(path, make)) == ["a", "b", "c"]
    assert read_rows(path) == carry_on(path, make)
