"""The command lines of `arena grade` and `arena course`. Nothing heavy is imported here."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from arena.view.options import finite

course = typer.Typer(help="Coursework: hand out, try, grade, rank.", no_args_is_help=True)

AssignmentFolder = Annotated[
    Path, typer.Option("--assignment", metavar="DIR", help="The folder with assignment.toml.")
]
Trust = Annotated[
    bool,
    typer.Option("--trust", help="Run what was handed in without a sandbox, with all your rights."),
]


def grade(
    submissions: Annotated[
        Path, typer.Argument(metavar="DIR", help="Holds NAME.py, or NAME/ with a file a task.")
    ],
    assignment: AssignmentFolder,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where results go.")] = Path("graded"),
    jobs: Annotated[int, typer.Option(min=1, help="Submissions graded at a time.")] = 1,
    trust: Trust = False,
) -> None:
    """Grade what a class handed in, each submission alone in a sandbox; run again, it continues."""
    from arena.runs.course.assignment import read_assignment
    from arena.runs.course.grade import Place
    from arena.view.course.grade_class import grade_all

    place = Place(out, trusted=trust)
    raise typer.Exit(grade_all(submissions, read_assignment(assignment), place, jobs))


@course.command()
def new(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The new folder.")],
    name: Annotated[
        str, typer.Option("--from", metavar="NAME", help="An assignment that ships.")
    ] = "remove-adi",
) -> None:
    """Write the folder of an assignment, to be used as it is or changed."""
    from arena.view.course.hand_out import new as write

    raise typer.Exit(write(folder, name))


@course.command("try")
def try_files(
    files: Annotated[list[Path], typer.Argument(metavar="FILE.py ...", help="Your files.")],
    assignment: AssignmentFolder = Path(),
) -> None:
    """Grade your own files on the public part, with the grader's own code."""
    from arena.view.course.try_out import try_out

    raise typer.Exit(try_out(files, assignment))


@course.command()
def token(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder with serve.toml.")],
    names: Annotated[list[str], typer.Argument(metavar="NAME ...", help="Who gets a token.")],
) -> None:
    """Make tokens for a served course; each is printed once, and its hash alone is kept."""
    from arena.view.commands.serve import make_tokens

    make_tokens(folder, names)


@course.command()
def league(
    submissions: Annotated[
        Path, typer.Argument(metavar="DIR", help="Holds NAME/ with a thief and an owner.")
    ],
    assignment: AssignmentFolder,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where boards go.")] = Path("league"),
    trust: Trust = False,
) -> None:
    """Play every student's thief against every student's owner; run again, it continues."""
    from arena.runs.course.assignment import read_assignment
    from arena.runs.course.grade import Place
    from arena.view.course.league_board import show_league

    place = Place(out, trusted=trust)
    raise typer.Exit(show_league(submissions, read_assignment(assignment), place))


@course.command()
def gradescope(
    assignment: Annotated[Path, typer.Argument(metavar="DIR", help="The assignment's folder.")],
    out: Annotated[Path, typer.Option(metavar="FILE", help="The zip.")] = Path("autograder.zip"),
    cool_down: Annotated[
        float, typer.Option(min=0, callback=finite, help="Minutes between two that are graded.")
    ] = 0.0,
    wheel: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A wheel of the arena to install.")
    ] = None,
    trust: Trust = False,
) -> None:
    """Write the zip of an autograder: setup.sh, run_autograder, the assignment."""
    from arena.runs.course.assignment import read_assignment
    from arena.runs.course.autograde import Settings
    from arena.view.course.gradescope import write_zip

    settings = Settings(cool_down_min=cool_down, trusted=trust)
    raise typer.Exit(write_zip(read_assignment(assignment), out, settings, wheel))


@course.command()
def autograde(
    root: Annotated[Path, typer.Argument(metavar="DIR", help="The platform's folder.")],
) -> None:
    """Grade the one submission that a platform has put into its folder."""
    from arena.runs.course.autograde import autograde as grade_there

    grade_there(root)
