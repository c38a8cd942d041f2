"""Artefacts that travel with a step."""

from __future__ import annotations

import torch

from arena.game.match.steps.step_cache import Setting
from arena.runs.executors.carried import Carried
from arena.runs.executors.executor import make
from arena.runs.store import Store
from arena.runs.tournament import task_of
from arena.world.bundle import Bundle
from arena.world.compute import Compute
from tests.runs.conftest import Played, scenario


def test_what_a_step_changes_in_a_bundle_is_nobody_elses() -> None:
    memo = Carried({"a": {"model": Bundle({}, {"w": torch.zeros(2)}).to_bytes()}})
    first = memo.load("a", "model")
    assert first is not None
    first.tensors["w"][0] = 1.0
    second = memo.load("a", "model")
    assert second is not None
    assert second.tensors["w"].tolist() == [0.0, 0.0]


def test_steps_made_far_away_are_those_of_the_folder(finished: Played) -> None:
    parsed = scenario()
    store = Store(finished.out / "artefacts")
    match = next(iter(parsed.matches(task_of(parsed, Compute()))))[0]
    step = match.protect()
    given = {parent.digest: store.blobs(parent.digest) or {} for parent in step.parents()}
    memo = Carried(given)
    assert make(step, memo, Setting()).status == "OK"
    assert list(memo.made) == [step.digest]
    for part in ("victim", "key", "exposed"):
        assert memo.made[step.digest][part] == store.path(step.digest, part).read_bytes()


def test_a_parent_that_was_not_sent_is_made_again(finished: Played) -> None:
    parsed = scenario()
    match = next(iter(parsed.matches(task_of(parsed, Compute()))))[0]
    step, memo = match.protect(), Carried({})
    assert make(step, memo, Setting()).status == "OK"
    assert set(memo.made) == {step.digest, *(parent.digest for parent in step.parents())}
    store = Store(finished.out / "artefacts")
    assert memo.made[step.digest]["victim"] == store.path(step.digest, "victim").read_bytes()
