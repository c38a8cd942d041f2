"""The ledger: an SQLite row for each round and each verified innocent; the source of all views.

Columns named in `VOLATILE` say how long something took and where it ran; all others are the same in
every run of the same scenario on the same machine.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping
from pathlib import Path

from arena.errors import StoreError
from arena.game.match.play import RoundRecord
from arena.game.rules.threat import METERS
from arena.world.json_values import Json, canonical

_METERS = ", ".join(f"{name} REAL" for name in METERS)
_SCHEMA = f"""
CREATE TABLE IF NOT EXISTS run (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS matches (match TEXT PRIMARY KEY, position INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS rounds (
    match TEXT NOT NULL, round INTEGER NOT NULL,
    owner TEXT NOT NULL, scheme TEXT NOT NULL, thief TEXT NOT NULL, repeat INTEGER NOT NULL,
    seed INTEGER NOT NULL, move TEXT NOT NULL, strength REAL,
    status TEXT NOT NULL, message TEXT NOT NULL, digest TEXT NOT NULL,
    utility REAL, victim_utility REAL, base_utility REAL, fidelity_loss REAL, agreement REAL,
    own_utility REAL, kept REAL, caught INTEGER, removed INTEGER, payoff REAL, owner_payoff REAL,
    statistic_name TEXT, statistic REAL, threshold REAL, rescaled REAL, p_value REAL,
    reason TEXT, rule TEXT, rule_is_copy INTEGER, figures TEXT,
    winner TEXT, reasons TEXT, failed TEXT,
    {_METERS}, cost REAL,
    threat TEXT NOT NULL, settings TEXT NOT NULL, versions TEXT NOT NULL,
    move_s REAL, judge_s REAL, protect_s REAL, hardware TEXT NOT NULL,
    PRIMARY KEY (match, round));
CREATE TABLE IF NOT EXISTS innocents (
    owner TEXT NOT NULL, repeat INTEGER NOT NULL, number INTEGER NOT NULL, kind TEXT NOT NULL,
    caught INTEGER NOT NULL, statistic_name TEXT NOT NULL, statistic REAL, threshold REAL,
    rescaled REAL, p_value REAL NOT NULL, rule_is_copy INTEGER, reason TEXT NOT NULL,
    utility REAL, figures TEXT NOT NULL,
    PRIMARY KEY (owner, repeat, number));
"""
_VERSION = 2  # of the schema
VOLATILE = ("move_s", "judge_s", "protect_s", "wall_s", "hardware")
Row = dict[str, Json]


class Ledger:
    """A ledger file. Writers hold it for one transaction each, so several may share it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._db = sqlite3.connect(path, timeout=60, isolation_level=None)
            self._db.row_factory = sqlite3.Row
            self._db.execute("PRAGMA journal_mode = WAL")
            found = self._db.execute("PRAGMA user_version").fetchone()[0]
            begun = self._db.execute("SELECT 1 FROM sqlite_master").fetchone() is not None
            foreign = found > _VERSION or (found < _VERSION and begun)
            if not foreign:  # the version first: whoever opens it meanwhile sees no unnamed tables
                self._db.executescript(f"PRAGMA user_version = {_VERSION}; {_SCHEMA}")
        except sqlite3.Error as error:
            raise StoreError(
                f"expected a ledger at {path}, found a file that is none ({error}); "
                "choose another --out folder"
            ) from error
        if foreign:
            raise StoreError(
                f"expected a ledger of form {_VERSION} at {path}, found form {found}, of another "
                "version of arena; choose another --out folder"
            )

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def begin(self, facts: Mapping[str, Json], matches: Iterable[str]) -> None:
        """Write down what this run is, and which matches belong to it now."""
        with self._db:
            self._db.execute("BEGIN IMMEDIATE")
            for name, value in facts.items():
                self._db.execute("REPLACE INTO run VALUES (?, ?)", (name, canonical(value)))
            self._db.execute("DELETE FROM matches")
            rows = [(match, position) for position, match in enumerate(matches)]
            self._db.executemany("INSERT INTO matches VALUES (?, ?)", rows)

    def facts(self) -> dict[str, Json]:
        """Return what the run is: scenario, versions, seed."""
        rows = self._db.execute("SELECT name, value FROM run ORDER BY name")
        return {row["name"]: json.loads(row["value"]) for row in rows}

    def write_rounds(self, records: Iterable[RoundRecord], hardware: str, versions: Json) -> None:
        """Write the rounds of one match, replacing what an earlier run wrote for it."""
        rows = [round_row(record, hardware, versions) for record in records]
        with self._db:
            self._db.execute("BEGIN IMMEDIATE")
            for row in rows[:1]:
                self._db.execute("DELETE FROM rounds WHERE match = ?", (row["match"],))
            for row in rows:
                self._insert("rounds", row)

    def write_innocents(
        self, owner: str, repeat: int, verdicts: Iterable[Mapping[str, Json]]
    ) -> None:
        """Write an owner's verdicts on the reporting innocents."""
        with self._db:
            self._db.execute("BEGIN IMMEDIATE")
            where = (owner, repeat)
            self._db.execute("DELETE FROM innocents WHERE owner = ? AND repeat = ?", where)
            for number, verdict in enumerate(verdicts):
                fields = ("kind", "statistic_name", "statistic", "threshold", "rescaled")
                row: Row = {name: verdict[name] for name in (*fields, "p_value", "reason")}
                row |= {"owner": owner, "repeat": repeat, "number": number}
                row |= {"caught": verdict["is_copy"], "rule_is_copy": verdict["rule_is_copy"]}
                row |= {"utility": verdict.get("utility"), "figures": canonical(verdict["figures"])}
                self._insert("innocents", row)

    def _insert(self, table: str, row: Row) -> None:
        marks = ", ".join("?" for _ in row)
        self._db.execute(
            f"INSERT INTO {table} ({', '.join(row)}) VALUES ({marks})",  # noqa: S608 - our own names
            tuple(row.values()),
        )

    def rounds(self) -> list[Row]:
        """Return the rounds of the matches of the present scenario, in its order."""
        rows = self._db.execute(
            "SELECT rounds.* FROM rounds JOIN matches USING (match) ORDER BY position, round"
        )
        return [dict(row) for row in rows]

    def innocents(self) -> list[Row]:
        """Return every verdict on an innocent."""
        rows = self._db.execute("SELECT * FROM innocents ORDER BY owner, repeat, number")
        return [dict(row) for row in rows]

    def lasting(self) -> str:
        """Return everything but the volatile columns as text: equal for equal runs, bit for bit."""
        rounds = [{k: v for k, v in row.items() if k not in VOLATILE} for row in self.rounds()]
        return "\n".join(canonical(row) for row in [*rounds, *self.innocents()])


def round_row(record: RoundRecord, hardware: str, versions: Json) -> Row:
    """Return the ledger's row for a round."""
    match, judgement, report = record.match, record.judgement, record.report
    verdict, ruling = judgement.get("verdict") or {}, judgement.get("ruling") or {}
    meters: Mapping[str, float] = report.get("meters") or {}
    payoff = judgement.get("payoff")
    row: Row = {
        "match": match.title,
        "round": record.number,
        "owner": match.owner,
        "scheme": match.defense.name,
        "thief": match.thief,
        "repeat": match.repeat,
        "seed": match.seed,
        "move": record.move,
        "strength": record.strength,
        "status": record.status,
        "message": record.message,
        "digest": record.digest,
        "own_utility": report.get("own_utility"),
        "base_utility": record.protection.get("base_utility"),
        "fidelity_loss": record.protection.get("fidelity_loss"),
        "payoff": payoff,
        "owner_payoff": None if payoff is None else 1 - payoff,
        "rule": verdict.get("rule"),
        "reason": verdict.get("reason"),
        "rule_is_copy": verdict.get("rule_is_copy"),
        "figures": canonical(verdict.get("figures") or {}),
        "winner": ruling.get("winner"),
        "reasons": canonical(ruling.get("reasons") or []),
        "failed": canonical(ruling.get("failed") or []),
        "cost": _cost(meters, record.protection),
        "threat": canonical(match.grants.plain()),
        "settings": canonical(match.defense.plain()),
        "versions": canonical(versions),
        "move_s": report.get("move_s"),
        "judge_s": judgement.get("judge_s"),
        "protect_s": (record.protection.get("meters") or {}).get("wall_s"),
        "hardware": hardware,
    }
    for name in ("utility", "victim_utility", "agreement", "kept", "caught", "removed"):
        row[name] = judgement.get(name)
    for name in ("statistic_name", "statistic", "threshold", "rescaled", "p_value"):
        row[name] = verdict.get(name)
    return row | {name: meters.get(name) for name in METERS}


def _cost(meters: Mapping[str, float], protection: Mapping[str, Json]) -> float | None:
    """Return the thief's backward passes as a multiple of training the victim from scratch."""
    base = (protection.get("base_meters") or {}).get("images_backward")
    return meters["images_backward"] / base if base and meters else None
