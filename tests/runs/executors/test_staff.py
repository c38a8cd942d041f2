"""Games of equal terms share their workers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from arena.game.match.steps.step_cache import Setting
from arena.runs.executors import Executor, Heard, InProcess
from arena.runs.executors.staff import Staff
from arena.runs.store import Store


@dataclass
class Toy:
    """A game that notes who was hired for it and let go."""

    terms: tuple[object, ...]
    notes: list[str] = field(default_factory=list)
    tell: Heard = print

    @contextmanager
    def executor(self, store: Store, heard: Heard) -> Iterator[Executor]:
        """Give this process, and note how long it is kept."""
        self.notes.append("hired")
        self.tell = heard
        yield InProcess(store, Setting(), heard)
        self.notes.append("let go")


def test_games_of_equal_terms_have_one_executor(tmp_path: Path) -> None:
    first, again, other = Toy((1,)), Toy((1,)), Toy((2,))
    with Staff(Store(tmp_path)) as staff:
        executor = staff.of(first, lambda *_: None)
        assert staff.of(again, lambda *_: None) is executor
        assert staff.of(other, lambda *_: None) is not executor
        assert (first.notes, again.notes, other.notes) == (["hired", "let go"], [], ["hired"])
    assert other.notes == ["hired", "let go"]


def test_who_plays_now_hears_of_progress(tmp_path: Path) -> None:
    game = Toy((1,))
    first: list[tuple[str, int, int]] = []
    second: list[tuple[str, int, int]] = []
    with Staff(Store(tmp_path)) as staff:
        staff.of(game, lambda *told: first.append(told))
        staff.of(game, lambda *told: second.append(told))
        game.tell("step", 1, 2)
    assert (first, second) == ([], [("step", 1, 2)])
