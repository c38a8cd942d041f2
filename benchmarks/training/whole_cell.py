"""What a whole cell costs in CPU seconds: train, embed Uchida, steal by FT-AL, verify.

    ARENA_DATA=<data> OMP_NUM_THREADS=1 python -m benchmarks.training.whole_cell
        [--data mnist|cifar10] [--epochs N] [--plain] [--turns 3] [--other COMMAND]

MNIST on LeNet-5 in full, or 5,000 images each of CIFAR-10 on ResNet-20. The cell is played by the
arena's own steps; seconds are of CPU, those of worker processes included, without imports and
without reading the data. `--plain` leaves augmentation out. What the referee trains beside, to know
what the thief could have had alone, is told apart: all cells of the same grants share it.

`--other COMMAND` is another toolbox with the same cell; it is run in turns with ours, in a process
of its own, and is given `--data`, `--epochs` and, if said, `--plain`. Its last line is JSON:
{"seconds": {part: CPU seconds, ...}, "steps": steps of training}. Bar: >= 3 times our seconds.

The lower bound is a bare loop: the same network, batches and optimiser on inputs that were prepared
before, with nothing augmented, measured or judged.
"""

from __future__ import annotations

import argparse
import importlib
import json
import resource
import shlex
import statistics
import subprocess
import sys
from collections.abc import Mapping
from typing import Any, get_args

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from arena.game.match.agents import Action, Scripted
from arena.game.match.play import MatchSpec, Pools, play_here
from arena.game.match.reports import ProtectionReport, RoundReport, TrainReport
from arena.game.match.steps.alone_step import alone_of
from arena.game.match.steps.step_cache import MemoryMemo, Setting, Step, resolve
from arena.game.rules.threat import PRESETS
from arena.game.sides.player import PlayerSpec
from arena.world.compute import Precision
from arena.world.models import build
from arena.world.one_thread import one_thread
from arena.world.quick_pool import quick_pools
from arena.world.rng import Rng
from arena.world.splits import Shares
from arena.world.task import TaskSpec, load_task
from arena.world.training import Augment, Recipe
from arena.world.training.engine import make_optimiser
from benchmarks.common import bar, cache, heading, say

NO_INNOCENTS = Pools(
    calibration_same=0, calibration_other=0, calibration_odd=0,
    reporting_same=0, reporting_other=0, reporting_odd=0,
)  # fmt: skip
N_BARE = 100  # steps of the bare loop
_MODELS = {"mnist": "lenet5", "cifar10": "resnet20"}
_AUGMENT = {"mnist": Augment(rotation=10, shift=0.1), "cifar10": Augment(flip=True, crop=4)}
_SHARES = {
    "mnist": Shares(),
    "cifar10": Shares(owner=0.1, thief=0.1, calibration=0.1, probe=0.8),
}


def cell(
    data: str, epochs: int, plain: bool, precision: Precision = "float32"
) -> tuple[MatchSpec, PlayerSpec]:
    """Return the match and the move of its thief."""
    augment = Augment() if plain else _AUGMENT[data]
    recipe = Recipe(epochs=epochs, augment=augment)
    task = TaskSpec(
        data=data,
        model=_MODELS[data],
        recipe=recipe,
        shares=_SHARES[data],
        precision=precision,
    )
    settings = {"epochs": epochs} | ({"rotation": 0.0, "shift": 0.0} if plain else {})
    match = MatchSpec(
        task=task,
        owner="uchida",
        defense=PlayerSpec(name="uchida"),
        thief="ft-al",
        grants=PRESETS["whitebox_third"],
        pools=NO_INNOCENTS,
    )
    return match, PlayerSpec(name="ft-al", settings=settings)


