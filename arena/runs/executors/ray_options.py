"""What `--executor` says: this machine, or a Ray cluster and what a step takes of it."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlsplit

from arena.errors import ExecutorError

LOCAL = "local"
_FORM = f"{LOCAL}, ray or ray://HOST:PORT, the latter two with ?cpus=1&gpus=0&shared=yes|no"


@dataclass(frozen=True)
class RayOptions:
    """Where a cluster is and what a step takes of it.

    Attributes:
        address: `ray://HOST:PORT` of a cluster's client server; "" is the cluster that this machine
            belongs to ($RAY_ADDRESS, or one started here), else one that is started for the run.
        cpus: processor cores for a step, which computes with one of them whatever it has.
        gpus: GPUs for a step; a fraction shares one.
        shared: whether machines may look for the tournament's folder under its own path.
        n_jobs: steps at a time at most; None is as many as the machines hold.
    """

    address: str = ""
    cpus: float = 1.0
    gpus: float = 0.0
    shared: bool = True
    n_jobs: int | None = None


def read_executor(text: str, device: str, n_jobs: int | None) -> RayOptions | None:
    """Return what `--executor` says; None is this machine.

    Args:
        text: `local`, `ray` or `ray://HOST:PORT`, with a query for what is not usual.
        device: where models run; on cuda a step takes a GPU if nothing else is said.
        n_jobs: steps at a time at most.

    Raises:
        ExecutorError: it says something else, or Ray is not installed.

    >>> read_executor("local", "cuda", 2) is None
    True
    """
    if text == LOCAL:
        return None
    url = urlsplit(text)
    if (url.scheme or url.path) != "ray" or url.fragment or (url.scheme and not url.netloc):
        raise ExecutorError(f"expected an executor of {_FORM}; found {text!r}")
    said = dict(parse_qsl(url.query, keep_blank_values=True))
    strange = sorted(said.keys() - {"cpus", "gpus", "shared"})
    if strange or said.get("shared", "yes") not in ("yes", "no"):
        raise ExecutorError(f"expected an executor of {_FORM}; found {text!r}")
    options = RayOptions(
        address=f"ray://{url.netloc}" if url.netloc else "",
        cpus=_amount(said, "cpus", 1.0),
        gpus=_amount(said, "gpus", float(device == "cuda")),
        shared=said.get("shared") != "no",
        n_jobs=n_jobs,
    )
    if importlib.util.find_spec("ray") is None:
        raise ExecutorError(
            "expected ray to play on a cluster, found none; try pip install 'copyright-arena[ray]'"
        )
    return options


def _amount(said: Mapping[str, str], name: str, usual: float) -> float:
    """Return how much of a resource a step takes; Ray divides one, and not several."""
    try:
        amount = float(said.get(name, usual))
    except ValueError:
        amount = -1.0
    least = 0.0 if name == "gpus" else 0.001
    if not least <= amount <= 1e6 or (amount > 1 and amount != int(amount)):  # nan is neither
        raise ExecutorError(
            f"expected {name} as a whole number or a fraction of one, found {said[name]!r}; "
            f"try ?{name}=1"
        )
    return amount
