"""The query ledger: exact budgets, a rate, hashed tokens, and no answered query is ever lost."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from arena.errors import StoreError
from arena.runs.served.query_ledger import Allowance, QueryLedger
from arena.runs.served.refusal import Refusal
from tests.runs.served.conftest import Clock

PLENTY = Allowance(budget=1000, per_minute=1000)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def ledger(tmp_path: Path, clock: Clock) -> QueryLedger:
    made = QueryLedger(tmp_path / "q.sqlite", clock)
    made.enter_client("alice")
    return made


def test_a_token_is_kept_as_a_hash_alone(ledger: QueryLedger) -> None:
    token = ledger.enter_client("bob")
    assert (ledger.client_of(token), ledger.client_of(token + "x")) == ("bob", None)
    ledger.close()
    kept = b"".join(path.read_bytes() for path in ledger.path.parent.iterdir())
    assert token.encode() not in kept
    assert ledger.path.stat().st_mode & 0o077 == 0


def test_a_name_is_entered_once(ledger: QueryLedger) -> None:
    with pytest.raises(StoreError, match="choose another name"):
        ledger.enter_client("alice")
    assert ledger.clients() == ["alice"]


def test_a_budget_is_spent_to_the_last_image_and_no_further(ledger: QueryLedger) -> None:
    allowed = Allowance(budget=10, per_minute=100)
    assert ledger.charge("alice", 7, b"a", allowed) == 3
    with pytest.raises(Refusal, match="4 images were asked for, 3 are left of 10") as refused:
        ledger.charge("alice", 4, b"b", allowed)
    assert (refused.value.status, refused.value.wait_s) == (403, 0)
    assert ledger.charge("alice", 3, b"c", allowed) == 0
    assert ledger.asked("alice") == 10


def test_who_asks_too_fast_is_told_when_to_ask_again(ledger: QueryLedger, clock: Clock) -> None:
    allowed = Allowance(budget=1000, per_minute=10)
    ledger.charge("alice", 6, b"a", allowed)
    clock.now += 20
    ledger.charge("alice", 4, b"b", allowed)
    with pytest.raises(Refusal, match="ask again in 40 s") as refused:
        ledger.charge("alice", 6, b"c", allowed)
    assert refused.value.status == 429
    assert refused.value.wait_s == pytest.approx(40)
    with pytest.raises(Refusal, match="ask again in 60 s"):
        ledger.charge("alice", 7, b"c", allowed)
    clock.now += refused.value.wait_s
    ledger.charge("alice", 6, b"c", allowed)


def test_budgets_are_exact_when_many_ask_at_once(ledger: QueryLedger) -> None:
    allowed, answered = Allowance(budget=100, per_minute=10_000), list[int]()

    def client() -> None:
        for _ in range(20):
            try:
                ledger.charge("alice", 3, b"x", allowed)
            except Refusal:
                continue
            answered.append(3)

    threads = [threading.Thread(target=client) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(answered) == ledger.asked("alice") == 99


KILLED = """
import os, sys
from pathlib import Path
from arena.runs.served.query_ledger import Allowance, QueryLedger
ledger = QueryLedger(Path(sys.argv[1]))
for number in range(1000):
    ledger.charge("alice", 1, b"x", Allowance(10**6, 10**6))
    os.write(1, b".")
    if number == 50:
        os.kill(os.getpid(), 9)
"""


def test_what_was_answered_is_there_after_kill_9(ledger: QueryLedger) -> None:
    ledger.close()
    done = subprocess.run([sys.executable, "-c", KILLED, ledger.path], capture_output=True)
    assert done.returncode == -9
    again = QueryLedger(ledger.path)
    assert again.asked("alice") == len(done.stdout) == 51
    again.close()


def test_a_file_that_is_no_ledger_is_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "q.sqlite"
    path.write_bytes(b"no database at all, but long enough to be looked at" * 10)
    with pytest.raises(StoreError, match="expected a query ledger"):
        QueryLedger(path)


def test_rows_are_only_added(ledger: QueryLedger) -> None:
    ledger.charge("alice", 1, b"x", PLENTY)
    ledger.close()
    with sqlite3.connect(ledger.path) as db, pytest.raises(sqlite3.Error, match="only added"):
        db.execute("DELETE FROM queries")
    with sqlite3.connect(ledger.path) as db, pytest.raises(sqlite3.Error, match="only added"):
        db.execute("UPDATE queries SET n_images = 0")
