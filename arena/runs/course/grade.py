"""One submission is graded: each task is played in each part, and points are given for figures.

What was handed in runs in sandboxes alone. What is played is a tournament of one match or a few,
with the steps that all submissions share (victims, innocents) in one store.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from arena.errors import RegistryError, ScenarioError, StoreError
from arena.game.match.rows import InnocentRow, RoundRow
from arena.game.match.steps.step_cache import Setting
from arena.game.sandbox.admit import admitted
from arena.game.sandbox.jail.bubblewrap import missing
from arena.game.sandbox.players_file import PlayersFile, read_players_file
from arena.game.sides.access import Access
from arena.game.sides.attack import Attack, attacks
from arena.game.sides.defense import defenses
from arena.game.sides.deliverable import Deliverable
from arena.runs.course.assignment import FILE, HIDDEN, Assignment, Exercise
from arena.runs.course.points import Earned, Part, Rule, earned, figures_of
from arena.runs.course.submissions import Submission
from arena.runs.executors import InProcess
from arena.runs.ledger import Ledger
from arena.runs.scenario import Scenario, check_scenario
from arena.runs.store import ARTEFACTS, Store
from arena.runs.tournament import Tournament, task_of
from arena.world.code_version import core_version
from arena.world.compute import Compute
from arena.world.files.cache_folder import cache_folder
from arena.world.json_values import digest
from arena.world.rng import Rng

_MOST_PRINTED = 8000  # characters that are kept of what a submission printed
_ANY_THIEF = "any-thief"


@dataclass(frozen=True, kw_only=True)
class _AnyThief(Attack):
    """Stands for a thief that is yet to be handed in: it needs nothing, whatever is granted."""

    def run(self, access: Access, rng: Rng) -> Deliverable:
        """Refuse: it is looked at, never played."""
        raise NotImplementedError


@dataclass(frozen=True)
class Place:
    """Where a class is graded.

    Attributes:
        folder: of the results; the store of shared steps lies in it.
        trusted: submissions run without a sandbox, with all rights of whoever grades.
    """

    folder: Path
    trusted: bool = False

    def store(self) -> Store:
        """Return the store that all submissions share; none of them can see it."""
        return Store(self.folder / ARTEFACTS)

    def of(self, name: str) -> Path:
        """Return the folder of one submission's results."""
        return self.folder / "submissions" / name


@dataclass(frozen=True)
class Done:
    """One task in one part: what was earned, or the sentence that says why nothing was.

    `figures` are those of the last round of each match, `printed` is the end of what the submission
    printed.
    """

    task: Exercise
    part: Part
    earned: tuple[Earned, ...]
    problem: str = ""
    printed: str = ""
    figures: tuple[dict[str, float | None], ...] = ()


@dataclass(frozen=True)
class Grade:
    """What a submission came to."""

    submission: str
    digest: str
    done: tuple[Done, ...]

    @property
    def points(self) -> float:
        """Return all points; penalties take no more than there is."""
        return max(0.0, round(sum(one.points for done in self.done for one in done.earned), 4))

    @property
    def most(self) -> float:
        """Return the points that could be had in the parts that were played."""
        worth = (max(0.0, one.most) for done in self.done for one in done.earned)
        return round(sum(worth), 4)


def check_playable(assignment: Assignment, *, trusted: bool = False) -> None:
    """Find out before anything is graded whether the assignment itself can be played.

    Raises:
        ScenarioError: it cannot, with a sentence for each problem. RegistryError: nothing can be
            sandboxed here.
    """
    if missing() and not trusted:
        raise RegistryError(
            f"what others wrote is run in a sandbox only; {missing()}; or, if you would run it "
            "with all your rights: --trust"
        )
    control = next(name for name, scheme in defenses.classes().items() if scheme.control)
    played = [(task, part) for task in assignment.tasks for part in assignment.parts()]
    for task, part in played:
        with attacks.lent({_ANY_THIEF: _AnyThief}):
            player = _ANY_THIEF if task.side == "thief" else control
            try:
                check_scenario(assignment.scenario(task, part, player), assignment.folder)
            except ScenarioError as error:
                said = [f"task {task.name!r}, {part.name} part: {one}" for one in error.problems]
                raise ScenarioError(said) from error


def identity(submission: Submission, assignment: Assignment) -> str:
    """Return the SHA-256 of all that a grade depends on: texts, secret, the arena's own code."""
    files = (assignment.folder / FILE, assignment.folder / HIDDEN / "hidden.toml")
    texts = [path.read_text(encoding="utf-8") for path in files if path.is_file()]
    secrets = [assignment.secret(part) for part in assignment.parts()]
    return digest([submission.digest(), core_version(), digest(texts), digest(secrets)])


