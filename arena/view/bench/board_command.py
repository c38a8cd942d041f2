"""`arena board`: results of one suite in tables, for a terminal, a program or a page."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from arena.runs.bench.board import read_board
from arena.runs.bench.result import FamilyScore, Result
from arena.runs.bench.suite import FAMILIES
from arena.view.bench.words import ended, percent
from arena.view.console import Console
from arena.view.exit_codes import ExitCode
from arena.view.plain_table import PlainTable, titled
from arena.view.results.formats import one_form
from arena.view.results.markdown import as_text, markdown
from arena.view.results.tables import number

Row = tuple[str, ...]
_PAGE = (
    "Written by `arena board --markdown` from results of `arena bench`; docs/bench.md says what\n"
    "each figure is. In brackets: 95 % intervals, with the victim as the unit. The best headline\n"
    "is first; of equal ones, the protection of which the best thieves take least on average. A\n"
    "headline with ! has a flag, which stands below the tables and is to be read before it."
)


@dataclass(frozen=True)
class Block:
    """One table of a board."""

    title: str
    columns: Row
    rows: tuple[Row, ...]


def show_board(places: Sequence[Path], *, as_json: bool, as_markdown: bool) -> int:
    """Print the board of the results in files and folders; return the exit code.

    Raises:
        BaselineError: there is none, one is damaged, or they are of several suites.
        ArenaError: two forms are asked for.
    """
    one_form("markdown" if as_markdown else None, as_json=as_json)
    boards = read_board(places)
    console = Console(highlight=False, soft_wrap=True, markup=False)
    if as_json:
        rows = {data: [result.plain() for result in found] for data, found in boards.items()}
        console.print_json(data=rows)
        return ExitCode.DONE
    if as_markdown:
        console.print("\n\n".join(["# The board", _PAGE, *_sections(boards)]))
        return ExitCode.DONE
    for data, found in boards.items():
        console.print(f"{_one_line(_title(data, found))}\n")
        for block in blocks(found):
            columns = [name.replace(" ", "\n", 1) for name in block.columns]
            console.print(titled(block.title, PlainTable(columns, block.rows)))
        for line in notes(found, _one_line):
            console.print(line)
    return ExitCode.DONE


def _sections(boards: Mapping[str, Sequence[Result]]) -> Iterator[str]:
    """Yield the board of every data set in Markdown."""
    for data, found in boards.items():
        yield f"## {as_text(_title(data, found))}"
        for block in (*blocks(found), _origins(found)):
            yield f"### {block.title}"
            yield markdown(block.columns, block.rows)
        listed = notes(found, as_text)
        if listed:
            yield "### To know before the numbers are read"
            yield "\n".join(listed)


def _title(data: str, found: Sequence[Result]) -> str:
    run = found[0].run
    noun = "protection" if len(found) == 1 else "protections"
    return f"{run.suite} on {data}: {len(found)} {noun}"


def blocks(found: Sequence[Result]) -> tuple[Block, ...]:
    """Return the tables of a board, in their fixed order."""
    families = tuple(
        family
        for family in FAMILIES
        if any(one.thieves for result in found for one in result.families if one.family == family)
    )
    gains = tuple(
        (
            result.subject.name,
            _headline(result),
            *(_gain(_of(result, family)) for family in families),
        )
        for result in found
    )
    copies = tuple(
        (result.subject.name, *(_found(_of(result, family)) for family in families))
        for result in found
    )
    return (
        Block(
            "Robust ownership, and what the best thief of each family took",
            ("protection", "robust ownership", *families),
            gains,
        ),
        Block("Copies found at a false-positive rate of 1 %", ("protection", *families), copies),
        Block(
            "What it costs",
            (
                "protection",
                "innocents accused",
                "fidelity loss",
                "queries to verify",
                "seconds to verify",
            ),
            tuple(map(_costs, found)),
        ),
    )


def _origins(found: Sequence[Result]) -> Block:
    """Return where each result comes from."""
    rows = tuple(
        (
            result.subject.name,
            result.run.made_on,
            result.run.versions.get("arena", "-"),
            result.run.code,
            result.subject.code,
            result.run.hardware,
        )
        for result in found
    )
    columns = ("protection", "made on", "arena", "code", "scheme's code", "hardware")
    return Block("Where the results come from", columns, rows)


def _of(result: Result, family: str) -> FamilyScore | None:
    return next((one for one in result.families if one.family == family), None)


def _headline(result: Result) -> str:
    """Return robust ownership; "!" where a flag must be read before it."""
    if result.status != "OK":
        return "-"
    return percent(result.robust) + (" !" if result.flags else "")


def _gain(score: FamilyScore | None) -> str:
    return "-" if score is None else number(score.worst_gain, ".2f")


def _found(score: FamilyScore | None) -> str:
    return "-" if score is None else percent(score.found)


def _costs(result: Result) -> Row:
    alarms, loss, verify = result.false_positives, result.fidelity_loss, result.verify
    return (
        result.subject.name,
        percent(alarms),
        "-" if loss is None else f"{loss.mean:+.3f}",
        "-" if verify is None else f"{verify.queries:,.0f}",
        "-" if verify is None else f"{verify.seconds:.2f}",
    )


def _one_line(said: str) -> str:
    return " ".join(said.split())


def notes(found: Sequence[Result], written: Callable[[str], str]) -> list[str]:
    """Return why protections have no headline, their flags, and what is unknown of them.

    `written` makes one line of words, in the language of whom it is for.
    """
    said = []
    for result in found:
        name = written(result.subject.name)
        if result.status != "OK":
            said.append(f"- {name}: no headline, {written(ended(result))}")
        said += [f"- {name}: {written(flag.name)}: {written(flag.says)}" for flag in result.flags]
        if result.unknown:
            count = f"{result.unknown} (victim, seed) count as stolen"
            said.append(f"- {name}: {count} because matches broke")
    return said
