"""The benchmark of aligned readings of copies by queries, at a small size."""

from __future__ import annotations

import pytest

from benchmarks.rewriting import copies


@pytest.mark.slow
def test_bits_are_read_in_the_victim_and_not_in_its_twin(
    capsys: pytest.CaptureFixture[str],
) -> None:
    copies.main(["--victims", "1", "--innocents", "2", "--epochs", "8", "--model", "mlp"])
    told = capsys.readouterr().out
    assert "the victim                         caught 1 of 1" in told
    assert "the unmarked twin                  caught 0 of 1" in told
    assert "knockoff of its unmarked twin" in told
