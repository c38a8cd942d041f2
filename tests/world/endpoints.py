"""Servers that answer as they are told, for tests of whoever asks them."""

from __future__ import annotations

import contextlib
import io
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Protocol

import torch
from PIL import Image
from torch import Tensor

from arena.runs.served.server import Server
from arena.runs.served.service import OpenService
from arena.world.compute import Compute
from arena.world.models import Model
from arena.world.remote.http_format import TYPES, BatchForm, Wanted


@dataclass
class Reply:
    """One answer: its status, headers and body; `wait_s` before it, `drip_s` after each byte."""

    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    wait_s: float = 0.0
    drip_s: float = 0.0
    announced: int | None = None  # bytes, where not those of the body


@dataclass
class Script:
    """What a server answers: `reply(number of the request from 0, its body)`."""

    reply: Callable[[int, bytes], Reply]
    url: str = ""
    bodies: list[bytes] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)


class Servable(Protocol):
    """What can be served in a thread."""

    def serve_forever(self, poll_s: float = ..., /) -> None: ...

    def shutdown(self) -> None: ...

    def server_close(self) -> None: ...


@contextlib.contextmanager
def running(server: Servable) -> Iterator[None]:
    """Serve in a thread of its own."""
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextlib.contextmanager
def scripted(reply: Callable[[int, bytes], Reply]) -> Iterator[Script]:
    """Give a server that follows a script."""
    script = Script(reply)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            script.bodies.append(body)
            script.headers.append(dict(self.headers))
            said = reply(len(script.bodies) - 1, body)
            time.sleep(said.wait_s)
            with contextlib.suppress(OSError):  # whoever asked may have lost patience
                self.say(said)

        def say(self, said: Reply) -> None:
            self.send_response(said.status)
            for name, value in said.headers.items():
                self.send_header(name, value)
            n = len(said.body) if said.announced is None else said.announced
            self.send_header("Content-Length", str(n))
            self.end_headers()
            for i in range(len(said.body)) if said.drip_s else ():
                self.wfile.write(said.body[i : i + 1])
                time.sleep(said.drip_s)
            if not said.drip_s:
                self.wfile.write(said.body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    script.url = f"http://127.0.0.1:{server.server_address[1]}/ask?v=1"
    with running(server):
        yield script


class ModelServer(Server):
    """A server of one model for anybody."""

    def __init__(
        self,
        model: Model,
        answers: Wanted = "probabilities",
        port: int = 0,
        compute: Compute | None = None,
    ) -> None:
        """Take the port; raises like `Server`."""
        super().__init__(OpenService(model, answers, compute), port=port)

    def answer(self, blob: bytes, form: BatchForm) -> bytes:
        """Return the answers to a batch, in the same format; raises Refusal."""
        return self.service.answer("", blob, TYPES[form])[0]


def write_png(images: Tensor) -> bytes:
    """Return a batch (N, C, H, W) of bytes, or of floats in [0, 1] rounded to bytes, as a PNG."""
    pixels = images if images.dtype == torch.uint8 else (images * 255).round().to(torch.uint8)
    n, channels, height, width = pixels.shape
    rows = pixels.permute(0, 2, 3, 1).reshape(n * height, width, channels).numpy()
    buffer = io.BytesIO()
    Image.fromarray(rows[:, :, 0] if channels == 1 else rows).save(buffer, "PNG")
    return buffer.getvalue()
