"""What the record keeps of a verdict: both stages, every metric on every part of the tests."""

from __future__ import annotations

from collections.abc import Mapping

from arena.errors import NotComparable
from arena.game.sides.suspect import Suspect
from arena.world.json_values import Json
from defenders.deepjudge.case import Measurement, Part
from defenders.deepjudge.consistency import consistency
from defenders.deepjudge.judge import Evidence
from defenders.deepjudge.key import Contents

_N_PROBES = 256


def first_stage(contents: Contents, suspect: Suspect) -> dict[str, Json]:
    """Return whether the suspect is the victim itself, where its weights can be read."""
    probes = contents.pool.images[:_N_PROBES]
    try:
        found = consistency(contents.case.victim, suspect.model(), probes, suspect.compute)
    except NotComparable as error:
        return {"kind": "unknown", "note": str(error)}
    return found.plain()


def figures_of(
    contents: Contents, measured: Measurement, evidence: Mapping[Part, Evidence]
) -> dict[str, Json]:
    """Return everything that was found, for the record, as JSON values."""
    case = contents.case
    return {
        "evidence": {part: found.plain() for part, found in evidence.items()},
        "layers": {name: dict(values) for name, values in measured.layers.items()},
        "layer": case.layer,
        "generator": contents.plan.generator.title,
        "gaps": dict(sorted(contents.gaps.items())),
        "n_blackbox": len(case.blackbox),
        "n_whitebox": len(case.whitebox),
        "untested_neurons": case.untested(),
    }
