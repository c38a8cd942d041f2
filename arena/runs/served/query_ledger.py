"""The query ledger: who may ask, what was asked, what was uploaded. SQLite; rows are only added.

A query is written and synced before it is answered, so what was answered is in the ledger whatever
kills the server afterwards. Budgets are sums over the ledger, taken in the transaction that adds
the query: they are exact however many ask at the same time.
"""

from __future__ import annotations

import hashlib
import math
import secrets
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from arena.errors import StoreError
from arena.runs.served.refusal import Refusal
from arena.world.json_values import Json

_SCHEMA = """
CREATE TABLE IF NOT EXISTS clients (
    name TEXT PRIMARY KEY, token_sha256 TEXT NOT NULL UNIQUE, at REAL NOT NULL);
CREATE TABLE IF NOT EXISTS queries (
    id INTEGER PRIMARY KEY AUTOINCREMENT, client TEXT NOT NULL REFERENCES clients, at REAL NOT NULL,
    n_images INTEGER NOT NULL, sha256 TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS by_client ON queries (client, at, n_images);
CREATE TABLE IF NOT EXISTS uploads (
    id INTEGER PRIMARY KEY AUTOINCREMENT, client TEXT NOT NULL REFERENCES clients, at REAL NOT NULL,
    sha256 TEXT NOT NULL, public_utility REAL NOT NULL, public_agreement REAL NOT NULL,
    private_utility REAL NOT NULL, private_agreement REAL NOT NULL);
CREATE TRIGGER IF NOT EXISTS no_deletion BEFORE DELETE ON queries
    BEGIN SELECT RAISE(ABORT, 'rows are only added'); END;
CREATE TRIGGER IF NOT EXISTS no_change BEFORE UPDATE ON queries
    BEGIN SELECT RAISE(ABORT, 'rows are only added'); END;
"""
_WINDOW_S = 60.0


@dataclass(frozen=True)
class Allowance:
    """What a client may ask: `budget` images in all, `per_minute` of them within any minute."""

    budget: int
    per_minute: int


@dataclass(frozen=True)
class Upload:
    """A stolen model that was handed in: its scores in [0, 1] on both parts of the test data."""

    client: str
    at: float
    sha256: str
    public_utility: float
    public_agreement: float
    private_utility: float
    private_agreement: float

    def plain(self, *, private: bool) -> dict[str, Json]:
        """Return it as its client sees it; the private part only where that may be shown."""
        shown: dict[str, Json] = {"sha256": self.sha256, "at": self.at}
        shown["public"] = {"utility": self.public_utility, "agreement": self.public_agreement}
        if private:
            kept = {"utility": self.private_utility, "agreement": self.private_agreement}
            shown["private"] = kept
        return shown


