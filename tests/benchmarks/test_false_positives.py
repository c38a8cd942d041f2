"""The benchmark of false positives: its line, its regression, and a short run that continues."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks import false_positives
from benchmarks.false_positives import regression_p_value, row_of, whom


def test_a_line_counts_both_kinds_and_the_worst_key() -> None:
    found = np.ones((4, 10))
    found[2, 5:] = 1e-5  # one key accuses all odd innocents
    line, same, odd, worst = row_of(found, np.arange(10) < 5, "toy")
    assert (same, odd, worst) == (0.0, 0.25, 1.0)
    assert line.startswith("toy")


def test_the_regression_follows_the_line() -> None:
    utilities = np.linspace(0.3, 1, 24)
    values = 1 - utilities + 0.01 * np.cos(np.arange(24) * 2.0)
    assert regression_p_value(0.5, 0.5, values, utilities) > 0.2
    assert regression_p_value(0.3, 0.5, values, utilities) < 1e-6


@pytest.mark.slow
def test_a_short_run_continues_where_it_was(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["--quick", "--out", str(tmp_path)]
    false_positives.main(asked)
    first = capsys.readouterr().out
    n_made = len(list((tmp_path / "artefacts").iterdir()))
    false_positives.main(asked)
    assert capsys.readouterr().out == first
    assert len(list((tmp_path / "artefacts").iterdir())) == n_made
    assert "uchida (verifier = aligned)" in first


def test_the_kinds_that_are_accused_most_are_told() -> None:
    found = np.array([[0.001, 0.5, 0.005, 0.9], [0.2, 0.5, 0.002, 0.01]])
    assert whom(found, ["SGD", "Neg-1", "SGD", "tree"]) == "SGD 0.7500, tree 0.5000"
    assert whom(found + 1, ["SGD", "Neg-1", "SGD", "tree"]) == "nobody"
