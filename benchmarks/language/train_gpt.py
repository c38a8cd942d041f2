"""How well a small GPT learns a megabyte of text: `python -m benchmarks.language.train_gpt`.

Trains the GPT of `--arguments` on the train part of tinyshakespeare (ARENA_DATA) on one thread, and
measures bits a character on the last tenth of the text, which it never saw. The bar is 2.6 bits in
360 s of one core. `--save PATH` keeps the model for `benchmarks.language.text_marks`.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import torch

from arena.world.data import load
from arena.world.kinds.language import BitsPerCharacter
from arena.world.models import Model, build, save_model
from arena.world.rng import Rng
from arena.world.task import Task, TaskSpec, load_task
from arena.world.training import Examples, Recipe, Trainer
from benchmarks.common import heading, say

BAR_BITS, BAR_S = 2.6, 360
RECIPE = Recipe(steps=2200, batch=16, lr=3e-3, schedule="cosine", clip=1.0)


def bits(task: Task, model: Model) -> float:
    """Return the bits a character of a model on the test part of its data."""
    exam = task.kind.exam(load(task.spec.data).test, task.card, None, Rng(0))
    assert isinstance(exam, BitsPerCharacter)
    return exam.bits(task.serve(model, exam.inputs))


def main() -> None:
    """Train and measure."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--data", default="tinyshakespeare")
    parser.add_argument("--arguments", type=json.loads, default={"depth": 3, "width": 128})
    parser.add_argument("--steps", type=int, default=RECIPE.steps)
    parser.add_argument("--save", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    torch.set_num_threads(1)
    recipe = RECIPE.but(steps=options.steps)
    spec = TaskSpec(data=options.data, model="gpt", arguments=options.arguments, recipe=recipe)
    task = load_task(spec)
    rng = Rng(options.seed)
    model = build(task.card, rng.child("initial"))
    heading(f"{task.card.title}, {model.n_parameters:,} parameters, on {options.data}", 1)
    started, wall = time.process_time(), time.perf_counter()
    examples = Examples.of(load(options.data).train)
    Trainer().train(model, examples, recipe, rng.child("training"))
    seconds, passed = time.process_time() - started, time.perf_counter() - wall
    if options.save:
        save_model(model, options.save)
    say(
        f"{bits(task, model):.3f} bits a character on held-out text after {seconds:.0f} s of CPU "
        f"({passed:.0f} s passed); bar: {BAR_BITS} in {BAR_S} s"
    )


if __name__ == "__main__":
    main()
