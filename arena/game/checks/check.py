"""Problems and checks: a check is a sentence that holds for every player, and a test of it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from arena.errors import BudgetExceeded

T = TypeVar("T", contravariant=True)


@dataclass(frozen=True)
class Problem:
    """What a check found: its name and one sentence that says expected, found, try.

    Of `is_style` is what players that ship keep to, and a person's own may go without.
    """

    check: str
    message: str
    is_style: bool = field(default=False, compare=False)

    def __str__(self) -> str:
        return f"{self.check}: {self.message}"


@dataclass(frozen=True)
class Check(Generic[T]):
    """One rule that every player keeps; `find` yields a sentence for each breach of it.

    Of `is_style` is a rule for players that ship, without which a player plays as well.
    """

    find: Callable[[T], Iterator[str]]
    is_style: bool = False

    @property
    def name(self) -> str:
        """Return the function's name, with hyphens."""
        return self.find.__name__.replace("_", "-")

    @property
    def sentence(self) -> str:
        """Return the rule in words: the first line of the function's docstring."""
        return (inspect.getdoc(self.find) or "").partition("\n")[0]

    def problems(self, trial: T) -> list[Problem]:
        """Return what is wrong; an exception that a player's own method raises is a problem too."""
        try:
            return [Problem(self.name, message, self.is_style) for message in self.find(trial)]
        except Exception as error:  # whatever a player raises speaks against the player
            return [Problem(self.name, f"expected an answer, the player raised {said(error)}")]


def said(error: BaseException) -> str:
    """Return an exception as it is quoted in a problem."""
    return f"{type(error).__name__}: {error}"


def too_long(error: BudgetExceeded) -> str:
    """Return what to say of a player whose trial does not end within the limits."""
    return (
        f"expected a trial of at most {error.budget:.0f} {error.meter}, found more; "
        "declare smaller settings in `quick`"
    )


def all_problems(checks: Iterable[Check[T]], trial: T) -> list[Problem]:
    """Return what all checks find, in their order."""
    return [problem for check in checks for problem in check.problems(trial)]
