"""Computing with one thread, so that the same work gives the same bits whoever does it."""

from __future__ import annotations

import contextlib
import functools
import sys
from collections.abc import Iterator

import torch
from threadpoolctl import ThreadpoolController


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Compute with one thread meanwhile; sums over several are rounded in another order.

    A process that was forked cannot use the threads of its parent, so this also keeps it from
    waiting for them for ever.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with _pools(len(sys.modules)).limit(limits=1):
            yield
    finally:
        torch.set_num_threads(before)


@functools.lru_cache(maxsize=1)
def _pools(n_modules: int) -> ThreadpoolController:
    """Return the thread pools of this process: looked for again only where more was imported.

    Finding them takes three milliseconds, as every shared library of the process is looked at.
    """
    return ThreadpoolController()
