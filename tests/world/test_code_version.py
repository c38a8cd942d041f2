from pathlib import Path

import pytest

from arena.world.code_version import core_version


def test_the_version_is_of_what_makes_results(monkeypatch: pytest.MonkeyPatch) -> None:
    """A change to a check or an environment does not make a tournament play again."""
    read: list[str] = []

    def note(path: Path) -> bytes:
        read.append(path.parent.name)
        return b""

    monkeypatch.setattr(Path, "read_bytes", note)
    core_version.__wrapped__()
    assert {"game", "models", "training"} <= set(read)
    assert not {"envs", "checks", "runs", "view"} & set(read)


def test_the_version_changes_with_the_sources(monkeypatch: pytest.MonkeyPatch) -> None:
    before = core_version.__wrapped__()
    assert before == core_version.__wrapped__()
    monkeypatch.setattr(Path, "read_bytes", lambda path: b"changed")
    assert core_version.__wrapped__() != before
