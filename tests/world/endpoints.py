"""Servers that answer as they are told, for tests of whoever asks them."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Protocol


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
