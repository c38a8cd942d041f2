"""`arena serve`: a model of one's own behind a URL, to try `arena judge` on."""

from __future__ import annotations

from pathlib import Path
from typing import cast, get_args

from rich.console import Console

from arena.errors import EndpointError, did_you_mean
from arena.world.models import load_model
from arena.world.remote.http_format import Wanted
from arena.world.remote.server import ModelServer


def serve(path: Path, answers: str, port: int) -> None:
    """Answer batches until Ctrl-C.

    Raises:
        ModelError: the model cannot be read. EndpointError: the port cannot be had.
    """
    known = get_args(Wanted)
    if answers not in known:
        raise EndpointError(
            f"expected answers of a kind, found {answers!r}{did_you_mean(answers, known)}"
        )
    model = load_model(path)
    with ModelServer(model, cast(Wanted, answers), port) as server:
        shape = "x".join(str(size) for size in model.card.input_shape)
        said = Console(highlight=False, soft_wrap=True, markup=False)
        said.print(f"{path.name} answers {answers} for images of {shape} at {server.url}")
        said.print("Ctrl-C ends it.")
        server.serve_forever()
