"""A model of every form is protected, and its key tells copies from an independent one."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from benchmarks.protection.formats import CASES, show

NOT_SHOWN, COPY = "0", "10"


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_copies_are_told_from_an_independent_model(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["arena"])
    show(name)
    said = capsys.readouterr().out
    codes = re.findall(r"^  \[(\d+)\]", said, re.MULTILINE)
    judged = [] if name == "language" else [COPY]
    assert codes == ["0", COPY, COPY, COPY, NOT_SHOWN, *judged], said
