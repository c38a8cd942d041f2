"""Where a model answers over HTTP, and how patiently and how fast it is asked."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from urllib.parse import SplitResult, urlsplit

from arena.errors import EndpointError
from arena.world.json_values import Json
from arena.world.remote.http_format import TYPES, BatchForm


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """Where a model answers and how it is asked.

    Attributes:
        url: http:// or https://, takes POST requests.
        form: how batches and answers are written (see `arena.world.remote.http_format`).
        timeout_s: for one whole answer. retries: attempts after the first.
        backoff_s: wait before the first retry; it doubles with each. A server's Retry-After counts.
        per_second: the most requests a second; None is no limit.
        batch: images a request.
        headers: names and values, for tokens; in no record.

    Raises:
        EndpointError: no such URL, or a number out of its range.
    """

    url: str
    form: BatchForm = "json"
    timeout_s: float = 10.0
    retries: int = 3
    backoff_s: float = 0.5
    per_second: float | None = None
    batch: int = 64
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)

    def __post_init__(self) -> None:
        self.parts()
        rate = self.per_second
        rules = (
            ("a timeout above 0", self.timeout_s, self.timeout_s > 0),
            ("a batch of at least 1", self.batch, self.batch >= 1),
            ("retries of at least 0", self.retries, self.retries >= 0),
            ("a back-off of at least 0", self.backoff_s, self.backoff_s >= 0),
            ("a rate above 0", rate, rate is None or rate > 0),
            ("a format of json or npy", self.form, self.form in TYPES),
        )
        for expected, found, kept in rules:
            if not kept:
                raise EndpointError(f"expected {expected}, found {found!r}; try the default")

    def parts(self) -> SplitResult:
        """Return the URL in parts."""
        try:
            parts = urlsplit(self.url)
            sound = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        except ValueError:
            sound = False
        if not sound:
            raise EndpointError(
                f"expected a URL like http://HOST:PORT/PATH, found {self.url!r}; check the address"
            )
        return parts

    @staticmethod
    def parse_header(text: str) -> tuple[str, str]:
        """Return name and value of `NAME: VALUE`.

        Raises:
            EndpointError: it has no name, or no colon.
        """
        name, colon, value = (part.strip() for part in text.partition(":"))
        if not colon or not name:
            raise EndpointError(
                "expected --header 'NAME: VALUE', found one without a name or a colon"
            )
        return name, value

    def plain(self) -> dict[str, Json]:
        """Return the settings as JSON values, without the headers."""
        return {name: value for name, value in asdict(self).items() if name != "headers"}

    @property
    def target(self) -> str:
        """Return what is asked of the host: path and query."""
        parts = self.parts()
        return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
