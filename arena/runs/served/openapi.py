"""What the server offers, as OpenAPI 3.1 and as a page."""

from __future__ import annotations

import html
from typing import Any

_TEXT = {"type": "string"}
_NUMBER = {"type": "number"}


def openapi(shape: tuple[int, ...], most_batch: int, *, is_course: bool) -> dict[str, object]:
    """Return the description of the interface.

    Args:
        shape: of one input.
        most_batch: images in one request.
        is_course: whether there are tokens, budgets and uploads.
    """
    paths: dict[str, object] = {
        "/query": {"post": _query(shape, most_batch, is_course)},
        "/health": {"get": _get("Whether it is there", "health", _object(status=_TEXT))},
        "/metrics": {"get": _plain_get("Counts, in the text format of Prometheus", "metrics")},
    }
    if is_course:
        paths |= {
            "/budget": {"get": _get("What may still be asked", "budget", _BUDGET, ("401",))},
            "/scores": {"get": _get("Your models and their scores", "scores", _SCORES, ("401",))},
            "/leaderboard": {"get": _get("The best model of each", "leaderboard", _BOARD)},
            "/models": {"post": _UPLOAD},
        }
    described: dict[str, object] = {
        "openapi": "3.1.0",
        "info": {"title": "A model of the copyright arena", "version": "1"},
        "paths": paths,
    }
    if is_course:
        described["components"] = {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}}
        }
    return described


def _object(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties)}


def _list(of: Any) -> dict[str, Any]:
    return {"type": "array", "items": of}


_ERROR = {
    "description": "A sentence that says what was expected and what was found",
    "content": {"application/json": {"schema": _object(error=_TEXT)}},
}
_SLOW = {**_ERROR, "headers": {"Retry-After": {"schema": {"type": "integer"}}}}
_SCORE = _object(utility=_NUMBER, agreement=_NUMBER)
_BUDGET = _object(asked=_NUMBER, left=_NUMBER, budget=_NUMBER, per_minute=_NUMBER)
_SCORES = _object(over={"type": "boolean"}, uploads=_list(_object(sha256=_TEXT, public=_SCORE)))
_BOARD = _object(part=_TEXT, board=_list(_object(player=_TEXT, utility=_NUMBER, queries=_NUMBER)))


def _refusals(*statuses: str) -> dict[str, Any]:
    return {status: _SLOW if status == "429" else _ERROR for status in statuses}


def _get(says: str, name: str, schema: Any, refusals: tuple[str, ...] = ()) -> dict[str, Any]:
    answered = {"description": says, "content": {"application/json": {"schema": schema}}}
    found = {"operationId": name, "summary": says}
    security: dict[str, Any] = {"security": [{"token": []}]} if "401" in refusals else {}
    return {**found, **security, "responses": {"200": answered, **_refusals(*refusals)}}


def _plain_get(says: str, name: str) -> dict[str, Any]:
    answered = {"description": says, "content": {"text/plain": {"schema": _TEXT}}}
    return {"operationId": name, "summary": says, "responses": {"200": answered}}


def _images(shape: tuple[int, ...], most_batch: int) -> dict[str, Any]:
    """Return the schema of a batch as JSON."""
    schema: dict[str, Any] = {"type": "number", "minimum": 0, "maximum": 1}
    for size in reversed(shape):
        schema = {"type": "array", "items": schema, "minItems": size, "maxItems": size}
    batch = {"type": "array", "items": schema, "minItems": 1, "maxItems": most_batch}
    return _object(images=batch)


def _query(shape: tuple[int, ...], most_batch: int, is_course: bool) -> dict[str, Any]:
    binary = {"schema": {"type": "string", "format": "binary"}}
    answers = {"probabilities": _list(_list(_NUMBER)), "labels": _list({"type": "integer"})}
    said = {"type": "object", "properties": answers}
    refusals = ["400", "408", "411", "413", "415"] + (["401", "403", "429"] if is_course else [])
    described: dict[str, Any] = {
        "operationId": "query",
        "summary": "The model's answers to a batch of images",
        "description": "npy: one float32 or uint8 array. PNG: the images one below the other.",
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {"schema": _images(shape, most_batch)},
                "application/octet-stream": binary,
                "image/png": binary,
            },
        },
        "responses": {
            "200": {
                "description": "Probabilities or labels, in the format of the question",
                "content": {
                    "application/json": {"schema": said},
                    "application/octet-stream": binary,
                },
            },
            **_refusals(*refusals),
        },
    }
    return {**described, "security": [{"token": []}]} if is_course else described


_UPLOAD: dict[str, Any] = {
    "operationId": "upload",
    "summary": "Hand in a stolen model: a safetensors file with its card",
    "security": [{"token": []}],
    "requestBody": {
        "required": True,
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    },
    "responses": {
        "201": {
            "description": "Its scores on the public part",
            "content": {
                "application/json": {"schema": _object(sha256=_TEXT, at=_NUMBER, public=_SCORE)}
            },
        },
        **_refusals("400", "401", "403", "408", "411", "413"),
    },
}


def page(description: dict[str, Any]) -> str:
    """Return the description as a page; nothing in it is loaded from elsewhere."""
    rows = []
    for path, methods in description["paths"].items():
        for method, operation in methods.items():
            told = html.escape(f"{operation['summary']}. {operation.get('description', '')}")
            statuses = ", ".join(operation["responses"])
            call = f"<code>{method.upper()} {html.escape(path)}</code>"
            rows.append(f"<tr><td>{call}</td><td>{told}</td><td>{statuses}</td></tr>")
    title = html.escape(description["info"]["title"])
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        "<style>body{font-family:sans-serif}td{padding:.3em 1em}</style></head>\n"
        f"<body><h1>{title}</h1>\n<table>{''.join(rows)}</table>\n"
        '<p>The same for machines: <a href="openapi.json">openapi.json</a></p></body></html>\n'
    )
