"""What the record keeps of a verdict: both stages, every metric on every part of the tests."""

from __future__ import annotations

from collections.abc import Mapping

from arena.errors import NotComparable
from arena.game.court.evidence import EVIDENCE, Consistency
from arena.game.sides.suspect import Suspect
from arena.world.json_values import Json
from defenders.deepjudge.case import Measurement
from defenders.deepjudge.consistency import consistency
from defenders.deepjudge.judge import JointEvidence
from defenders.deepjudge.scheme.key import Contents
from defenders.deepjudge.scheme.tests import TestPart

_N_PROBES = 256


def first_stage(contents: Contents, suspect: Suspect) -> Consistency:
    """Return whether the suspect is the victim itself, where its weights can be read."""
    probes = contents.pool.images[:_N_PROBES]
    try:
        return consistency(contents.case.victim, suspect.model(), probes, suspect.compute)
    except NotComparable as error:
        return Consistency("unknown", note=str(error))


def figures_of(
    contents: Contents, measured: Measurement, findings: Mapping[TestPart, JointEvidence]
) -> dict[str, Json]:
    """Return everything that was found, for the record, as JSON values."""
    case = contents.case
    return {
        EVIDENCE: {part: found.report().plain() for part, found in findings.items()},
        "layers": {name: dict(values) for name, values in measured.layers.items()},
        "layer": case.layer,
        "generator": contents.plan.generator.title,
        "gaps": dict(sorted(contents.gaps.items())),
        "n_blackbox": len(case.blackbox),
        "n_whitebox": len(case.whitebox),
        "untested_neurons": case.untested(),
    }
