"""`arena course new`: an assignment's folder, with a README and a notebook made from its rules."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import arena
from arena.errors import StoreError, did_you_mean
from arena.runs.course.assignment import FILE, HIDDEN, Assignment, Exercise, read_assignment
from arena.runs.course.points import Rule
from arena.view.console import Console
from arena.world.json_values import Json

SHIPPED = arena.ROOT / "courses"


def shipped() -> dict[str, Path]:
    """Return the folders of the assignments that ship, by name."""
    return {path.parent.name: path.parent for path in sorted(SHIPPED.glob(f"*/{FILE}"))}


def new(folder: Path, name: str) -> int:
    """Write the folder of an assignment, hidden part included; return the exit code.

    Raises:
        StoreError: the folder is there already or cannot be made, or no such assignment ships.
    """
    known = shipped()
    if name not in known:
        raise StoreError(f"no assignment is called {name!r}{did_you_mean(name, known)}")
    try:
        if folder.is_file():
            raise StoreError(f"expected a new folder, found the file {folder}; choose another")
        if folder.exists() and any(folder.iterdir()):
            raise StoreError(f"expected a new folder, found files in {folder}; choose another")
        left_out = shutil.ignore_patterns("__pycache__", "secret")
        shutil.copytree(known[name], folder, dirs_exist_ok=True, ignore=left_out)
        assignment = read_assignment(folder)
        (folder / "README.md").write_text(readme(assignment), encoding="utf-8")
        text = json.dumps(notebook(assignment), indent=1) + "\n"
        (folder / "notebook.ipynb").write_text(text, encoding="utf-8")
    except OSError as error:
        raise StoreError(
            f"expected a folder that can be written, found {folder} ({error.strerror})"
        ) from error
    said = Console(highlight=False, soft_wrap=True, markup=False)
    said.print(f"{assignment.public.title}: {assignment.most:g} points, in {folder}")
    said.print(f"Students get all but {folder / HIDDEN}. Next:")
    said.print(f"  arena course try {folder / assignment.tasks[0].file} --assignment {folder}")
    said.print(f"  arena grade SUBMISSIONS --assignment {folder}")
    return 0


def readme(assignment: Assignment) -> str:
    """Return the student's page: what to do, what it is worth, how to try it."""
    hidden = assignment.public.hidden_share
    lines = [
        f"# {assignment.public.title}",
        "",
        f"{assignment.most:g} points: {1 - hidden:.0%} for the public part, which you can play",
        f"yourself, {hidden:.0%} for a hidden part of another seed, seen after the deadline.",
    ]
    for task in assignment.tasks:
        lines += ["", *_task_lines(task)]
    files = " ".join(task.file for task in assignment.tasks)
    lines += [
        "",
        "## Try it",
        "",
        "```console",
        *(f"$ arena check {task.file}:Mine" for task in assignment.tasks),
        f"$ arena course try {files}",
        "```",
        "",
        "`arena check` says whether your class keeps the rules. `arena course try` is the grader",
        "itself, on the public part. Your file runs in a sandbox: no network, no other files, no",
        "other processes, and the limits of `assignment.toml`. Whatever you draw comes from `rng`,",
        "so that your points are the same whenever it is graded.",
        "",
    ]
    return "\n".join(lines)


def _task_lines(task: Exercise) -> list[str]:
    return [
        f"## {task.name}: `{task.file}`",
        "",
        " ".join(task.about.split()),
        "",
        "| points | for | figure | nothing at | all at |",
        "|---|---|---|---|---|",
        *(_rule_line(rule) for rule in task.rule),
    ]


def _rule_line(rule: Rule) -> str:
    figure = f"`{rule.figure}`" + (" (log)" if rule.log else "")
    figure += f", unless `{rule.unless}`" if rule.unless else ""
    return f"| {rule.points:g} | {rule.says} | {figure} | {rule.none:g} | {rule.full:g} |"


def notebook(assignment: Assignment) -> dict[str, Json]:
    """Return a Jupyter notebook (format 4) that grades the files beside it and shows why."""
    cells: list[Json] = [
        _cell("markdown", f"# {assignment.public.title}\n\nEdit the file, then run the cells."),
        _cell(
            "code",
            "from pathlib import Path\n"
            "from arena.view.course.try_out import tried\n"
            "folder = Path.cwd()",
        ),
    ]
    for task in assignment.tasks:
        source = f"for done in tried([folder / '{task.file}'], folder).done:\n"
        source += "    for one in done.earned:\n"
        source += "        print(f'{one.points:.2f} of {one.most:.2f}', one.rule.says, one.why)\n"
        source += "    print(done.problem, done.printed)"
        cells.append(_cell("code", source))
    return {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}


def _cell(kind: str, source: str) -> dict[str, Json]:
    cell: dict[str, Json] = {
        "id": f"{kind}-{len(source)}",
        "cell_type": kind,
        "metadata": {},
        "source": source.splitlines(keepends=True),
    }
    return {**cell, "outputs": [], "execution_count": None} if kind == "code" else cell
