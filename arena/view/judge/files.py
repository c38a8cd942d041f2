"""The files of a judgement: report.md, report.json, radar.png."""

from __future__ import annotations

import json
from pathlib import Path

from arena.errors import StoreError
from arena.runs.judge.request import Findings
from arena.view.judge import verdicts
from arena.view.judge.page import PAGE, RADAR, REPORT, name_of, page
from arena.view.progress.stamps import safe_name
from arena.world.files.atomic_write import write_whole
from arena.world.json_values import Json, Raw, digest, from_json


def document(findings: Findings) -> dict[str, Json]:
    """Return everything that was found, and what it means in words, as JSON values."""
    found, verdict = findings.plain(), findings.verdict
    if verdict is not None:
        found["outcome"] = verdicts.outcome(verdict)
        found["consistency"] = verdicts.consistency(verdict)
        found["provenance"] = verdicts.provenance(verdict, findings.level)
        found["cautions"] = verdicts.cautions(findings)
    return found


def save(findings: Findings, out: Path) -> None:
    """Write what was found so far; each file is whole at any time.

    Raises:
        StoreError: the folder cannot be written.
    """
    chart = verdicts.chart_of(findings, name_of(findings.asked["suspect"]))
    files = {
        REPORT: json.dumps(document(findings), indent=2).encode() + b"\n",
        PAGE: page(findings).encode(),
    }
    if chart is not None:
        from arena.view.figures.plots import render
        from arena.view.figures.radar import draw

        files[RADAR] = render(draw(chart))
    try:
        if chart is None:  # of an earlier judgement
            (out / RADAR).unlink(missing_ok=True)
        for name, blob in files.items():
            write_whole(out / name, blob)
    except OSError as error:
        raise _unwritable(out, error) from error


def _unwritable(out: Path, error: OSError) -> StoreError:
    return StoreError(
        f"expected a folder that can be written, found {out} ({error.strerror}); "
        "choose another --out folder"
    )


def set_aside(out: Path, asked: Json) -> None:
    """Move a judgement of something else out of the way, so that none is overwritten.

    It goes to `earlier/SUSPECT-DIGEST`; models, tests and answers stay, for all questions.

    Raises:
        StoreError: the folder cannot be written.
    """
    try:
        known = from_json((out / REPORT).read_bytes())
        before: Raw = known["asked"]
        if before == asked or known["status"] != "judged":
            return
        name = f"{safe_name(name_of(before['suspect']))}-{digest(before)[:8]}"
    except (OSError, ValueError, KeyError, TypeError):  # no report, or a file of another kind
        return
    try:
        (out / "earlier" / name).mkdir(parents=True, exist_ok=True)
        for file in (PAGE, RADAR, REPORT):
            if (out / file).is_file():
                (out / file).replace(out / "earlier" / name / file)
    except OSError as error:
        raise _unwritable(out, error) from error