def cpu_s() -> float:
    """Return the CPU seconds of this process and of its children that have ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in used)


def played(match: MatchSpec, move: PlayerSpec) -> dict[str, Any]:
    """Play a cell with an empty memo; return its seconds by part, its steps and its verdict."""
    memo, setting = MemoryMemo(), Setting(cache())
    load_task(match.task, setting.cache)
    importlib.import_module("torch._dynamo")  # which the first optimiser would import
    seconds: dict[str, float] = {}

    def made(name: str, step: Step, part: str) -> Mapping[str, Any]:
        started = cpu_s()
        found = resolve(step, part, memo, setting)
        seconds[name] = seconds.get(name, 0.0) + cpu_s() - started
        return found.data

    stolen = match.round(move, None, 0)
    trained = TrainReport.model_validate(made("train", match.base(), "report"))
    embedded = ProtectionReport.model_validate(made("embed", match.protect(), "report"))
    moved = RoundReport.model_validate(made("steal", stolen, "report"))
    for step in alone_of(match.task, match.grants, match.root):
        made("alone", step, "report")
    made("verify", match.judge(stolen), "judgement")
    started = cpu_s()
    (record,) = play_here(match, Scripted([Action(move)]), memo, setting)
    seconds["rest"] = cpu_s() - started
    judged = record.judged
    return {
        "seconds": seconds,
        "steps": round(sum(part.meters.steps for part in (trained, embedded, moved))),
        "utility": judged.utility,
        "p_value": judged.verdict.p_value,
    }


def bare_step_s(match: MatchSpec) -> float:
    """Return the CPU seconds that a step of a bare loop takes."""
    task, recipe = load_task(match.task, cache()), match.task.recipe
    model = task.compute.place(build(task.card, Rng(0))).train()
    optimiser = make_optimiser(list(model.parameters()), recipe)
    images = task.compute.images(task.splits.owner.images)
    labels = task.splits.owner.labels.split(recipe.batch)
    batches = list(zip(images.split(recipe.batch), labels, strict=True))
    with one_thread(), quick_pools(model), task.compute.autocast():
        _bare_step(model, optimiser, *batches[0])
        started = cpu_s()
        for i in range(N_BARE):
            _bare_step(model, optimiser, *batches[i % len(batches)])
        return (cpu_s() - started) / N_BARE


def _bare_step(
    model: nn.Module, optimiser: torch.optim.Optimizer, images: Tensor, labels: Tensor
) -> None:
    optimiser.zero_grad()
    F.cross_entropy(model(images), labels).backward()
    optimiser.step()


def once(match: MatchSpec, move: PlayerSpec) -> None:
    """Play a cell in this process and say what it took as a line of JSON."""
    found = played(match, move)
    found["bare"] = bare_step_s(match) * found["steps"]
    say(json.dumps(found))


def asked(command: list[str]) -> dict[str, Any]:
    """Run a command; return what its last line says."""
    ended = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    said: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
    return said


def total(found: dict[str, Any]) -> float:
    """Return the seconds of a cell, without those that it shares with others."""
    seconds: dict[str, float] = found["seconds"]
    return sum(s for part, s in seconds.items() if part != "alone")


def parts(found: list[dict[str, Any]]) -> str:
    """Return the medians of each part in words."""
    names = found[0]["seconds"]
    medians = {n: statistics.median(turn["seconds"][n] for turn in found) for n in names}
    return ", ".join(f"{name} {seconds:.2f}" for name, seconds in medians.items())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", choices=list(_MODELS), default="mnist")
    parser.add_argument("--epochs", type=int, default=1, help="of each training")
    parser.add_argument("--plain", action="store_true")
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--other", default="")
    parser.add_argument("--precision", choices=get_args(Precision), default="float32")
    parser.add_argument("--once", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    epochs = given.epochs
    if given.once:
        once(*cell(given.data, epochs, given.plain, given.precision))
        return
    options = ["--data", given.data, "--epochs", str(epochs), *(["--plain"] * given.plain)]
    own = ["--once", "--precision", given.precision]
    mine = [sys.executable, "-m", "benchmarks.training.whole_cell", *own, *options]
    theirs = [*shlex.split(given.other), *options] if given.other else []
    heading(f"A whole cell: {' '.join(options)}, {given.precision}", given.turns)
    ours: list[dict[str, Any]] = []
    others: list[dict[str, Any]] = []
    for _ in range(given.turns):
        ours.append(asked(mine))
        line = f"ours {total(ours[-1]):.2f} s of CPU"
        if theirs:
            others.append(asked(theirs))
            line += f", other {total(others[-1]):.2f} s, ratio {ratio(ours[-1], others[-1]):.2f}"
        say(line)
    show(ours, others)


def ratio(ours: dict[str, Any], other: dict[str, Any]) -> float:
    """Return the other's seconds by ours."""
    return total(other) / total(ours)


def show(ours: list[dict[str, Any]], others: list[dict[str, Any]]) -> None:
    """Say where the seconds went, what share is arithmetic, and whether the bar is reached."""
    say(f"ours, {ours[0]['steps']} steps: {parts(ours)} s")
    bare = statistics.median(turn["bare"] / total(turn) for turn in ours)
    say(f"a bare loop of as many steps takes {bare:.0%} of ours")
    if not others:
        return
    say(f"other, {others[0]['steps']} steps: {parts(others)} s")
    pairs = list(zip(ours, others, strict=True))
    say(f"other / a bare loop: {statistics.median(total(b) / a['bare'] for a, b in pairs):.2f}")
    bar("other / ours, CPU seconds", statistics.median(ratio(a, b) for a, b in pairs), 3)


if __name__ == "__main__":
    main()
