"""A class plays itself: every student's thief against every student's owner.

Owners are screened first: one that accuses innocents, or whose protection costs too much, plays no
match. Each part of the assignment has a board of its own: the public one is shown while the course
goes on, the hidden one at its end.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from arena.errors import ArenaError, RegistryError, ScenarioError
from arena.game.match.rows import InnocentRow, RoundRow
from arena.game.sandbox.admit import admitted
from arena.game.sandbox.players_file import PlayersFile
from arena.game.sides.attack import attacks
from arena.runs.course.assignment import Assignment, Exercise, PlayerSide, Screening
from arena.runs.course.grade import Place, only, play, read_file
from arena.runs.course.points import Part
from arena.runs.course.submissions import Submission, handle
from arena.runs.scenario import check_scenario
from arena.runs.secret import read_secret
from arena.runs.standings.fitness import Bar, unfitness
from arena.runs.standings.leaderboard import Games, Side, Standing, leaderboard
from arena.world.json_values import Json
from arena.world.rng import Rng

Heard = Callable[[str], None]


@dataclass(frozen=True)
class Entrant:
    """One student's player of one side; `name` is its handle."""

    name: str
    side: PlayerSide
    file: PlayersFile


@dataclass(frozen=True)
class Line:
    """One line of a board; `tie` decides between equal ones, the lower first."""

    standing: Standing
    tie: float


@dataclass(frozen=True)
class Board:
    """The boards of one part, best first, and why some did not play."""

    part: str
    owners: tuple[Line, ...]
    thieves: tuple[Line, ...]
    out: dict[str, str]  # handle -> why


def exercises(assignment: Assignment) -> dict[PlayerSide, Exercise]:
    """Return the task of each side.

    Raises:
        ScenarioError: the assignment lacks one.
    """
    found: dict[PlayerSide, Exercise] = {}
    for task in assignment.tasks:
        found.setdefault(task.side, task)
    sides: tuple[PlayerSide, ...] = ("thief", "owner")
    lacks = [side for side in sides if side not in found]
    if lacks:
        raise ScenarioError(
            [
                f"a league needs a task of each side, {assignment.public.title!r} has none of a "
                f"{lacks[0]}; add one"
            ]
        )
    return found


def league(
    submissions: Sequence[Submission], assignment: Assignment, place: Place, heard: Heard
) -> list[Board]:
    """Return the board of each part; what was played before is read from the place's store.

    Raises:
        ScenarioError: the assignment cannot be played as a league.
    """
    tasks, secret = exercises(assignment), read_secret(place.folder / "handles.secret")
    out: dict[str, str] = {}
    entrants = [
        entrant
        for one in submissions
        for side in tasks
        if (entrant := _entrant(one, tasks[side], assignment, place, (secret, out)))
    ]
    hall = _Hall(assignment, tasks, place, heard)
    return [hall.board(part, entrants, dict(out)) for part in assignment.parts()]


def _entrant(
    submission: Submission,
    task: Exercise,
    assignment: Assignment,
    place: Place,
    known: tuple[str, dict[str, str]],
) -> Entrant | None:
    """Return a student's player; None of a file that cannot be read, and why in `known`."""
    secret, out = known
    path = submission.files.get(task.name)
    name = handle(submission.name, secret)
    if path is None:
        return None
    try:
        file = read_file(path, assignment, trusted=place.trusted)
        wanted = "attack" if task.side == "thief" else "defense"
        only([traits.name for traits in file.traits if traits.side == wanted], task)
    except RegistryError as error:
        out[f"{name} ({task.side})"] = str(error)
        return None
    return Entrant(name, task.side, file)