def grade(submission: Submission, assignment: Assignment, place: Place) -> Grade:
    """Grade a submission, alone.

    Raises:
        StoreError: the results cannot be written, which is nobody's fault.
    """
    done = [one for task in assignment.tasks for one in _tasks(submission, assignment, task, place)]
    return Grade(submission.name, identity(submission, assignment), tuple(done))


def _tasks(
    submission: Submission, assignment: Assignment, task: Exercise, place: Place
) -> Iterator[Done]:
    path = submission.files.get(task.name)
    parts = assignment.parts()
    try:
        if path is None:
            raise RegistryError(f"{task.file} was not handed in")
        file = read_file(path, assignment, trusted=place.trusted)
    except RegistryError as error:
        yield from (_nothing(task, part, str(error)) for part in parts)
        return
    for part in parts:
        file.printed.clear()
        yield _part(file, assignment, task, part, (place, place.of(submission.name)))


def read_file(path: Path, assignment: Assignment, *, trusted: bool = False) -> PlayersFile:
    """Return a file that was handed in; raises RegistryError where it cannot be read."""
    cell = assignment.public.limits.cell()
    return read_players_file(path, cell, walled=not trusted)


def only(names: list[str], task: Exercise) -> str:
    """Return the one player that a file holds.

    Raises:
        RegistryError: it holds none, or several.
    """
    if len(names) != 1:
        kind = "attack" if task.side == "thief" else "defence"
        found = ", ".join(names) or "none"
        raise RegistryError(f"expected one {kind} in {task.file}, found {found}")
    return names[0]


def _part(
    file: PlayersFile, assignment: Assignment, task: Exercise, part: Part, where: tuple[Place, Path]
) -> Done:
    place, folder = where
    try:
        with admitted(file, "attack" if task.side == "thief" else "defense") as names:
            raw = assignment.scenario(task, part, only(names, task))
            scenario = check_scenario(raw, assignment.folder)
            folder.mkdir(parents=True, exist_ok=True)
            path = folder / f"{task.name}-{part.name}.sqlite"
            rows, innocents = play(scenario, assignment.secret(part), place.store(), path)
    except (RegistryError, ScenarioError) as error:
        return _nothing(task, part, str(error))
    except OSError as error:
        raise StoreError(f"expected to write into {folder}, cannot ({error})") from error
    accused = accused_shares(innocents)
    figures = tuple(figures_of(row, accused) for row in rows)
    problems = dict.fromkeys(f"{row.status}: {row.message}" for row in rows if not row.scored)
    return Done(
        task=task,
        part=part,
        earned=tuple(earned(rule, part.share, figures) for rule in task.rule),
        problem="; ".join(problems),
        printed=readable("\n".join(file.printed)),
        figures=figures,
    )


def play(
    scenario: Scenario, secret: str, store: Store, path: Path
) -> tuple[list[RoundRow], list[InnocentRow]]:
    """Play a scenario in this process; return the last round of each match, and the innocents."""
    with closing(Ledger(path)) as ledger:
        executor = InProcess(store, Setting(cache_folder()))
        task = task_of(scenario, Compute(), secret)
        Tournament(scenario, task, store, ledger, lambda _event: None).run(executor)
        last = {row.match: row for row in ledger.rounds()}
        return list(last.values()), ledger.innocents()


def accused_shares(innocents: Sequence[InnocentRow]) -> dict[str, float | None]:
    """Return the share of innocents that each owner accuses."""
    verdicts = defaultdict[str, list[bool]](list)
    for row in innocents:
        verdicts[row.owner].append(row.caught)
    return {owner: sum(found) / len(found) for owner, found in verdicts.items()}


def _nothing(task: Exercise, part: Part, problem: str) -> Done:
    def lost(rule: Rule) -> Earned:  # what was not played has no penalty to fear
        return Earned(rule, 0.0, rule.points * part.share, problem)

    return Done(task, part, tuple(lost(rule) for rule in task.rule), problem)


def readable(text: str) -> str:
    """Return the end of what a stranger printed, without control characters.

    >>> readable("a" + chr(27) + "[2J")
    'a [2J'
    """
    plain = "".join(c if c.isprintable() or c in "\n\t" else " " for c in text)
    return plain[-_MOST_PRINTED:]
