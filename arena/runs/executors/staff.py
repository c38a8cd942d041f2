"""Who makes the steps of one game after another: the same workers, as long as games allow it."""

from __future__ import annotations

from contextlib import AbstractContextManager, ExitStack
from typing import Protocol

from arena.runs.executors.executor import Executor, Heard
from arena.runs.store import Store


class Game(Protocol):
    """What is played: on which terms, and who could make its steps."""

    @property
    def terms(self) -> tuple[object, ...]:
        """What an executor is made for: games of equal terms may share one."""

    def executor(self, store: Store, heard: Heard) -> AbstractContextManager[Executor]:
        """Give who makes its steps."""


class Staff:
    """Keeps the executor of a game for the next one, so that workers start once.

    Args:
        store: of the steps of all games.
    """

    def __init__(self, store: Store) -> None:
        self.store = store
        self._hired = ExitStack()
        self._game: Game | None = None
        self._executor: Executor
        self._heard: Heard

    def __enter__(self) -> Staff:
        return self

    def __exit__(self, *_: object) -> None:
        self._hired.close()

    def of(self, game: Game, heard: Heard) -> Executor:
        """Return who makes the steps of a game and tells `heard` of their progress."""
        self._heard = heard
        if self._game is None or game.terms != self._game.terms:
            self._hired.close()
            self._executor = self._hired.enter_context(game.executor(self.store, self._tell))
            self._game = game
        return self._executor

    def _tell(self, digest: str, done: int, of: int) -> None:
        self._heard(digest, done, of)
