from pathlib import Path

from arena.world.code_version import core_version


def test_the_version_is_of_what_makes_results(monkeypatch):
    """A change to a check or an environment does not make a tournament play again."""
    read = []
    monkeypatch.setattr(Path, "read_bytes", lambda path: read.append(path.parent.name) or b"")
    core_version.__wrapped__()
    assert {"game", "models", "training"} <= set(read)
    assert not {"envs", "checks", "runs", "view"} & set(read)


def test_the_version_changes_with_the_sources(monkeypatch):
    before = core_version.__wrapped__()
    assert before == core_version.__wrapped__()
    monkeypatch.setattr(Path, "read_bytes", lambda path: b"changed")
    assert core_version.__wrapped__() != before
