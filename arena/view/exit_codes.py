"""What the exit code of a command means; every command uses this one table."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """How a command ended.

    0 it did what was asked; of a judgement: not shown to be a copy, of a check: it holds.
    1 what was checked does not hold (protection is weaker, a commitment is not what it says), or
      the command ended unexpectedly.
    2 bad input: expected, found, try.
    3 there is no answer: a suspect that cannot be compared, a mark that did not take, a game
      that was not solved within its iterations.
    10 a judgement: a copy.
    130 stopped.
    """

    DONE = 0
    FAILED = 1
    REFUSED = 2
    NO_ANSWER = 3
    COPY = 10
    STOPPED = 130
