"""The player's process: what runs in the sandbox. `process` starts it, nothing imports it."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from multiprocessing.connection import Connection

import torch

from arena.game.sandbox.cell import Cell, confine
from arena.game.sandbox.jail.seccomp import forbid
from arena.game.sandbox.messages import receive, send
from arena.game.sandbox.process import plain_error, raised
from arena.game.sandbox.tasks import TASKS
from arena.game.sides.access import Channel
from arena.world.bundle import Bundle

_EVERY_S = 0.2  # between two reports of progress


def main(number: int, *, walled: bool) -> None:
    """Do what comes through the pipe until it closes."""
    pipe = Connection(number)
    channel = _channel(pipe)
    torch.set_num_threads(1)
    while True:
        try:
            message, given = receive(pipe)
        except (EOFError, OSError):
            return
        _do(pipe, lambda task: _task(task, walled), str(message["task"]), given, channel)


def _do(
    pipe: Connection,
    find: Callable[[str], Callable[[Bundle, Channel], Bundle]],
    task: str,
    given: Bundle,
    channel: Channel,
) -> None:
    try:
        done = find(task)(given, channel)
        if not isinstance(done, Bundle):
            raise TypeError(f"expected a bundle, found {type(done).__name__}")
        send(pipe, {"kind": "done"}, done)
    except (BrokenPipeError, EOFError):
        os._exit(1)
    except BaseException as error:  # SystemExit too: whatever the player raises is its failure
        send(pipe, plain_error(error), Bundle())


def _task(task: str, walled: bool) -> Callable[[Bundle, Channel], Bundle]:
    if task == "settle":
        return lambda given, _channel: _settle(given, walled)
    return TASKS[task]


def _settle(given: Bundle, walled: bool) -> Bundle:
    """Give up every right that the player need not have, then import its file."""
    confine(Cell(**given.data["cell"]))
    if walled:
        forbid()
    return TASKS["import"](given, lambda request, carried: carried)


def _channel(pipe: Connection) -> Channel:
    last = 0.0

    def ask(request: str, given: Bundle) -> Bundle:
        nonlocal last
        if request == "progress":
            if time.monotonic() - last < _EVERY_S:
                return Bundle()
            last = time.monotonic()
        send(pipe, {"kind": "asked", "request": request}, given)
        message, answer = receive(pipe)
        if message["kind"] == "failed":
            raise raised(message)
        return answer

    return ask


if __name__ == "__main__":
    main(int(sys.argv[1]), walled=sys.argv[2] == "1")
