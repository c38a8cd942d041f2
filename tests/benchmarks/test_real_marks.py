"""The table of marks in texts of a pretrained model, made with a tiny one."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from benchmarks.language import real_marks
from tests import tiny_causal

pytest.importorskip("transformers", reason="the extra language is not installed")


def test_both_parts_write_rows_once_and_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tiny_causal.write(tmp_path / "model")
    out = tmp_path / "rows.jsonl"
    told = ["--out", str(out), "--model", f"pretrained:{tmp_path / 'model'}", "--texts", "2"]
    monkeypatch.setattr(real_marks, "PLAYED", ("kgw", "gumbel"))
    monkeypatch.setattr(real_marks, "EDITS", ("pass-on", "lower-case"))
    monkeypatch.setattr(real_marks, "prose", lambda name: tiny_causal.text())

    def run(part: str) -> None:
        command = ["real_marks", part, *told, "--length", "40", "--keys", "3"]
        monkeypatch.setattr(sys, "argv", command)
        real_marks.main()

    for part in ("written", "human", "written", "human"):
        run(part)
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    names = [row["cell"] for row in rows]
    assert len(names) == len(set(names)) == 4 + 6
    assert all(row["n"] == 2 and row["scored"] > 20 for row in rows if "human" in row["cell"])
    run("report")
    lines = capsys.readouterr().out.splitlines()
    assert sum(line.startswith("written kgw pass-on") for line in lines) == 1
    assert sum("/6 at 0.01" in line for line in lines) == 2
