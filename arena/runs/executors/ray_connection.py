"""The way to a Ray cluster: found, reached or started, and counted."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Iterator

import ray

from arena.errors import ExecutorError
from arena.runs.executors.ray_options import RayOptions


@contextlib.contextmanager
def connected(options: RayOptions) -> Iterator[None]:
    """Be connected meanwhile, and as before afterwards.

    A cluster is started on this machine where none is named and none is there.

    Raises:
        ExecutorError: it cannot be reached.
    """
    if ray.is_initialized():
        yield
        return
    # What is started here reports to nobody, and is as urgent as other processes of a run.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_worker_niceness", "0")
    try:
        _connect(options)
    except Exception as error:  # every version of Ray raises others
        first = str(error).strip().partition("\n")[0]
        where = options.address or os.environ.get("RAY_ADDRESS", "this machine")
        raise ExecutorError(
            f"expected a Ray cluster at {where}, found none ({type(error).__name__}: {first}); try "
            "`ray start --head` there, the port of its client server, usually 10001, and its token "
            "(RAY_AUTH_MODE=token)"
        ) from error
    try:
        yield
    finally:
        ray.shutdown()


def _connect(options: RayOptions) -> None:
    quiet = {"log_to_driver": False, "logging_level": logging.ERROR}
    if options.address:
        ray.init(options.address, **quiet)
    else:  # $RAY_ADDRESS, what runs on this machine, or one that is started
        ray.init(include_dashboard=False, **quiet)


def alive() -> dict[str, dict[str, float]]:
    """Return the resources of every machine that is alive, by its id."""
    return {node["NodeID"]: node["Resources"] for node in ray.nodes() if node["Alive"]}


def slots(options: RayOptions) -> int:
    """Return how many steps the machines that are alive hold at a time."""
    asked = {"CPU": options.cpus, "GPU": options.gpus}
    found = sum(
        min(int(has.get(name, 0) / n + 1e-9) for name, n in asked.items() if n)
        for has in alive().values()
    )
    return found if options.n_jobs is None else min(found, options.n_jobs)
