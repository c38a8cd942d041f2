"""Measuring what a thief does: by the referee, looked up the second time, and no key on disk."""

from __future__ import annotations

from pathlib import Path

import pytest

from arena.errors import ArenaError
from arena.game.match.steps.step_cache import MemoryMemo, Setting
from arena.game.sides.player import PlayerSpec
from arena.runs.protect.files import owned
from arena.runs.protect.order import Protection
from arena.runs.regress.cells import Cell, Thief, measure
from arena.runs.regress.memo import KeylessStore
from arena.runs.regress.subject import OwnedSubject
from tests.runs.conftest import UCHIDA

NOISE = Thief(moves=(PlayerSpec(name="noise", settings={"deviation": 1.0}),))


@pytest.fixture(scope="module")
def subject(protection: Protection) -> OwnedSubject:
    return OwnedSubject.of(protection.protected.model, owned(protection), "digits")


@pytest.fixture(scope="module")
def measured(subject: OwnedSubject) -> Cell:
    return measure(subject, NOISE, 1, MemoryMemo(), Setting(), 3)


def test_a_seed_is_an_attack_of_its_own(measured: Cell) -> None:
    assert (measured.statistic, measured.strong) == ("BER", False)
    assert len(set(measured.kept)) > 1
    assert measured.strengths == pytest.approx([1 - value for value in measured.values])
    low, high = measured.interval
    assert low <= sum(measured.values) / 3 <= high


def test_the_same_root_measures_the_same(subject: OwnedSubject, measured: Cell) -> None:
    assert measure(subject, NOISE, 1, MemoryMemo(), Setting(), 3) == measured


def test_what_was_measured_is_looked_up_and_no_key_is_written(
    subject: OwnedSubject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    memo = KeylessStore(tmp_path)
    first = measure(subject, NOISE, 2, memo, Setting(), 2)
    seed = subject.owned.key.seed.encode()
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert [path for path in files if path.suffix == ".judgement"]
    assert [path for path in files if path.suffix == ".key" or seed in path.read_bytes()] == []
    monkeypatch.setattr("arena.game.match.steps.judge_step.JudgeStep.compute", None)
    assert measure(subject, NOISE, 2, KeylessStore(tmp_path), Setting(), 2) == first


def test_an_attack_that_cannot_be_played_is_said_to_be_one(subject: OwnedSubject) -> None:
    refused = Thief(moves=NOISE.moves, threat="claimant_readonly")
    with pytest.raises(ArenaError, match="expected a deliverable of claim"):
        measure(subject, refused, 1, MemoryMemo(), Setting(), 2)


def test_the_subject_is_told_by_model_key_and_data(subject: OwnedSubject) -> None:
    said = subject.record(Setting())
    assert said.scheme == UCHIDA.name
    assert said.model_sha256 == subject.victim.digest()
    assert said.key_sha256 == subject.owned.key.commitment()
    assert len(said.data_sha256) == 64
