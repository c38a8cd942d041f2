"""A course on the digits whose clock a test can set, and a way to ask it over HTTP."""

from __future__ import annotations

import contextlib
import http.client
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import torch
from torch import Tensor

from arena.runs.served.course_rules import CourseRules
from arena.runs.served.query_ledger import QueryLedger
from arena.runs.served.server import Server
from arena.runs.served.service import CourseService, Service
from arena.runs.served.victims import Victims
from arena.world.training import Recipe
from tests.world.endpoints import running

RULES = CourseRules.model_validate(
    {
        "budget": 50,
        "per_minute": 30,
        "most_batch": 20,
        "most_uploads": 2,
        "ends": "2030-01-01T00:00:00Z",
        "task": {"model": "mlp", "recipe": Recipe(epochs=1)},
    }
)
END_S = 1893456000.0  # of that course


@dataclass
class Clock:
    """A time that a test sets."""

    now: float = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Course:
    """A course with two clients, the first of whom asks."""

    service: CourseService
    clock: Clock
    tokens: dict[str, str]
    images: Tensor = field(
        default_factory=lambda: torch.rand(10, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    )

    def body(self, n: int = 10) -> bytes:
        """Return a batch as JSON."""
        return json.dumps({"images": self.images[:n].tolist()}).encode()


@pytest.fixture(scope="session")
def served_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the victims, trained once."""
    return tmp_path_factory.mktemp("served")


@pytest.fixture
def course(served_folder: Path, tmp_path: Path) -> Iterator[Course]:
    clock = Clock()
    ledger = QueryLedger(tmp_path / "queries.sqlite", clock)
    tokens = {name: ledger.enter_client(name) for name in ("alice", "bob")}
    service = CourseService(RULES, Victims(served_folder, RULES), ledger, clock)
    for name in tokens:
        service.victim(name)  # trained by whichever test comes first
    yield Course(service, clock, tokens)
    service.close()


@dataclass(frozen=True)
class Heard:
    """An answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def said(self) -> Any:
        """Return the document of the answer."""
        return json.loads(self.body)


def ask(
    url: str, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None
) -> Heard:
    """Return what a server answers."""
    parts = urlsplit(url)
    line = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=60)
    with contextlib.closing(line):
        line.request(method, path, body or None, dict(headers or {}))
        response = line.getresponse()
        return Heard(response.status, dict(response.getheaders()), response.read())


@contextlib.contextmanager
def live(service: Service) -> Iterator[str]:
    """Serve a service and give its URL."""
    with running(server := Server(service)):
        yield server.url
