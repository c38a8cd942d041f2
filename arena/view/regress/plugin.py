"""The pytest plugin: the fixture `protection`, a test of which fails when protection weakens.

    def test_mark(protection):
        protection.survives("prune", rate=0.6)
        protection.false_positive_rate(max=0.05)

In the project's pytest settings: `arena_model`, `arena_key`, and what differs from the defaults of
`arena_data`, `arena_baseline`, `arena_seeds`, `arena_architecture`, `arena_passphrase_file`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from arena.view.regress.fixture import UnderTest

_SETTINGS = {
    "arena_model": ("the protected model", ""),
    "arena_key": ("the folder of its key", ""),
    "arena_data": ("the data that thieves have; by default what the key says", ""),
    "arena_baseline": ("the baseline, in version control", "arena-baseline.json"),
    "arena_seeds": ("how often each thief attacks, 7 to 10", "8"),
    "arena_architecture": ("the network of a state dict", ""),
    "arena_passphrase_file": ("holds the passphrase of the key", ""),
}
_FIRST_RUN = "arena_first_run"
first_run = pytest.StashKey[bool]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the settings and the options."""
    for name, (meaning, default) in _SETTINGS.items():
        parser.addini(name, f"arena: {meaning}", default=default)
    group = parser.getgroup("arena", "protection of a model")
    group.addoption(
        "--arena-update", action="store_true", help="accept what is stronger or new as baseline"
    )
    group.addoption("--arena-seed", type=int, default=None, help="root of the thieves' seeds")


def pytest_configure(config: pytest.Config) -> None:
    """Find out once, before any test, whether there is a baseline."""
    told: dict[str, Any] = getattr(config, "workerinput", {})
    missing = not _path(config, "arena_baseline").exists()
    config.stash[first_run] = bool(told.get(_FIRST_RUN, missing))


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell a worker of pytest-xdist what was found before any test."""
    node.workerinput[_FIRST_RUN] = node.config.stash[first_run]


def _path(config: pytest.Config, name: str) -> Path:
    return config.rootpath / str(config.getini(name))


@pytest.fixture(scope="session")
def _arena_subject(pytestconfig: pytest.Config) -> Any:
    said = {name: str(pytestconfig.getini(name)) for name in _SETTINGS}
    for name in ("arena_model", "arena_key"):
        if not said[name]:
            pytest.fail(f"expected {name} in the pytest settings, found none", pytrace=False)
    from arena.view.regress.regress_command import Protection

    closed = said["arena_passphrase_file"]
    said_of_it = Protection(
        data=said["arena_data"],
        architecture=said["arena_architecture"],
        passphrase_file=pytestconfig.rootpath / closed if closed else None,
    )
    return said_of_it.read_owned(*(_path(pytestconfig, n) for n in ("arena_model", "arena_key")))


@pytest.fixture
def protection(
    _arena_subject: Any,
    pytestconfig: pytest.Config,
    record_property: Callable[[str, object], None],
) -> UnderTest:
    """Return the protection under test: what thieves do to it, and whom its key accuses."""
    from arena.view.regress.fixture import Terms, UnderTest

    terms = Terms(
        baseline=_path(pytestconfig, "arena_baseline"),
        n_seeds=int(str(pytestconfig.getini("arena_seeds"))),
        seed=pytestconfig.getoption("--arena-seed"),
        first_run=pytestconfig.stash[first_run],
        update=bool(pytestconfig.getoption("--arena-update")),
    )
    return UnderTest(_arena_subject, terms, record_property)
