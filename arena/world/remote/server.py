"""A small server that answers batches of images: an example, and what tests ask."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

from arena.errors import EndpointError
from arena.world.compute import Compute
from arena.world.models import Model
from arena.world.remote.http_format import (
    MAX_BYTES,
    TYPES,
    BatchForm,
    Wanted,
    read_images,
    write_answers,
)

_PATIENCE_S = 30.0  # a client that stops sending is dropped


class ModelServer(ThreadingHTTPServer):
    """Answers POST requests with what a model says; formats: `arena.world.remote.http_format`.

    Attributes:
        model: the model. answers: how much it reveals.
    """

    daemon_threads = True

    def __init__(
        self,
        model: Model,
        answers: Wanted = "probabilities",
        port: int = 0,
        compute: Compute | None = None,
    ) -> None:
        """Listen on this machine alone; port 0 takes any that is free.

        Raises:
            EndpointError: the port cannot be had.
        """
        self.model, self.answers = model, answers
        self._compute, self._one_pass = compute or Compute(), threading.Lock()
        try:
            super().__init__(("127.0.0.1", port), _Handler)
        except (OSError, OverflowError) as error:
            raise EndpointError(
                f"expected a free port, found {port} ({error}); try --port 0"
            ) from error

    @property
    def url(self) -> str:
        """Return where it answers."""
        return f"http://127.0.0.1:{self.server_address[1]}/"

    def answer(self, blob: bytes, form: BatchForm) -> bytes:
        """Return the answers to a batch, in the same format.

        Raises:
            EndpointError: it is not a batch of images that the model takes.
        """
        images = read_images(blob, form)
        expected = self.model.card.input_shape
        if tuple(images.shape[1:]) != expected:
            found = tuple(images.shape[1:])
            raise EndpointError(f"expected images of {expected}, found {found}; send others")
        with self._one_pass:
            rows = self._compute.probabilities(self.model, images)
        return write_answers(rows if self.answers == "probabilities" else rows.argmax(1), form)


class _Handler(BaseHTTPRequestHandler):
    """One request."""

    server: ModelServer
    timeout = _PATIENCE_S
    _forms: ClassVar[dict[str, BatchForm]] = {kind: form for form, kind in TYPES.items()}

    def do_POST(self) -> None:
        """Answer a batch, or say why not."""
        kind = (self.headers.get("Content-Type") or "").partition(";")[0].strip()
        length = self.headers.get("Content-Length") or ""
        if kind not in self._forms:
            self._refuse(415, f"expected a type of {' or '.join(self._forms)}, found {kind!r}")
        elif not length.isdecimal() or int(length) > MAX_BYTES:
            self._refuse(413, f"expected a length of at most {MAX_BYTES} bytes, found {length!r}")
        else:
            self._reply(self.rfile.read(int(length)), self._forms[kind])

    def _reply(self, blob: bytes, form: BatchForm) -> None:
        try:
            self._send(200, TYPES[form], self.server.answer(blob, form))
        except EndpointError as error:
            self._refuse(400, str(error))

    def _refuse(self, status: int, sentence: str) -> None:
        self._send(status, TYPES["json"], json.dumps({"error": sentence}).encode())

    def _send(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Write no log: the judge meters what it asks."""
