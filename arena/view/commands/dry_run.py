"""`arena run --dry-run`: which matches would be played, what would be trained, what is made."""

from __future__ import annotations

import tempfile
from collections import Counter
from dataclasses import asdict
from pathlib import Path

from arena.game.match.play import MatchSpec
from arena.game.match.steps.alone_step import AloneStep
from arena.game.match.steps.innocents_step import InnocentsStep
from arena.game.match.steps.judge_step import JudgeStep
from arena.game.match.steps.protect_step import ProtectStep
from arena.game.match.steps.round_step import RoundStep
from arena.game.match.steps.step_cache import Step
from arena.game.match.steps.train_step import TrainStep
from arena.runs.ledger import LEDGER
from arena.runs.store import Store
from arena.runs.time_needed import TimeNeeded, seconds_of_training, span_in_words, time_needed
from arena.runs.tournament import Tournament, open_folder, task_of
from arena.view.commands.run_options import ReadyRun
from arena.view.console import Console
from arena.view.plain_table import PlainTable, titled
from arena.view.progress.boards import NullBoard
from arena.world.files.cache_folder import cache_folder
from arena.world.json_values import Json
from arena.world.task import TaskSpec

_KINDS = {
    ProtectStep: "protect a victim",
    RoundStep: "play a round",
    JudgeStep: "judge a round",
    InnocentsStep: "verify innocents",
    AloneStep: "measure what a thief has alone",
}
_STATES = ("made", "to make", "impossible")
_POOLS = {"calibration": "train an innocent for thresholds", "reporting": "train an innocent"}


def show_plan(game: ReadyRun, *, as_json: bool) -> None:
    """Print what `arena run` would do and how long it takes; nothing is made, and no folder.

    A training is begun and given up, to know how long one takes here.
    """
    with tempfile.TemporaryDirectory() as empty:
        begun = (game.out / LEDGER).is_file()
        store, ledger = open_folder(game.out if begun else Path(empty))
        task = task_of(game.scenario, game.compute, game.secret)
        tournament = Tournament(game.scenario, task, store, ledger, NullBoard())
        to_make = {step.digest for step in tournament.plan()}
        steps = [(step, state_of(step, store, to_make)) for step in tournament.steps()]
        ledger.close()
    matches = [
        (match, [action.move.name for action in script])
        for match, script in game.scenario.matches(task)
    ]
    time = _time([step for step, state in steps if state == "to make"], task, game)
    if as_json:
        plan = [
            {"title": step.title, "kind": kind_of(step), "digest": step.digest, "state": state}
            for step, state in steps
        ]
        played = [_match(*one) for one in matches]
        Console().print_json(data={"matches": played, "steps": plan, "time": asdict(time)})
        return
    _print(game, matches, steps, time)


def _time(to_make: list[Step], task: TaskSpec, game: ReadyRun) -> TimeNeeded:
    """Return what the steps that are to be made will take; nothing where there are none."""
    training_s = seconds_of_training(task, cache_folder()) if to_make else 0.0
    return time_needed(to_make, training_s, game.n_jobs)


def _time_in_words(time: TimeNeeded, n_jobs: int) -> str:
    if not time.most_s:
        return "Time: nothing is left to be made."
    one = span_in_words([time.training_s])
    workers = f"{n_jobs} worker{'s' if n_jobs != 1 else ''}"
    return (
        f"Time: about {span_in_words([time.least_s, time.most_s])} with {workers}, as busy as "
        f"this machine is now. A training takes {one}; least: trainings alone, most: every step "
        "as long."
    )


def _match(match: MatchSpec, moves: list[str]) -> dict[str, Json]:
    return {
        "match": match.title,
        "owner": match.owner,
        "thief": match.thief,
        "repeat": match.repeat,
        "moves": moves,
    }


def _print(
    game: ReadyRun,
    matches: list[tuple[MatchSpec, list[str]]],
    steps: list[tuple[Step, str]],
    time: TimeNeeded,
) -> None:
    console = Console(highlight=False)
    rows = [(match.title, ", ".join(moves)) for match, moves in matches]
    table = PlainTable(("match", "moves"), rows, words=("moves",))
    console.print(titled(f"{len(matches)} matches", table))
    counts = Counter((kind_of(step), state) for step, state in steps)
    counts.update(("all", state) for _, state in steps)
    kinds = dict.fromkeys(kind for kind, _ in counts)
    lines = [(kind, *(str(counts[kind, state]) for state in _STATES)) for kind in kinds]
    console.print(titled("Steps", PlainTable(("step", *_STATES), lines)))
    console.print(_time_in_words(time, game.n_jobs), markup=False, soft_wrap=True)
    line = f"Results would go to {game.out}; nothing was made."
    console.print(line, markup=False, soft_wrap=True)


def state_of(step: Step, store: Store, to_make: set[str]) -> str:
    """Return whether a step is made, is to be made, or cannot be made after a player's failure."""
    if store.has(step.digest):
        return "made"
    return "to make" if step.digest in to_make else "impossible"


def kind_of(step: Step) -> str:
    """Return what a step does, in words."""
    if isinstance(step, TrainStep):
        return _POOLS.get(step.stream[0], "train a victim's twin")
    return _KINDS.get(type(step), type(step).__name__)
