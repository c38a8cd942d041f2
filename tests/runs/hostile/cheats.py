"""Thieves and owners that cheat, each in one way. Run in sandboxes only; harmless when contained.

A trick that works raises with the word BREACH. Importing this file patches the referee's score and
registers an architecture that looks at who is asking, wherever the import happens.
"""

from __future__ import annotations

import ctypes
import gc
import os
import shutil
import signal
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

import arena.game.rules.score as score
from arena.game import (
    Access,
    Attack,
    Defense,
    Deliverable,
    Key,
    OwnerTask,
    Protected,
    Rng,
    Suspect,
    ThreatModel,
    Verdict,
    attack,
    defense,
)
from arena.world.bundle import Bundle
from arena.world.models import Model, architecture, restore
from arena.world.models.registry import make_body
from arena.world.task import TaskSpec, load_task
from arena.world.training import Examples

setattr(score, "evading_payoff", lambda *_: 1.0)  # noqa: B010


def frames() -> Iterator[FrameType]:
    """Yield the callers, the nearest first."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        yield frame
        frame = frame.f_back


class Sly(nn.Module):
    """Answers noise to whoever verifies."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: Tensor) -> Tensor:
        """Look at the callers, then answer."""
        rows: Tensor = self.inner(x)
        return rows.flip(1) if any("verif" in f.f_code.co_name for f in frames()) else rows


@architecture("sly")
def sly(shape: tuple[int, ...], n_classes: int) -> nn.Module:
    """A network that looks at who is asking."""
    return Sly(make_body("mlp", {}, shape, n_classes))


class TwoFaced(Model):
    """A model whose forward is its own."""

    def forward(self, x: Tensor) -> Tensor:
        """Answer upside down."""
        return super().forward(x).flip(1)


class OtherBytes(Deliverable):
    """A deliverable that writes something else."""

    def bundle(self) -> Bundle:
        """Write nothing of a deliverable."""
        return Bundle({"parts": {"model": [1]}})


class Described(Deliverable):
    """A deliverable whose card has a library build a network of a cheat's words."""

    def bundle(self) -> Bundle:
        """Write the victim's tensors under another card."""
        whole = super().bundle()
        own = {"architecture": "huggingface:vit", "arguments": {"config": {"hidden_size": 8}}}
        whole.data["parts"]["model"]["card"] |= own
        return whole


def results() -> Path | None:
    """Return the tournament's folder, from whatever files any visible process holds open."""
    for link in Path("/proc").glob("[0-9]*/fd/*"):
        try:
            target = os.readlink(link)
        except OSError:
            continue
        if target.endswith("ledger.sqlite"):
            return Path(target).parent
        if "/artefacts/" in target:
            return Path(target.partition("/artefacts/")[0])
    return None


