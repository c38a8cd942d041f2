"""The command `arena`. Nothing heavy is imported here: each command imports what it needs."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

import typer

import arena
from arena.view.bench.bench_cli import bench, board
from arena.view.commands.course_cli import course, grade
from arena.view.commands.failures import ending
from arena.view.commands.find_scenario import DEFAULT
from arena.view.commands.judge_cli import judge, serve
from arena.view.commands.show_cli import list_known, show
from arena.view.learn.solve_cli import solve
from arena.view.learn.train_cli import train
from arena.view.options import (
    AsJson,
    Changes,
    ExecutorName,
    Jobs,
    OtherDevice,
    OtherSeed,
    Precision,
    ScenarioName,
    Trust,
)
from arena.view.page.page_cli import page
from arena.view.plain_output import forget_no_size, tolerate, visible
from arena.view.protect.keys_cli import keys
from arena.view.protect.protect_cli import protect
from arena.view.protect.verify_cli import verify
from arena.view.regress.regress_cli import regress
from arena.world.bounds import REPEATS

app = typer.Typer(
    name="arena",
    help="The copyright arena: thieves steal neural networks, owners prove whose they are.",
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)


Folder = Annotated[Path, typer.Argument(help="The folder of a tournament.", metavar="DIR")]


@app.callback(invoke_without_command=True)
def root(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    """The copyright arena: thieves steal neural networks, owners prove whose they are."""
    if version:
        typer.echo(f"copyright-arena {arena.__version__}")
    elif context.invoked_subcommand is None:
        typer.echo(context.get_help())


@app.command()
def run(
    scenario: ScenarioName = DEFAULT,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where results go; by default runs/NAME.")
    ] = None,
    jobs: Jobs = None,
    executor: ExecutorName = "local",
    device: OtherDevice = None,
    precision: Precision = "auto",
    seed: OtherSeed = None,
    changes: Changes = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done.")] = False,
    trust: Trust = None,
    secret: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="The referee's secret; made if it is not there."),
    ] = None,
    live: Annotated[
        bool, typer.Option("--live", help="Keep TensorBoard files and figures fresh meanwhile.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Play a tournament, or continue one that was stopped."""
    from arena.view.commands.run import carry_out
    from arena.view.commands.run_options import Order

    order = Order(
        scenario=scenario,
        out=out,
        jobs=jobs,
        device=device,
        seed=seed,
        changes=tuple(changes or ()),
        as_json=as_json,
        trusted=tuple(trust or ()),
        secret=secret,
        executor=executor,
        live=live,
        precision=precision,
    )
    raise typer.Exit(carry_out(order, dry_run=dry_run))


@app.command()
def reproduce(
    course: Annotated[str, typer.Argument(help="A course of experiments.")] = "lecture",
    data: Annotated[
        str, typer.Option(help="A data set: digits, mnist, cifar10, folder:PATH and others.")
    ] = "digits",
    quick: Annotated[bool, typer.Option("--quick", help="Fewer tests, images and epochs.")] = False,
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="Where the report goes.")] = None,
    jobs: Jobs = None,
    executor: ExecutorName = "local",
    device: OtherDevice = None,
    seed: OtherSeed = None,
    victims: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=REPEATS,
            help="How many models are protected and stolen, to judge methods by.",
        ),
    ] = None,
    experiments: Annotated[
        str | None,
        typer.Option(metavar="NUMBERS", help="Only these, as in 1-9,12; by default all of them."),
    ] = None,
    changes: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Change every scenario of the course."),
    ] = None,
) -> None:
    """Play the experiments of a course, and put the results beside what is claimed."""
    from arena.view.commands.run_options import Order
    from arena.view.reproduce.command import reproduce as play_course

    order = Order(course, out, jobs, device, seed, tuple(changes or ()), executor=executor)
    code = play_course(order, data, quick=quick, victims=victims, experiments=experiments)
    raise typer.Exit(code)


app.command()(show)
app.command("list")(list_known)


@app.command()
def check(
    player: Annotated[str, typer.Argument(help="The file and the class.", metavar="FILE.py:Class")],
) -> None:
    """Check that an attacker or a defender of your own keeps the rules."""
    from arena.view.commands.check import show_check

    raise typer.Exit(show_check(player))


@app.command()
def doctor(
    folder: Annotated[
        Path | None, typer.Argument(help="The folder of a tournament.", metavar="[DIR]")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Say what this machine has, and whether a tournament's folder is whole."""
    from arena.view.commands.doctor import show_doctor

    raise typer.Exit(show_doctor(folder, as_json=as_json))


@app.command()
def tensorboard(
    folder: Folder,
    matches: Annotated[bool, typer.Option("--matches", help="Draw every match too.")] = False,
) -> None:
    """Rebuild the TensorBoard files and figures of a tournament from its ledger."""
    from arena.view.commands.show import rebuild_tensorboard

    rebuild_tensorboard(folder, matches=matches)


for command in (page, judge, serve, protect, verify, grade, bench, board, train, solve):
    app.command()(command)
for name, commands in {"keys": keys, "regress": regress, "course": course}.items():
    app.add_typer(commands, name=name)


def is_completion(words: Sequence[str], environment: Mapping[str, str]) -> bool:
    """Say whether a shell asks what completes a word, or a person asks to be completed.

    >>> is_completion(["--show-completion"], {}), is_completion(["run"], {})
    (True, False)
    >>> is_completion([], {"_ARENA_COMPLETE": "complete_bash"})
    True
    """
    asked = words[:1] in (["--show-completion"], ["--install-completion"])
    return asked or "_ARENA_COMPLETE" in environment


def main() -> None:
    """Run the command line; every error becomes a sentence on stderr and an exit code."""
    for stream in (sys.stdout, sys.stderr):
        tolerate(stream)
    forget_no_size(os.environ)
    if is_completion(sys.argv[1:], os.environ):
        app(prog_name="arena")  # prints for the shell and ends the program, as typer does
    try:
        code = app(prog_name="arena", standalone_mode=False)
    except BaseException as error:
        end = ending(error)
        if os.environ.get("ARENA_TRACE"):  # where does a sentence come from?
            traceback.print_exception(error)
        for sentence in end.sentences:
            typer.echo(f"arena: {visible(sentence)}", err=True)
        sys.exit(end.code)
    sys.exit(code or 0)
