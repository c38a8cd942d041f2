"""The routes: HTTP around a service. Bodies are bounded in size and in the time they may take."""

from __future__ import annotations

import asyncio
import json
import math
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TypeVar

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from arena.runs.served.openapi import openapi, page
from arena.runs.served.refusal import Refusal
from arena.runs.served.service import CourseService, Service

PATIENCE_S = 30.0  # how long a body may take to arrive
_SMALL = 1 << 20  # bytes; of larger bodies only a few are held at a time
_LARGE_AT_A_TIME = 2
Endpoint = Callable[[Request], Awaitable[Response]]
T = TypeVar("T")


@dataclass
class _Counts:
    """What the server did since it started."""

    started: float = field(default_factory=time.monotonic)
    answered: Counter[tuple[str, int]] = field(default_factory=Counter)


def app_of(service: Service, patience_s: float = PATIENCE_S) -> Starlette:
    """Return the ASGI application around a service.

    Args:
        service: what answers.
        patience_s: how long a body may take to arrive.
    """
    counts = _Counts()
    routes = _Routes(service, counts, patience_s)
    listed: list[tuple[str, str, Endpoint]] = [
        ("/", "POST", routes.answer),
        ("/query", "POST", routes.answer),
        ("/health", "GET", routes.health),
        ("/metrics", "GET", routes.metrics),
        ("/openapi.json", "GET", routes.openapi),
        ("/docs", "GET", routes.docs),
    ]
    if isinstance(service, CourseService):
        listed += [
            ("/budget", "GET", routes.course(lambda course, token: course.budget(token))),
            ("/scores", "GET", routes.course(lambda course, token: course.scores(token))),
            ("/leaderboard", "GET", routes.course(lambda course, _token: course.board())),
            ("/models", "POST", routes.upload),
        ]

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        yield
        await run_in_threadpool(service.close)

    return Starlette(
        routes=[Route(path, counted(end, path, counts), methods=[m]) for path, m, end in listed],
        exception_handlers={HTTPException: _http_error, Refusal: _refusal},
        lifespan=lifespan,
    )


def counted(endpoint: Endpoint, path: str, counts: _Counts) -> Endpoint:
    """Return an endpoint that counts its answers by status, refusals too."""

    async def count(request: Request) -> Response:
        try:
            response = await endpoint(request)
        except Refusal as refusal:
            response = await _refusal(request, refusal)
        counts.answered[path, response.status_code] += 1
        return response

    return count


@dataclass
class _Routes:
    """The endpoints."""

    service: Service
    counts: _Counts
    patience_s: float
    large: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_LARGE_AT_A_TIME))

    async def answer(self, request: Request) -> Response:
        """Answer a batch."""
        kind = (request.headers.get("content-type") or "").partition(";")[0].strip().lower()

        def said(body: bytes) -> tuple[bytes, str]:
            return self.service.answer(_token(request), body, kind)

        body, media = await self._with_body(request, self.service.most_bytes, said)
        return Response(body, media_type=media)

    async def upload(self, request: Request) -> Response:
        """Score a stolen model."""
        course = self.service
        assert isinstance(course, CourseService)  # noqa: S101 - the route is a course's
        token = _token(request)
        await run_in_threadpool(course.client, token)  # before anything large is read

        def scored(body: bytes) -> Response:
            return JSONResponse(course.upload(token, body), 201)

        return await self._with_body(request, course.rules.most_model_mb << 20, scored)

    def course(self, read: Callable[[CourseService, str], object]) -> Endpoint:
        """Return the endpoint that shows something of a course."""

        async def show(request: Request) -> Response:
            course = self.service
            assert isinstance(course, CourseService)  # noqa: S101 - the route is a course's
            return JSONResponse(await run_in_threadpool(read, course, _token(request)))

        return show

    async def health(self, _request: Request) -> Response:
        """Say that it is there."""
        return JSONResponse({"status": "ok"})

    async def metrics(self, _request: Request) -> Response:
        """Return counts in the text format of Prometheus."""
        found = dict(await run_in_threadpool(self.service.metrics))
        found["arena_uptime_seconds"] = time.monotonic() - self.counts.started
        lines = [f"{name} {value:g}" for name, value in found.items()]
        for (path, status), n in sorted(self.counts.answered.items()):
            lines.append(f'arena_requests_total{{path="{path}",status="{status}"}} {n}')
        return PlainTextResponse("\n".join(lines) + "\n")

    async def openapi(self, _request: Request) -> Response:
        """Return the description of this interface."""
        return JSONResponse(self._description())

    async def docs(self, _request: Request) -> Response:
        """Return the same as a page."""
        return HTMLResponse(page(self._description()))

    def _description(self) -> dict[str, object]:
        service = self.service
        is_course = isinstance(service, CourseService)
        return openapi(service.shape(), service.most_batch, is_course=is_course)

    async def _with_body(self, request: Request, most: int, do: Callable[[bytes], T]) -> T:
        """Read a body and do something with it in a thread; few large ones at a time."""
        length = _length(request, most)
        if length <= _SMALL:
            return await run_in_threadpool(do, await self._body(request, min(most, _SMALL)))
        async with self.large:
            return await run_in_threadpool(do, await self._body(request, most))

    async def _body(self, request: Request, most: int) -> bytes:
        try:
            async with asyncio.timeout(self.patience_s):
                pieces, n = [], 0
                async for piece in request.stream():
                    n += len(piece)
                    if n > most:
                        raise Refusal(413, f"expected at most {most} bytes, found more")
                    pieces.append(piece)
                return b"".join(pieces)
        except TimeoutError as error:
            raise Refusal(408, f"expected a body within {self.patience_s:g} s") from error
        except ClientDisconnect as error:
            raise Refusal(400, "expected a whole body") from error


def _length(request: Request, most: int) -> int:
    """Return the length that a request announces; raises Refusal where it is none, or too much."""
    told = request.headers.get("content-length") or ""
    if not told.isdecimal():
        raise Refusal(411, "expected a Content-Length, found none")
    if int(told[:20]) > most:
        raise Refusal(413, f"expected at most {most} bytes, found {told[:20]}")
    return int(told)


def _token(request: Request) -> str:
    scheme, _, token = (request.headers.get("authorization") or "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


async def _refusal(_request: Request, error: Exception) -> Response:
    assert isinstance(error, Refusal)  # noqa: S101 - registered for these alone
    headers = {}
    if error.wait_s > 0:
        headers["Retry-After"] = str(math.ceil(error.wait_s))
    if error.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return Response(
        json.dumps({"error": str(error)}), error.status, headers, media_type="application/json"
    )


async def _http_error(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for these alone
    return JSONResponse({"error": error.detail}, error.status_code, error.headers)