def alloc(access: Access, rng: Rng) -> Deliverable:
    """Take 12 GB."""
    held = [torch.ones(2**28 // 4) for _ in range(48)]
    raise RuntimeError(f"BREACH: got {len(held)} blocks")


def arch(access: Access, rng: Rng) -> Deliverable:
    """Deliver an architecture of one's own."""
    model = access.model()
    card = model.card.model_copy(update={"architecture": "sly", "arguments": {}})
    state = {k.replace("body.", "body.inner."): v for k, v in model.state_dict().items()}
    return Deliverable(restore(card, state))


def delete(access: Access, rng: Rng) -> Deliverable:
    """Delete the results."""
    found = results()
    if found is not None:
        shutil.rmtree(found, ignore_errors=True)
    return Deliverable(access.model())


def delivsub(access: Access, rng: Rng) -> Deliverable:
    """Deliver what writes other bytes."""
    return OtherBytes(access.model())


def describe(access: Access, rng: Rng) -> Deliverable:
    """Deliver a library's network with arguments of one's own."""
    return Described(access.model())


def fork(access: Access, rng: Rng) -> Deliverable:
    """Leave processes behind."""
    for _ in range(20):
        if os.fork() == 0:
            os.setsid()
            os.execvp("sleep", ["sleep", "91.25"])  # noqa: S606
    raise RuntimeError("BREACH: forked")


def forward(access: Access, rng: Rng) -> Deliverable:
    """Deliver a model with a forward of its own."""
    model = access.model()
    model.__class__ = TwoFaced
    return Deliverable(model)


def look_up(access: Access, rng: Rng) -> Deliverable:
    """Look for a key in the callers' variables."""
    for frame in frames():
        if any(isinstance(value, Key) for value in frame.f_locals.values()):
            raise RuntimeError("BREACH: found a key")
    return Deliverable(access.model())


def collect(access: Access, rng: Rng) -> Deliverable:
    """Look for stores and keys among all objects."""
    kinds = {type(thing) for thing in gc.get_objects()}
    ours = [kind for kind in kinds if str(kind.__module__).startswith("arena.")]
    found = {kind.__name__ for kind in ours} & {"Store", "RoundStep", "Key", "Task"}
    if found:
        raise RuntimeError(f"BREACH: found {found}")
    return Deliverable(access.model())


def intquery(access: Access, rng: Rng) -> Deliverable:
    """Ask with integers far outside of the range."""
    access.query(access.data().images[:4].to(torch.int32) * 1000 - 5000)
    raise RuntimeError("BREACH: answered")


def killparent(access: Access, rng: Rng) -> Deliverable:
    """Kill every process that can be killed."""
    for target in {os.getppid(), 1}:
        try:
            os.kill(target, signal.SIGKILL)
        except OSError:
            continue
    time.sleep(1)
    return Deliverable(access.model())


def meter(access: Access, rng: Rng) -> Deliverable:
    """Reset the meters after each batch."""
    images = access.data().images
    for _ in range(20):
        access.query(images[:50])
        access.lab.meter.charge({"images_queried": 0.0})
        gate = getattr(access.channel, "__self__", None)
        if gate is not None:
            gate.meters._spent.clear()
    raise RuntimeError("BREACH: answered 1000")


def osexit(access: Access, rng: Rng) -> Deliverable:
    """End the process without a word."""
    os._exit(0)


def pipehuge(access: Access, rng: Rng) -> Deliverable:
    """Announce a message of 2^40 bytes, and drip."""
    for number in range(3, 64):
        try:
            os.write(number, struct.pack("!i", -1) + struct.pack("!Q", 2**40) + b"x" * 4096)
        except OSError:
            continue
    time.sleep(2)
    return Deliverable(access.model())


def plant(access: Access, rng: Rng) -> Deliverable:
    """Write into the store."""
    found = results()
    if found is not None:
        (found / "artefacts" / "planted").write_text("x")
        raise RuntimeError("BREACH: planted")
    return Deliverable(access.model())


def interrupt(access: Access, rng: Rng) -> Deliverable:
    """Raise what only a person raises."""
    raise KeyboardInterrupt


def leave(access: Access, rng: Rng) -> Deliverable:
    """Raise SystemExit."""
    raise SystemExit(0)


def runpatch(access: Access, rng: Rng) -> Deliverable:
    """Patch the score while playing."""
    setattr(score, "evading_payoff", lambda *_: 1.0)  # noqa: B010
    return Deliverable(access.model())


def seed(access: Access, rng: Rng) -> Deliverable:
    """Derive the scenario's seed from the own stream, as whoever knows the code would."""
    stream = ("repeat 0", "thief", "uchida", "seed", "0", "thief")
    if any(Rng(guess, stream).integer() == rng.seed for guess in range(100)):
        raise RuntimeError("BREACH: knows the root of all keys")
    return Deliverable(access.model())


def segv(access: Access, rng: Rng) -> Deliverable:
    """Read at address 0."""
    ctypes.string_at(0)
    raise RuntimeError("BREACH: alive")


def sleep(access: Access, rng: Rng) -> Deliverable:
    """Sleep for ever and hear no signal."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    time.sleep(100_000)
    raise RuntimeError("BREACH: slept")


def connect(access: Access, rng: Rng) -> Deliverable:
    """Open a socket."""
    with socket.socket() as opened:
        opened.bind(("127.0.0.1", 0))
    raise RuntimeError("BREACH: bound")


def spin(access: Access, rng: Rng) -> Deliverable:
    """Compute for a long time."""
    end = time.time() + 600
    while time.time() < end:
        pass
    raise RuntimeError("BREACH: spun")


def stdout(access: Access, rng: Rng) -> Deliverable:
    """Print junk and terminal codes."""
    for _ in range(2000):
        os.write(1, b"}{ junk \x1b[2J\x1b[31m cheat \xff\xfe\n")
    return Deliverable(access.model())


def thread(access: Access, rng: Rng) -> Deliverable:
    """Leave a thread that keeps the process alive."""
    threading.Thread(target=time.sleep, args=(1000,)).start()
    return Deliverable(access.model())


def swarm(access: Access, rng: Rng) -> Deliverable:
    """Take every thread that the machine has."""
    threading.stack_size(32768)
    for _ in range(4000):
        threading.Thread(target=time.sleep, args=(1000,), daemon=True).start()
    time.sleep(5)
    raise RuntimeError("BREACH: 4000 threads")


def twin(access: Access, rng: Rng) -> Deliverable:
    """Train on the owner's data: they ship with scikit-learn."""
    task = load_task(TaskSpec(data="digits", model="softmax"))
    raise RuntimeError(
        f"BREACH: {len(Examples.of(task.splits.owner).images)} of the owner's images"
    )


def fill(access: Access, rng: Rng) -> Deliverable:
    """Fill every place that takes a file."""
    for folder in ("/dev/shm", "/tmp"):  # noqa: S108
        with open(f"{folder}/filled", "wb") as file:
            for _ in range(3000):
                file.write(b"x" * (1 << 20))
    raise RuntimeError("BREACH: 6 GB")


Trick = Callable[[Access, Rng], Deliverable]
THIEVES: dict[str, Trick] = {
    trick.__name__: trick
    for trick in (
        *(alloc, arch, delete, delivsub, describe, fork, forward, look_up, collect, intquery),
        *(killparent, meter, osexit, pipehuge, plant, interrupt, leave, runpatch, seed, segv),
        *(sleep, connect, spin, stdout, swarm, thread, twin, fill),
    )
}


@attack("cheat")
@dataclass(frozen=True, kw_only=True)
class Cheat(Attack):
    """Cheats in the way it is told to."""

    needs = ThreatModel(output="weights", data=1)
    trick: str = "seed"

    def run(self, access: Access, rng: Rng) -> Deliverable:
        """Cheat."""
        return THIEVES[self.trick](access, rng)


def says(copy: bool, statistic: float = 0.0, **figures: Any) -> Verdict:
    """Return a verdict without a ground."""
    return Verdict(copy, 1e-12 if copy else 1.0, statistic, 0.5, "S", "high", "", figures=figures)


@defense("cheating-owner")
@dataclass(frozen=True, kw_only=True)
class CheatingOwner(Defense):
    """Cheats in the way it is told to."""

    protocol: Any = "none"
    trick: str = "always"

    def protect(self, task: OwnerTask, rng: Rng) -> Protected:
        """Release the base model; one that cheats here looks for the referee's test data."""
        if self.trick == "testsplit":
            load_task(TaskSpec(data="digits", model="softmax", seed=rng.seed))
            raise RuntimeError("BREACH: the test split")
        return Protected(task.base(), Key("cheating-owner", tensors={"t": torch.zeros(1)}))

    def examine(self, key: Key, suspect: Suspect, rng: Rng) -> Verdict:
        """Say what a cheat would say."""
        if self.trick == "exit":
            os._exit(0)
        if self.trick == "callers":
            return says(not any("Innocent" in str(f.f_locals.get("self")) for f in frames()))
        if self.trick == "mutate":
            key.tensors["t"].add_(1)
            return says(False, float(key.tensors["t"]))
        if self.trick == "nan":
            return says(False, float("nan"))
        if self.trick == "no-verdict":
            return None  # type: ignore[return-value]
        if self.trick == "numpy":
            return says(False, 0.1, hits=np.int64(3))
        if self.trick == "path":
            return says("innocent" not in rng.path)
        return says(True)
