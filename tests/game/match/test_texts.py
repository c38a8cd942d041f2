"""A match over texts: what is written, passed on, laundered and accused."""

from __future__ import annotations

from arena import testing
from arena.game.match.play import Pools
from arena.game.match.reports import Innocents
from arena.game.match.steps.innocents_step import InnocentsStep
from arena.game.match.steps.step_cache import MemoryMemo, Setting, resolve
from arena.game.rules.threat import preset
from arena.world.kinds.language import SMALL_WRITER
from arena.world.task import TaskSpec

SPEC = TaskSpec.model_validate(SMALL_WRITER)
POOLS = Pools(calibration_same=0, calibration_other=0, reporting_same=1, reporting_other=1)


def test_a_text_is_accused_until_nothing_of_it_is_left() -> None:
    """Its worth falls with what is replaced, and the mark with it."""
    grants = preset("reads_texts").model_copy(update={"length": 100})
    owner = testing.spec("sbw", level=1e-5)
    replaced = testing.spec("substitute", share=1.0)
    match = testing.match(owner, "reader", grants, SPEC, POOLS)
    passed, spoilt = testing.play(match, "pass-on", replaced)
    assert [passed.status, spoilt.status] == ["OK", "OK"], (passed.message, spoilt.message)
    one, other = passed.judged, spoilt.judged
    assert one.caught
    assert one.verdict.p_value < 1e-20
    assert not other.caught
    assert 0 <= other.utility <= one.utility <= 1


def test_no_two_innocents_write_by_the_same_chance() -> None:
    """One model, judged twice, writes two texts: false positives are over both."""
    grants = preset("reads_texts").model_copy(update={"length": 100})
    match = testing.match(testing.spec("sbw"), "reader", grants, SPEC, POOLS)
    twice = (match.reporting()[0],) * 2
    step = InnocentsStep(match.protect(), twice, match.verification)
    found = Innocents.model_validate(resolve(step, "verdicts", MemoryMemo(), Setting()).data)
    first, second = (each.verdict.figures for each in found.verdicts)
    assert first["green"] > 0
    assert first != second  # how many places are scored, and how many of them are green
