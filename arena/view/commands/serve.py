"""`arena serve`: a model of one's own behind a URL, or the victims of a course."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import cast, get_args

from arena.errors import EndpointError, did_you_mean
from arena.view.console import Console
from arena.world.models import load_model
from arena.world.remote.http_format import Wanted


def _servers() -> ModuleType:
    """Return the module with the servers, whose libraries are an extra.

    Raises:
        EndpointError: they are not installed.
    """
    try:
        from arena.runs.served import server
    except ModuleNotFoundError as error:
        if error.name not in ("starlette", "uvicorn", "anyio", "h11"):
            raise
        raise EndpointError(
            f"expected the libraries of a server, found no {error.name}; "
            "pip install 'copyright-arena[server]'"
        ) from error
    return server


def serve(path: Path | None, answers: str, host: str, port: int) -> None:
    """Answer batches until Ctrl-C.

    Raises:
        ModelError: the model cannot be read. EndpointError: the port cannot be had.
    """
    known = get_args(Wanted)
    if path is None:
        raise EndpointError("expected a model's file or --course DIR, found neither; name one")
    if answers not in known:
        raise EndpointError(
            f"expected answers of a kind, found {answers!r}{did_you_mean(answers, known)}"
        )
    model = load_model(path)
    with _servers().open_server(model, cast(Wanted, answers), host, port) as server:
        shape = "x".join(str(size) for size in model.card.input_shape)
        said = Console(highlight=False, soft_wrap=True, markup=False)
        said.print(f"{path.name} answers {answers} for images of {shape} at {server.url}")
        said.print("Ctrl-C ends it.")
        server.serve_forever()


def serve_course(folder: Path, host: str, port: int) -> None:
    """Serve a course until Ctrl-C or SIGTERM.

    Raises:
        ScenarioError: its rules are not right. StoreError: its ledger is none. EndpointError: the
            port cannot be had.
    """
    with _servers().course_server(folder, host, port) as server:
        said = Console(highlight=False, soft_wrap=True, markup=False)
        rules, n = server.service.rules, len(server.service.ledger.clients())
        said.print(f"{rules.title}: {n} tokens of {rules.budget} images each, at {server.url}")
        said.print(f"{server.url}docs says how it is asked. Ctrl-C ends it.")
        server.serve_forever()


def make_tokens(folder: Path, names: list[str]) -> None:
    """Enter clients into a course, train their victims and print their tokens, once.

    Raises:
        ScenarioError: the course's rules are not right. StoreError: a name is taken.
    """
    from arena.runs.served.course_rules import read_rules
    from arena.runs.served.query_ledger import QueryLedger
    from arena.runs.served.victims import Victims

    victims, ledger = Victims(folder, read_rules(folder)), QueryLedger(folder / "queries.sqlite")
    said = Console(highlight=False, soft_wrap=True, markup=False)
    try:
        for name in names:
            token = ledger.enter_client(name)
            victims.of(name)
            said.print(f"{name} {token}")
    finally:
        ledger.close()
