"""Executors: who makes the steps. This process, worker processes, or a cluster; one interface."""

from __future__ import annotations

from arena.runs.executors.executor import Executor, Heard, InProcess, Outcome, make
from arena.runs.executors.workers import Workers

__all__ = ["Executor", "Heard", "InProcess", "Outcome", "Workers", "make"]
