"""The server: uvicorn around the application, on this machine alone unless told otherwise."""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
from pathlib import Path

import uvicorn

from arena.errors import EndpointError
from arena.runs.served.app import app_of
from arena.runs.served.connection import ImpatientConnection
from arena.runs.served.course_rules import read_rules
from arena.runs.served.query_ledger import QueryLedger
from arena.runs.served.service import CourseService, OpenService, Service
from arena.runs.served.victims import Victims
from arena.world.models import Model
from arena.world.remote.http_format import Wanted

LOOPBACK = "127.0.0.1"
_FAREWELL_S = 10  # how long requests under way may take to end
_MOST_CONNECTIONS = 500
_WAITING = 512  # connections that wait to be accepted


class Server:
    """Serves an application until it is told to stop; what is being answered is answered."""

    def __init__(self, service: Service, host: str = LOOPBACK, port: int = 0) -> None:
        """Take the port; 0 takes any that is free.

        Raises:
            EndpointError: the port cannot be had.
        """
        self.service = service
        try:
            self._socket = socket.create_server((host, port), backlog=_WAITING)
        except (OSError, OverflowError) as error:
            raise EndpointError(
                f"expected a free port, found {port} ({error}); try --port 0"
            ) from error
        config = uvicorn.Config(
            app_of(service),
            http=ImpatientConnection,
            log_config=None,
            log_level=logging.ERROR,
            access_log=False,
            limit_concurrency=_MOST_CONNECTIONS,
            timeout_graceful_shutdown=_FAREWELL_S,
            server_header=False,
        )
        self._server, self._ended = uvicorn.Server(config), threading.Event()

    @property
    def url(self) -> str:
        """Return where it answers."""
        host, port, *_ = self._socket.getsockname()
        return f"http://{host}:{port}/"

    def serve_forever(self, _poll_s: float = 0.5) -> None:
        """Answer until `shutdown`, Ctrl-C or SIGTERM."""
        try:
            asyncio.run(self._server.serve(sockets=[self._socket]))
        finally:
            self._ended.set()

    def shutdown(self) -> None:
        """Let what is being answered be answered; return when the server has stopped."""
        self._server.should_exit = True
        self._ended.wait(2 * _FAREWELL_S)

    def server_close(self) -> None:
        """Give the port back."""
        self._socket.close()

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        self.server_close()


def open_server(model: Model, answers: Wanted, host: str = LOOPBACK, port: int = 0) -> Server:
    """Return the server of one model for anybody; raises like `Server`."""
    return Server(OpenService(model, answers), host, port)


def course_server(folder: Path, host: str = LOOPBACK, port: int = 0) -> Server:
    """Return the server of the course in a folder.

    Raises:
        ScenarioError: its rules are not right. StoreError: its ledger is none.
        EndpointError: the port cannot be had.
    """
    return Server(course_service(folder), host, port)


def course_service(folder: Path) -> CourseService:
    """Return the service of the course in a folder, the victims of all its clients trained."""
    rules = read_rules(folder)
    victims = Victims(folder, rules)
    ledger = QueryLedger(folder / "queries.sqlite")
    for client in ledger.clients():
        victims.of(client)
    return CourseService(rules, victims, ledger)
