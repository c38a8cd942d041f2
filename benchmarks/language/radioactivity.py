"""Is who learns from marked texts marked? `python -m benchmarks.language.radioactivity --out FILE`.

A teacher writes `--texts` texts without a mark and with each of some; `--students` models learn
from each lot, from other beginnings. All of them write behind a line break, and the owners' keys
are put to what they wrote, each pair of a window and a token once: those that learnt from a key's
marked texts are guilty, those that learnt from unmarked ones are not. Students of `--changed` marks
are also rounded to four bits, merged half and half with the student of unmarked texts that began
as they did, and trained on with texts that people wrote. One row of JSON a student goes to `--out`;
what is there is not made again. Then the table of all is printed.

Source: Sander et al., NeurIPS 2024.
"""

from __future__ import annotations

import argparse
import copy
import dataclasses
import statistics
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from arena import testing
from arena.world.kinds.kind import Steer
from arena.world.kinds.writing import plain
from arena.world.models import Model
from arena.world.rng import Rng
from arena.world.task import Task, TaskSpec, load_task
from arena.world.training import Examples, Recipe, Trainer
from attackers.modify.merge import mixed
from attackers.modify.perturb import quantise
from benchmarks.common import heading, say
from benchmarks.language.rows import Row, carry_on
from benchmarks.language.text_marks import interval, p_value, service_of
from defenders.language.gumbel import Gumbel
from defenders.language.kgw import SBW
from defenders.language.marks import TextMark, read

LEVEL = 0.01
UNMARKED = "unmarked"
MARKS: dict[str, TextMark] = {
    **{f"sbw h={h}": SBW(width=h, delta=3.0) for h in (1, 2, 4)},
    **{f"gumbel h={h}": Gumbel(width=h) for h in (1, 2)},
}
KEY = 5  # the number of the key of every owner
ROOT = Rng(2026)
LENGTH = 200  # characters of a text


def the_task(steps: int) -> Task:
    """Return the task of teacher and students."""
    recipe = Recipe(steps=steps, batch=16, lr=5e-3, schedule="cosine", clip=1.0)
    arguments = {"depth": 1, "width": 48}
    return load_task(TaskSpec(data="fables", model="gpt", arguments=arguments, recipe=recipe))


def lot(task: Task, teacher: Model, name: str, n: int) -> Tensor:
    """Return what the teacher writes (n, LENGTH) behind the beginnings of the thief's texts."""
    own = task.splits.thief.images[:, :16].long()
    prompts = own.repeat(-(-n // len(own)), 1)[:n]
    if name == UNMARKED:
        return task.kind.write(teacher, prompts, LENGTH, plain, ROOT.child("lot"))

    def writer(asked: Tensor, steer: Steer, rng: Rng) -> Tensor:
        return task.kind.write(teacher, asked, LENGTH, steer, rng)

    return service_of(teacher, MARKS[name], KEY).write(prompts, writer)


def student(task: Task, texts: Tensor, i: int) -> Model:
    """Return the i-th model that learnt from texts alone, by the task's recipe."""
    size = task.card.input_shape[0]
    flat = texts.flatten()
    rows = flat[: len(flat) // size * size].view(-1, size).to(torch.uint8)
    labels = torch.zeros(len(rows), dtype=torch.int64)
    data = dataclasses.replace(task.splits.owner, images=rows, labels=labels)
    return testing.trained(task, data, ROOT.child("student", i))


def judged(task: Task, model: Model, asked: Sequence[str], n: int, rng: Rng) -> Row:
    """Return the p-value of what a model writes under the key of each owner."""
    prompts = torch.full((n, 1), ord("\n"))
    made = read(task.kind.texts(task.kind.write(model, prompts, LENGTH, plain, rng), model.card))
    return {name: p_value(MARKS[name], KEY, made)[0] for name in asked}


def changed(task: Task, model: Model, kin: Model, i: int) -> Iterator[tuple[str, Model]]:
    """Yield what a thief makes of a student, by name."""
    rounded = copy.deepcopy(model)
    quantise(rounded, 4)
    yield "4 bits", rounded
    yield "merged", mixed(model, kin, 0.5)
    taught = copy.deepcopy(model)
    recipe = task.spec.recipe.but(steps=max(task.spec.recipe.steps or 0, 2) // 2, lr=1e-3)
    Trainer().train(taught, Examples.of(task.splits.thief), recipe, ROOT.child("taught", i))
    yield "taught on", taught


def rows_of(options: argparse.Namespace, done: set[str]) -> Iterator[Row]:
    """Train the students that are not there yet, and judge them."""
    task = the_task(options.steps)
    teacher: Model | None = None
    unmarked: dict[int, Model] = {}
    for name in (UNMARKED, *options.marks):
        cells = {f"{name}/{i}": i for i in range(options.students)}
        if set(cells) <= done:
            continue
        teacher = teacher or testing.trained(task, rng=ROOT.child("teacher"))
        texts = lot(task, teacher, name, options.texts)
        for cell, i in cells.items():
            if cell in done:
                continue
            asked = tuple(MARKS) if name == UNMARKED else (name,)
            writes = ROOT.child("writes", name, i)
            model = student(task, texts, i)
            yield {"cell": cell, **judged(task, model, asked, options.written, writes)}
            if name == UNMARKED:
                unmarked[i] = model
            elif name in options.changed and i in unmarked:
                for how, other in changed(task, model, unmarked[i], i):
                    found = judged(task, other, asked, options.written, writes)
                    yield {"cell": f"{name}, {how}/{i}", **found}


def report(rows: Sequence[Row]) -> None:
    """Print the table: of each mark, the students of marked texts beside those of unmarked ones."""
    for name in MARKS:
        every = dict.fromkeys(str(row["cell"]).rpartition("/")[0] for row in rows)
        lots = [each for each in every if each == name or each.startswith(f"{name}, ")]
        for lot_name in (*lots, UNMARKED):
            of_lot = [row for row in rows if str(row["cell"]).rpartition("/")[0] == lot_name]
            cells = [row for row in of_lot if name in row]
            found = sorted(float(row[name] or 0) for row in cells)
            if not found:
                continue
            caught = sum(p <= LEVEL for p in found)
            low, high = interval(caught, len(found))
            say(
                f"{name:11} learnt from {lot_name:21}: "
                f"p {found[0]:.1e} to {found[-1]:.1e}, median {statistics.median(found):.1e}; "
                f"accused at {LEVEL}: {caught} of {len(found)} [{low:.2f}, {high:.2f}]"
            )


def main() -> None:
    """Train what is missing, and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--students", type=int, default=5)
    parser.add_argument("--steps", type=int, default=300, help="of the teacher, and of a student")
    parser.add_argument("--texts", type=int, default=600, help="that a student learns from")
    parser.add_argument("--written", type=int, default=64, help="texts that a student is judged by")
    parser.add_argument("--marks", nargs="*", default=list(MARKS), choices=list(MARKS))
    parser.add_argument("--changed", nargs="*", default=["sbw h=1"], choices=list(MARKS))
    options = parser.parse_args()
    torch.set_num_threads(1)
    rows = carry_on(options.out, partial(rows_of, options))
    heading("radioactivity", options.students)
    report(rows)


if __name__ == "__main__":
    main()
