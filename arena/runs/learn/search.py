"""Search for a best response: UCT over the moves and strengths of an environment.

Source: Kocsis, Szepesvári, "Bandit based Monte-Carlo planning", ECML 2006 (UCB1 on the nodes of a
tree, exploration constant sqrt(2) for returns in [0, 1]); the plan follows the most visited
children (Chaslot et al., "Progressive strategies for Monte-Carlo tree search", 2008). Episodes are
short, so the tree grows along the whole of each one and nothing is rolled out beyond it. A node is
a sequence of actions: its value is the mean over the opponents that were drawn.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from arena.game.envs.actions import Menu
from arena.runs.learn.environments import ArenaEnv
from arena.runs.learn.lesson import Heard, Lesson, Schedule

Plan = tuple[int, ...]
"""The position in a menu's `specs` of each round's choice."""


@dataclass
class _Node:
    """What is known of a sequence of actions: how often it was played, and what it returned."""

    n_visits: int = 0
    total: float = 0.0
    children: dict[int, _Node] = field(default_factory=dict)

    @property
    def mean(self) -> float:
        """Return the mean return; 0 before the first visit."""
        return self.total / max(1, self.n_visits)

    def bound(self, n_parent: int) -> float:
        """Return UCB1, the upper bound of what this node may be worth."""
        return self.mean + math.sqrt(2 * math.log(n_parent) / self.n_visits)


def search(env: ArenaEnv, schedule: Schedule, heard: Heard) -> Plan:
    """Return the plan that pays best against the opponents of an environment, as far as is seen.

    Args:
        env: `ThiefEnv` or `OwnerEnv`; what it remembers costs no training.
        schedule: steps to take; the episode in which they end is played out. Nothing is shaped.
        heard: told of every episode.
    """
    root, draw = _Node(), schedule.rng.child("search").numpy()
    env.reset(seed=schedule.rng.child("opponents").integer() % 2**31)
    step = 0
    while step < schedule.n_steps:
        path, payoff = _episode(env, root, draw)
        step += len(path) - 1
        for node in path:
            node.n_visits += 1
            node.total += payoff
        best = max(child.mean for child in root.children.values())
        heard(Lesson(step, schedule.n_steps, {"payoff": payoff, "best": best}))
    return _most_visited(root)


def _episode(env: ArenaEnv, root: _Node, draw: np.random.Generator) -> tuple[list[_Node], float]:
    """Play one episode down the tree; return its nodes and its return."""
    env.reset()
    path, payoff, ended = [root], 0.0, False
    while not ended:
        action = _choose(path[-1], env.menu, draw)
        _, reward, terminated, truncated, _ = env.step(env.menu.pick(action))
        path.append(path[-1].children.setdefault(action, _Node()))
        payoff += float(reward)
        ended = terminated or truncated
    return path, payoff


def _choose(node: _Node, menu: Menu, draw: np.random.Generator) -> int:
    """Return an action that was not tried yet, else the one of the greatest upper bound."""
    untried = [action for action in range(len(menu.specs)) if action not in node.children]
    if untried:
        return int(draw.choice(untried))
    return max(node.children, key=lambda action: node.children[action].bound(node.n_visits))


def _most_visited(root: _Node) -> Plan:
    plan: list[int] = []
    node = root
    while node.children:
        action = max(
            node.children, key=lambda a: (node.children[a].n_visits, node.children[a].mean)
        )
        plan.append(action)
        node = node.children[action]
    return tuple(plan)