class QueryLedger:
    """A ledger file; one connection, used by one thread at a time."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.time) -> None:
        """Open a ledger, made where there is none.

        Raises:
            StoreError: the file is no ledger, or cannot be written.
        """
        self.path, self._clock, self._lock = path, clock, threading.Lock()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(
                path, timeout=60, isolation_level=None, check_same_thread=False
            )
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = FULL")
            self._db.executescript(_SCHEMA)
            path.chmod(0o600)
        except (OSError, sqlite3.Error) as error:
            raise StoreError(f"expected a query ledger at {path}, found none ({error})") from error

    def close(self) -> None:
        """Close the file; what is written stays."""
        with self._lock:
            self._db.close()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    def enter_client(self, name: str) -> str:
        """Enter a client and return its token, of which only the hash is kept.

        Raises:
            StoreError: there is a client of that name.
        """
        token = secrets.token_urlsafe(32)
        try:
            with self._transaction() as db:
                db.execute(
                    "INSERT INTO clients VALUES (?, ?, ?)", (name, _sha(token), self._clock())
                )
        except sqlite3.IntegrityError as error:
            raise StoreError(f"there is a client {name!r} already; choose another name") from error
        return token

    def clients(self) -> list[str]:
        """Return the names of all clients, in the order in which they were entered."""
        with self._lock:
            rows = self._db.execute("SELECT name FROM clients ORDER BY at, name").fetchall()
        return [name for (name,) in rows]

    def client_of(self, token: str) -> str | None:
        """Return whose token it is, None where it is nobody's."""
        with self._lock:
            found = self._db.execute(
                "SELECT name FROM clients WHERE token_sha256 = ?", (_sha(token),)
            ).fetchone()
        return None if found is None else str(found[0])

    def charge(self, client: str, n_images: int, batch: bytes, allowed: Allowance) -> int:
        """Write a query down before it is answered; return how many images are left.

        Raises:
            Refusal: it goes beyond the budget (403) or comes too soon (429). Nothing is written.
        """
        now = self._clock()
        digest = hashlib.sha256(batch).hexdigest()
        with self._transaction() as db:
            left = allowed.budget - _asked(db, client)
            if n_images > left:
                raise Refusal(
                    403, f"{n_images} images were asked for, {left} are left of {allowed.budget}"
                )
            wait_s = _wait_s(db, client, n_images, allowed.per_minute, now)
            if wait_s > 0:
                sentence = f"at most {allowed.per_minute} images a minute are answered"
                raise Refusal(429, f"{sentence}; ask again in {math.ceil(wait_s)} s", wait_s)
            db.execute(
                "INSERT INTO queries (client, at, n_images, sha256) VALUES (?, ?, ?, ?)",
                (client, now, n_images, digest),
            )
        return left - n_images

    def asked(self, client: str) -> int:
        """Return how many images a client has asked about."""
        with self._lock:
            return _asked(self._db, client)

    def enter_upload(self, upload: Upload, most: int) -> None:
        """Write down a model that was handed in.

        Raises:
            Refusal: the client has handed in as many as it may.
        """
        with self._transaction() as db:
            check_uploads(db, upload.client, most)
            db.execute(
                "INSERT INTO uploads (client, at, sha256, public_utility, public_agreement, "
                "private_utility, private_agreement) VALUES (?, ?, ?, ?, ?, ?, ?)",
                tuple(vars(upload).values()),
            )

    def check_uploads(self, client: str, most: int) -> None:
        """Refuse a client that has handed in as many models as it may; raises like above."""
        with self._lock:
            check_uploads(self._db, client, most)

    def uploads(self, client: str = "") -> list[Upload]:
        """Return the models that a client, or anybody, has handed in, the oldest first."""
        with self._lock:
            rows = self._db.execute(
                "SELECT client, at, sha256, public_utility, public_agreement, private_utility, "
                "private_agreement FROM uploads WHERE ? IN ('', client) ORDER BY id",
                (client,),
            ).fetchall()
        return [Upload(*row) for row in rows]

    def totals(self) -> Mapping[str, int]:
        """Return how many clients, queries, images and uploads there are."""
        with self._lock:
            counts = "SELECT COUNT(*), COALESCE(SUM(n_images), 0) FROM queries"
            n_queries, n_images = self._db.execute(counts).fetchone()
            (n_clients,) = self._db.execute("SELECT COUNT(*) FROM clients").fetchone()
            (n_uploads,) = self._db.execute("SELECT COUNT(*) FROM uploads").fetchone()
        return {
            "clients": n_clients,
            "queries": n_queries,
            "images": n_images,
            "uploads": n_uploads,
        }


def check_uploads(db: sqlite3.Connection, client: str, most: int) -> None:
    """Refuse a client that has handed in as many models as it may."""
    (n,) = db.execute("SELECT COUNT(*) FROM uploads WHERE client = ?", (client,)).fetchone()
    if n >= most:
        raise Refusal(403, f"at most {most} models are scored for one token, {n} were handed in")


def _asked(db: sqlite3.Connection, client: str) -> int:
    query = "SELECT COALESCE(SUM(n_images), 0) FROM queries WHERE client = ?"
    return int(db.execute(query, (client,)).fetchone()[0])


def _wait_s(
    db: sqlite3.Connection, client: str, n_images: int, per_minute: int, now: float
) -> float:
    """Return after how many seconds a query keeps within the rate; 0 for at once."""
    rows = db.execute(
        "SELECT at, n_images FROM queries WHERE client = ? AND at > ? ORDER BY at",
        (client, now - _WINDOW_S),
    ).fetchall()
    recent = sum(n for _, n in rows)
    for at, n in rows:
        if recent + n_images <= per_minute:
            break
        recent -= n
        wait_s = at + _WINDOW_S - now
        if recent + n_images <= per_minute:
            return float(max(wait_s, 0.001))
    return 0.0 if recent + n_images <= per_minute else _WINDOW_S


def _sha(token: str) -> str:
    return hashlib.sha256(token.encode(errors="replace")).hexdigest()
