"""Players for tests of the tournament: quick, slow, and ones that fail in every way."""

from __future__ import annotations

import os
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from arena.errors import InvalidDeliverable, RuleViolation
from arena.game.rules.threat import ThreatModel
from arena.game.sides.access import Access
from arena.game.sides.attack import Attack, attack
from arena.game.sides.deliverable import Deliverable
from arena.world.rng import Rng

_WEIGHTS = ThreatModel(output="weights")


@attack("test-fails")
@dataclass(frozen=True, kw_only=True)
class Fails(Attack):
    """Fails in the way it is told to."""

    needs = _WEIGHTS
    how: str = "error"

    def run(self, access: Access, rng: Rng) -> Deliverable:
        """Fail."""
        if self.how == "error":
            raise ZeroDivisionError("a player's own fault")
        if self.how == "forfeit":
            raise RuleViolation("asked for too much")
        if self.how == "invalid":
            raise InvalidDeliverable("nothing to judge")
        if self.how == "limit":
            access.lab.meter.charge({"steps": 1e9})
        if self.how == "memory":
            raise MemoryError("a player's own fault")
        if self.how == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        if self.how == "exits":
            os._exit(3)
        if self.how == "sys-exit":
            sys.exit(0)
        if self.how == "sleeps":
            time.sleep(600)
        if self.how.startswith("machine "):
            _end_machine_once(Path(self.how.removeprefix("machine ")))
        return Deliverable(access.model())


def _end_machine_once(marker: Path) -> None:
    """End this process and what started it, a machine of a cluster; the second time, do nothing."""
    if not marker.exists():
        marker.touch()
        os.kill(os.getppid(), signal.SIGKILL)
        os._exit(1)
