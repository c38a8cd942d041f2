"""Conformance checks: what every attack and every defence must keep, whoever wrote it.

Each check is a function with one sentence; all are public and run on a small match on the digits.
`arena check FILE.py:Class` runs them from the command line.
"""

from __future__ import annotations

from arena.game.checks.attack import ATTACK_CHECKS, AttackTrial
from arena.game.checks.check import Check, Problem, all_problems
from arena.game.checks.defense import DEFENSE_CHECKS
from arena.game.checks.defense_trial import DefenseTrial
from arena.game.checks.fixtures import stage
from arena.game.checks.load import load_player
from arena.game.sides.attack import Attack
from arena.game.sides.defense import Defense

__all__ = [
    "ATTACK_CHECKS",
    "DEFENSE_CHECKS",
    "Check",
    "Problem",
    "attack_trial",
    "check_attack",
    "check_defense",
    "defense_trial",
    "load_player",
]


def attack_trial(cls: type[Attack]) -> AttackTrial:
    """Return the trial of an attack: the runs that its checks look at, made when first needed."""
    return AttackTrial(cls, stage(cls.victim))


def defense_trial(cls: type[Defense]) -> DefenseTrial:
    """Return the trial of a defence."""
    return DefenseTrial(cls, stage(cls.victim))


def check_attack(cls: type[Attack]) -> list[Problem]:
    """Return what is wrong with an attack; nothing where it keeps all the rules."""
    return all_problems(ATTACK_CHECKS, attack_trial(cls))


def check_defense(cls: type[Defense]) -> list[Problem]:
    """Return what is wrong with a defence; nothing where it keeps all the rules."""
    return all_problems(DEFENSE_CHECKS, defense_trial(cls))
