"""Fills the page's template. What players wrote is text: it is escaped, and only our script runs.

Besides the escaping, a content security policy names our script by its hash and forbids all
connections, so that a fault of the escaping could neither run anything nor send anything.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

import arena
from arena.view.page.contents import Contents
from arena.view.results.prices import HOW_TO_READ
from arena.view.results.tables import number

GENERATOR = '<meta name="generator" content="arena page">'
"""By this line of its head a page is known as one of ours."""
_FOLDER = Path(__file__).parent / "template"


def render_page(tournaments: Sequence[Contents]) -> str:
    """Return the page of some tournaments, complete in itself."""
    environment = Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["number"] = number
    script = (_FOLDER / "page.js").read_text(encoding="utf-8")
    return environment.get_template("page.html").render(
        tournaments=tournaments,
        how_to_read=HOW_TO_READ,
        style=Markup((_FOLDER / "page.css").read_text(encoding="utf-8")),  # noqa: S704 - our own
        script=Markup(script),  # noqa: S704 - our own
        data={each.key: Markup(each.data) for each in tournaments},  # noqa: S704 - `as_text`
        policy=policy(script),
        version=arena.__version__,
        generator=Markup(GENERATOR),  # noqa: S704 - our own
    )


def policy(script: str) -> str:
    """Return the content security policy under which one script runs, and nothing is loaded."""
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return (
        f"default-src 'none'; script-src 'sha256-{digest}'; style-src 'unsafe-inline'; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )
