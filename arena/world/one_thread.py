"""Computing with one thread, so that the same work gives the same bits whoever does it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch
from threadpoolctl import threadpool_limits


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Compute with one thread meanwhile; sums over several are rounded in another order.

    A process that was forked cannot use the threads of its parent, so this also keeps it from
    waiting for them for ever.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with threadpool_limits(1):
            yield
    finally:
        torch.set_num_threads(before)
