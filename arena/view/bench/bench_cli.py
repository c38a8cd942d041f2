"""The command lines of `arena bench` and `arena board`. Nothing heavy is imported here."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from arena.view.options import Architecture, AsJson, Device, ExecutorName, Jobs, PassphraseFile


def bench(
    defence: Annotated[
        str,
        typer.Argument(
            metavar="DEFENCE",
            help="A scheme by name, FILE.py:Class, or a protected model with its --key.",
        ),
    ],
    data: Annotated[
        str | None,
        typer.Option(
            help="What is protected: digits, mnist or cifar10; by default digits, or what a "
            "protected model was trained on."
        ),
    ] = None,
    suite: Annotated[
        str, typer.Option(help="The suite: one that ships, or a TOML file.")
    ] = "standard-1",
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="The board's folder; by default runs/bench/SUITE-DATA."),
    ] = None,
    key: Annotated[
        Path | None, typer.Option(metavar="DIR", help="The folder of a protected model's key.")
    ] = None,
    architecture: Architecture = "",
    passphrase_file: PassphraseFile = None,
    trust: Annotated[
        bool, typer.Option("--trust", help="Run the scheme's file without a sandbox.")
    ] = False,
    jobs: Jobs = None,
    executor: ExecutorName = "local",
    device: Device = "auto",
    as_json: AsJson = False,
) -> None:
    """Put a protection to the standard suite: which share of its models does no thief steal?"""
    from arena.view.bench.bench_command import BenchOrder, carry_out

    order = BenchOrder(
        defence=defence,
        data=data,
        suite=suite,
        out=out,
        key=key,
        architecture=architecture,
        passphrase_file=passphrase_file,
        trusted=trust,
        jobs=jobs,
        executor=executor,
        device=device,
        as_json=as_json,
    )
    raise typer.Exit(carry_out(order))


def board(
    places: Annotated[
        list[Path],
        typer.Argument(
            metavar="DIR|FILE",
            help="Folders of results, or results by themselves; each counts once.",
        ),
    ],
    as_json: AsJson = False,
    markdown: Annotated[
        bool, typer.Option("--markdown", help="Print the board as a page in Markdown.")
    ] = False,
) -> None:
    """Compare protections by what the standard suite says of them."""
    from arena.view.bench.board_command import show_board

    raise typer.Exit(show_board(places, as_json=as_json, as_markdown=markdown))
