"""A course's server under load: 50 clients for 60 s on loopback.

    python -m benchmarks.serving.course_server

Each client has a token and asks small batches as fast as it is answered. Printed are requests a
second, wrong answers (compared with the client's own victim), budgets that are off by an image, and
the resident memory of the server after a quarter of the time and at the end.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import torch

from arena.runs.served.course_rules import read_rules
from arena.runs.served.query_ledger import QueryLedger
from arena.runs.served.server import course_server
from arena.runs.served.victims import Victims
from arena.world.compute import Compute

RULES = """
budget = {budget}
per_minute = 1000000
most_batch = 64
task = {{ model = "mlp", recipe = {{ epochs = 2 }} }}
"""


@dataclass
class Tally:
    """What one client saw."""

    statuses: Counter[int] = field(default_factory=Counter)
    n_images: int = 0
    n_wrong: int = 0
    n_broken: int = 0
    latencies_s: list[float] = field(default_factory=list)


def serve(folder: Path, pipe: Connection) -> None:
    """Serve a course in a process of its own, and say where."""
    torch.set_num_threads(1)
    with course_server(folder) as server:
        pipe.send(server.url)
        server.serve_forever()


@contextmanager
def served(folder: Path) -> Iterator[tuple[str, int]]:
    """Give the URL and the process id of a server."""
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=serve, args=(folder, theirs))
    process.start()
    try:
        yield ours.recv(), int(process.pid or 0)
    finally:
        process.terminate()
        process.join(20)


def resident_mb(pid: int) -> float:
    """Return the resident memory of a process in MiB."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmRSS")).split()[1]) / 1024


def client(url: str, token: str, meant: torch.Tensor, bodies: list[bytes], ends: float) -> Tally:
    """Ask until the time is over, and compare each answer."""
    parts, tally, number = urlsplit(url), Tally(), 0
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    line = HTTPConnection(parts.hostname or "", parts.port, timeout=60)
    while time.monotonic() < ends:
        which = number % len(bodies)
        number += 1
        started = time.monotonic()
        try:
            line.request("POST", "/query", bodies[which], headers)
            response = line.getresponse()
            blob = response.read()
        except OSError:
            tally.n_broken += 1
            line.close()
            continue
        tally.latencies_s.append(time.monotonic() - started)
        tally.statuses[response.status] += 1
        if response.status == 200:
            rows = np.asarray(json.loads(blob)["probabilities"], dtype=np.float32)
            tally.n_images += len(rows)
            tally.n_wrong += not np.allclose(rows, meant[which].numpy(), atol=1e-5)
        elif response.status == 403:
            time.sleep(0.05)
    line.close()
    return tally


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--budget", type=int, default=1001, help="images a token; odd on purpose")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        (folder / "serve.toml").write_text(RULES.format(budget=asked.budget))
        victims = Victims(folder, read_rules(folder))
        ledger = QueryLedger(folder / "queries.sqlite")
        names = [f"client{i}" for i in range(asked.clients)]
        tokens = {name: ledger.enter_client(name) for name in names}
        images = victims.task.splits.test.images[:40].float().reshape(10, 4, 1, 8, 8) / 255
        bodies = [json.dumps({"images": batch.tolist()}).encode() for batch in images]
        meant = {
            name: torch.stack(
                [Compute().probabilities(victims.of(name), batch) for batch in images]
            )
            for name in names
        }
        tallies: dict[str, Tally] = {}
        with served(folder) as (url, pid):
            ends = time.monotonic() + asked.seconds

            def run(name: str) -> None:
                tallies[name] = client(url, tokens[name], meant[name], bodies, ends)

            threads = [threading.Thread(target=run, args=(name,)) for name in names]
            for thread in threads:
                thread.start()
            time.sleep(asked.seconds / 4)
            early_mb = resident_mb(pid)
            for thread in threads:
                thread.join()
            late_mb = resident_mb(pid)
        charged = {name: ledger.asked(name) for name in names}
        ledger.close()
    report(list(tallies.values()), asked.seconds, (early_mb, late_mb))
    off = sum(charged[name] != tally.n_images for name, tally in tallies.items())
    over = sum(n > asked.budget for n in charged.values())
    print(f"ledgers that differ from what was answered: {off}; budgets exceeded: {over}")


def report(tallies: list[Tally], seconds: float, memory_mb: tuple[float, float]) -> None:
    statuses = sum((tally.statuses for tally in tallies), Counter[int]())
    latencies = np.concatenate([tally.latencies_s for tally in tallies])
    low, high = np.quantile(latencies, [0.5, 0.99])
    print(
        f"{len(tallies)} clients, {seconds:g} s: {sum(statuses.values()) / seconds:.0f} requests/s"
    )
    print(f"statuses: {dict(sorted(statuses.items()))}")
    print(f"latency: median {1000 * low:.0f} ms, 99th percentile {1000 * high:.0f} ms")
    print(f"wrong answers: {sum(tally.n_wrong for tally in tallies)}")
    print(f"broken connections: {sum(tally.n_broken for tally in tallies)}")
    print(f"resident memory: {memory_mb[0]:.0f} MiB early, {memory_mb[1]:.0f} MiB at the end")


if __name__ == "__main__":
    main()