@dataclass
class _Hall:
    """Where the matches of a league are played."""

    assignment: Assignment
    tasks: dict[PlayerSide, Exercise]
    place: Place
    heard: Heard

    def board(self, part: Part, entrants: Sequence[Entrant], out: dict[str, str]) -> Board:
        """Screen the owners, play everybody against everybody, rank."""
        owners = []
        for owner in (one for one in entrants if one.side == "owner"):
            problem = self._screened(owner, part)
            if problem:
                out[f"{owner.name} (owner)"] = problem
            else:
                owners.append(owner)
        thieves = [one for one in entrants if one.side == "thief"]
        rows = [
            row for owner in owners for thief in thieves for row in self._match(owner, thief, part)
        ]
        return Board(part.name, _lines(rows, "owner"), _lines(rows, "thief"), out)

    def _screened(self, owner: Entrant, part: Part) -> str:
        """Return why an owner may not play, "" where it may."""
        control = next(name for name, kind in attacks.classes().items() if kind.control)
        limits = self.assignment.public.screening
        try:
            with admitted(owner.file, "defense") as names:
                table = self._owner(owner.name, names[0])
                thief: dict[str, Json] = {"name": "screening", "moves": [control]}
                rows, innocents = self._play(part, table, thief)
        except ArenaError as error:
            return str(error)
        owes = self.assignment.game(self.tasks["owner"], part).innocents.report
        return fault_of(rows, innocents if owes else None, limits)

    def _match(self, owner: Entrant, thief: Entrant, part: Part) -> list[RoundRow]:
        self.heard(f"{part.name}: {thief.name} against {owner.name}")
        try:
            with ExitStack() as scope:
                schemes = scope.enter_context(admitted(owner.file, "defense"))
                moves = scope.enter_context(admitted(thief.file, "attack"))
                threat = self.tasks["thief"].threat
                grants = threat if isinstance(threat, str) else threat.plain()
                table: dict[str, Json] = {"name": thief.name, "moves": [moves[0]], "threat": grants}
                return self._play(part, self._owner(owner.name, schemes[0]), table)[0]
        except (RegistryError, ScenarioError) as error:
            self.heard(str(error))
            return []

    def _owner(self, name: str, scheme: str) -> dict[str, Json]:
        seen = self.tasks["owner"].verification
        return {"name": name, "scheme": scheme, "verification": seen}

    def _play(
        self, part: Part, owner: dict[str, Json], thief: dict[str, Json]
    ) -> tuple[list[RoundRow], list[InnocentRow]]:
        raw = self.assignment.scenario(self.tasks["thief"], part, "")
        game = self.assignment.game(self.tasks["owner"], part)
        raw |= {"name": f"league-{part.name}", "owner": [owner], "thief": [thief]}
        raw["innocents"] = game.innocents.plain()
        scenario = check_scenario(raw, self.assignment.folder)
        folder = self.place.folder / "league" / part.name
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{owner['name']}-{thief['name']}.sqlite"
        return play(scenario, self.assignment.secret(part), self.place.store(), path)


def fault_of(
    rows: Sequence[RoundRow], innocents: Sequence[InnocentRow] | None, limits: Screening
) -> str:
    """Return why an owner may not play, "" where it may.

    Args:
        rows: its rounds against the control.
        innocents: its verdicts on innocents; None where it was shown none.
        limits: what it must not exceed.
    """
    failed = next((row for row in rows if not row.scored), None)
    if failed is not None:
        return f"{failed.status}: {failed.message}"
    verdicts = innocents or ()
    accused = sum(row.caught for row in verdicts) / max(len(verdicts), 1)
    owes = innocents is not None
    bar = Bar(limits.fidelity_loss, limits.false_positives, owes, counts=max)
    reason = unfitness(rows, verdicts, accused, bar)
    return f"it {reason}" if reason else ""


def _lines(rows: Sequence[RoundRow], side: Side) -> tuple[Line, ...]:
    """Return a side's board: worst case, then Nash score, then what decides a tie.

    Thieves that are equal: fewer queries first. Owners: less fidelity lost first.
    """
    scored = [row for row in rows if row.scored and row.payoff is not None]
    games = Games(
        [row.owner for row in scored],
        [row.thief for row in scored],
        [row.repeat for row in scored],
        [row.payoff or 0.0 for row in scored],
    )
    ties: dict[str, list[float]] = {}
    for row in scored:
        value = row.images_queried if side == "thief" else row.fidelity_loss
        ties.setdefault(row.thief if side == "thief" else row.owner, []).append(value or 0.0)
    lines = [
        Line(standing, sum(ties[standing.name]) / len(ties[standing.name]))
        for standing in leaderboard(games, side, Rng(0).child("league"))
    ]
    return tuple(sorted(lines, key=_order))


def _order(line: Line) -> tuple[float, float, float, str]:
    return (
        -round(line.standing.worst, 6),
        -round(line.standing.nash, 6),
        line.tie,
        line.standing.name,
    )
