"""Untrusted players: a move in a process of its own that speaks to the gatekeeper through a pipe.

What crosses are bundles (safetensors bytes and JSON), never pickles; the referee's side holds the
victim, the meters and the register, so the child has nothing to steal but what it asks for.
"""

from __future__ import annotations

import contextlib
import multiprocessing
from collections.abc import Iterator
from multiprocessing.connection import Connection

from arena.errors import ArenaError, BudgetExceeded, InvalidDeliverable, PlayerError, RuleViolation
from arena.game.match.step_cache import Cell
from arena.game.rules.threat import ThreatModel
from arena.game.sides.access import Access
from arena.game.sides.attack import attacks
from arena.game.sides.deliverable import Deliverable
from arena.game.sides.gatekeeper import Gatekeeper
from arena.game.sides.player import PlayerSpec
from arena.game.sides.plugins import load_plugins
from arena.world.bundle import Bundle
from arena.world.compute import Compute
from arena.world.json_values import Json
from arena.world.models import ModelCard
from arena.world.rng import Rng

_KINDS = {kind.__name__: kind for kind in (RuleViolation, InvalidDeliverable, PlayerError)}


def run_isolated(
    move: PlayerSpec, gate: Gatekeeper, card: ModelCard, rng: Rng, cell: Cell
) -> Deliverable:
    """Make a move in a process of its own and return what it delivers.

    Raises:
        PlayerError: the process died, or the player raised. RuleViolation, BudgetExceeded,
        InvalidDeliverable: as if the move had been made here.
    """
    job = {
        "move": move.plain(),
        "grants": gate.grants.plain(),
        "card": card.plain(),
        "compute": [gate.compute.device, gate.compute.precision],
        "rng": [rng.seed, list(rng.path)],
    }
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_live, args=(theirs, job, cell))
    process.start()
    theirs.close()
    try:
        return _attend(ours, gate)
    except (EOFError, OSError) as error:
        process.join()
        raise PlayerError(
            f"{move.name} ended its process (code {process.exitcode}) without a deliverable"
        ) from error
    finally:
        process.kill()
        process.join()


def _attend(pipe: Connection, gate: Gatekeeper) -> Deliverable:
    """Answer the player's requests until it delivers or fails."""
    while True:
        asked = Bundle.from_bytes(pipe.recv_bytes())
        request, given = asked.data["request"], Bundle(asked.data["given"], asked.tensors)
        if request == "deliver":
            return Deliverable.of(given)
        if request == "fail":
            raise _error(given.data)
        try:
            answer = gate.answer(request, given)
            reply = Bundle({"answer": dict(answer.data)}, answer.tensors)
        except ArenaError as error:
            reply = Bundle({"error": _plain(error)})
        pipe.send_bytes(reply.to_bytes())


def _plain(error: Exception) -> dict[str, Json]:
    if isinstance(error, BudgetExceeded):
        spent = [error.meter, float(error.budget), float(error.asked)]
        return {"kind": "BudgetExceeded", "message": str(error), "spent": spent}
    if isinstance(error, ArenaError):
        return {"kind": type(error).__name__, "message": str(error)}
    return {"kind": "PlayerError", "message": f"{type(error).__name__}: {error}"}


def _error(plain: dict[str, Json] | Json) -> ArenaError:
    if plain["kind"] == "BudgetExceeded":
        return BudgetExceeded(*plain["spent"])
    return _KINDS.get(plain["kind"], PlayerError)(plain["message"])


def _live(pipe: Connection, job: dict[str, Json], cell: Cell) -> None:
    """Be the player's process."""
    if cell.memory_mb is not None:
        import resource  # not there on every system

        limit = cell.memory_mb << 20
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))

    def channel(request: str, given: Bundle) -> Bundle:
        _send(pipe, request, given)
        reply = Bundle.from_bytes(pipe.recv_bytes())
        if "error" in reply.data:
            raise _error(reply.data["error"])
        return Bundle(reply.data["answer"], reply.tensors)

    with _failures(pipe):
        load_plugins(cell.plugins)
        attack = attacks.make(PlayerSpec.model_validate(job["move"]))
        grants = ThreatModel.model_validate(job["grants"])
        compute = Compute(*job["compute"])
        access = Access(channel, grants, ModelCard.model_validate(job["card"]), compute)
        seed, path = job["rng"]
        delivered = attack.run(access, Rng(seed, tuple(path)))
        if not isinstance(delivered, Deliverable):
            raise PlayerError(f"expected a Deliverable, found {type(delivered).__name__}")
        _send(pipe, "deliver", delivered.bundle())


def _send(pipe: Connection, request: str, given: Bundle) -> None:
    pipe.send_bytes(
        Bundle({"request": request, "given": dict(given.data)}, given.tensors).to_bytes()
    )


@contextlib.contextmanager
def _failures(pipe: Connection) -> Iterator[None]:
    """Report whatever the player raises to the referee's side."""
    try:
        yield
    except Exception as error:  # the player's failure, whatever it is; it becomes a status there
        with contextlib.suppress(OSError):
            _send(pipe, "fail", Bundle(_plain(error)))
