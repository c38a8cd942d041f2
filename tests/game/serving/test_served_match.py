"""A served owner in a match: what a round leaves for the next one, and what no thief is told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import pytest

from arena import testing
from arena.game.match.steps.judge_step import JudgeStep
from arena.game.match.steps.round_step import RoundStep
from arena.game.match.steps.step_cache import MemoryMemo, Setting, resolve
from arena.game.rules.keys import Key
from arena.game.rules.threat import ThreatModel
from arena.game.serving.query_log import QueryLog
from arena.game.sides.access import Access
from arena.game.sides.attack import Attack, attack
from arena.game.sides.deliverable import Deliverable
from arena.game.sides.gatekeeper import Gatekeeper
from arena.world.bundle import Bundle
from arena.world.rng import Rng
from arena.world.task import TaskSpec
from arena.world.training import Recipe

GRANTS = ThreatModel(output="probabilities", data=1)
N_ASKED = 40


@attack("test-asker")
@dataclass(frozen=True, kw_only=True)
class Asker(Attack):
    """Asks about some of its images, and about two of them twice; learns nothing from it."""

    needs: ClassVar[ThreatModel] = GRANTS

    def run(self, access: Access, rng: Rng) -> Deliverable:
        images = access.data().images
        access.query(images[: N_ASKED - 2])
        access.query(images[:2])
        return Deliverable(access.lab.build(access.card, rng.child("model")))


def rounds(budget: int = 5) -> tuple[RoundStep, RoundStep, JudgeStep]:
    owner = testing.spec("dawn", rate=0.3, budget=budget)
    task = TaskSpec(recipe=Recipe(epochs=1))
    match = testing.match(owner, "test-asker", grants=GRANTS, task=task)
    first = match.round(testing.spec("test-asker"), None, 0)
    second = match.round(testing.spec("test-asker"), first, 1)
    return first, second, match.judge(second)


class WrittenDown(MemoryMemo):
    """A memo whose every part has been bytes before it is read."""

    def load(self, digest: str, part: str) -> Bundle | None:
        found = super().load(digest, part)
        return None if found is None else Bundle.from_bytes(found.to_bytes())


@pytest.fixture(scope="module")
def memo() -> MemoryMemo:
    return MemoryMemo()


def test_the_next_round_goes_on_from_what_the_last_one_left(memo: MemoryMemo) -> None:
    first, second, _ = rounds()
    logs = [
        QueryLog.read(resolve(step, "log", memo, Setting())).queries for step in (first, second)
    ]
    assert [len(log) for log in logs] == [2, 4]
    assert len({query.client for log in logs for query in log}) == 1
    states = [resolve(step, "service", memo, Setting()) for step in (first, second)]
    assert [state.data["calls"] for state in states] == [2, 4]
    marked = [state.tensors["0/marked"] for state in states]
    assert len(marked[0]) == 5  # the budget was spent in the first round
    assert marked[0].equal(marked[1])  # and is not given again in the second
    old, new = logs[1][:2], logs[1][2:]
    assert all(a.answers.equal(b.answers) for a, b in zip(old, new, strict=True))


def test_a_round_that_goes_on_from_the_disk_is_the_same_bits(memo: MemoryMemo) -> None:
    written = WrittenDown()
    for part in ("log", "service", "deliverable", "register"):
        found = [resolve(rounds()[1], part, each, Setting()).digest() for each in (memo, written)]
        assert found[0] == found[1], part


def test_the_verdict_rests_on_the_log_and_the_commitment_on_the_key(memo: MemoryMemo) -> None:
    first, second, judged = rounds()
    key = Key.read(resolve(first.protect, "key", memo, Setting()))
    register = resolve(second, "register", memo, Setting())
    assert not key.evidence
    assert register.data["lines"][0]["commitment"] == key.commitment()
    verdict = resolve(judged, "judgement", memo, Setting()).data["verdict"]
    assert verdict["figures"]["n_triggers"] == 5


def test_nothing_of_the_owners_side_reaches_the_thief(
    memo: MemoryMemo, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, _, _ = rounds(budget=6)
    told: list[bytes] = []
    answer = Gatekeeper.answer

    def recorded(self: Gatekeeper, request: str, given: Bundle) -> Bundle:
        found = answer(self, request, given)
        told.append(found.to_bytes())
        return found

    monkeypatch.setattr(Gatekeeper, "answer", recorded)
    report = resolve(first, "report", memo, Setting()).to_bytes()
    serving = resolve(first.protect, "serving", memo, Setting())
    secret = serving.data["wrappers"][0]["settings"]["secret"]
    state = resolve(first, "service", memo, Setting())
    tags = [row.numpy().tobytes() for row in state.tensors["0/marked"]]
    assert len(secret) == 64
    assert len(tags) == 6
    assert len(told) > 2
    for blob in (*told, report):
        assert secret.encode() not in blob
        assert bytes.fromhex(secret) not in blob
        assert not any(tag in blob for tag in tags)
