"""Whether a tournament's folder is whole: every artefact, and what the ledger says of it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from arena.errors import StoreError
from arena.game.court.referee import Judgement
from arena.game.match.rows import payoff_of
from arena.runs.ledger import LEDGER, Ledger
from arena.runs.reading import reading
from arena.runs.store import unsealed
from arena.world.bundle import Bundle

AGAIN = "run the scenario into this folder again: the step is made again"
_RESTORE = "restore it from a copy, or delete it and run the scenario again: what is made is kept"


@dataclass(frozen=True)
class Fault:
    """Something in a folder that is not as it was written.

    Attributes:
        place: the file, relative to the folder. found: what is wrong. remedy: what to do about it.
    """

    place: str
    found: str
    remedy: str


@dataclass(frozen=True)
class Health:
    """What was found in a folder: how many steps, rounds and left-overs, and what is wrong."""

    n_steps: int
    n_rounds: int
    n_left_over: int  # temporary files of runs that were killed; they may be deleted
    faults: tuple[Fault, ...]


def examine(out: Path) -> Health:
    """Look at everything in a tournament's folder; nothing is changed.

    Raises:
        StoreError: the folder holds no tournament.
    """
    if not (out / LEDGER).exists() and not (out / "artefacts").is_dir():
        raise StoreError(
            f"expected the folder of a tournament, found neither a ledger nor artefacts in {out}"
        )
    lists = sorted((out / "artefacts").glob("[0-9a-f][0-9a-f]/*.done"))
    faults = [fault for path in lists for fault in _step_faults(path, out)]
    n_rounds = 0
    try:
        with reading(out / LEDGER) as ledger:
            n_rounds = len(ledger.rounds())
            faults += _ledger_faults(ledger, out)
    except StoreError as error:
        faults.append(Fault(LEDGER, str(error), _RESTORE))
    n_left_over = sum(1 for _ in (out / "artefacts").rglob(".tmp-*"))
    return Health(len(lists), n_rounds, n_left_over, tuple(faults))


def _step_faults(path: Path, out: Path) -> Iterator[Fault]:
    """Yield what is wrong with a step, given the list of its parts."""
    sums = unsealed(path.stem, _bytes(path))
    if sums is None:
        yield Fault(_named(path, out), "it is not the list of this step's parts", AGAIN)
        return
    for part, expected in sums.items():
        file = path.with_suffix(f".{part}")
        if not file.exists():
            yield Fault(_named(file, out), "it is missing", AGAIN)
        elif not file.is_file():
            remedy = f"remove it, then {AGAIN}"
            yield Fault(_named(file, out), "it is no file", remedy)
        elif hashlib.sha256(_bytes(file)).hexdigest() != expected:
            yield Fault(_named(file, out), "its bytes are not those that were written", AGAIN)


def _ledger_faults(ledger: Ledger, out: Path) -> Iterator[Fault]:
    """Yield where the ledger says otherwise than the judgements that it was written from."""
    if "scenario" not in ledger.facts():
        yield Fault(LEDGER, "it does not say which scenario was played", AGAIN)
    for row in ledger.rounds():
        if row.status != "OK":
            continue
        path = out / "artefacts" / row.digest[:2] / f"{row.digest}.judgement"
        place = f"{LEDGER}, round {row.round} of {row.match}"
        if not path.is_file():
            yield Fault(place, "its judgement is not among the artefacts", AGAIN)
            continue
        try:
            judged = Judgement.model_validate(Bundle.from_bytes(_bytes(path)).data)
        except StoreError:
            continue  # said of the artefact already
        except ValidationError:
            yield Fault(_named(path, out), "its judgement is not one of this arena", _RESTORE)
            continue
        if payoff_of(judged) != row.payoff:
            yield Fault(place, "its pay-off is not that of its judgement", AGAIN)


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def _named(path: Path, out: Path) -> str:
    return path.relative_to(out).as_posix()
