"""The suite: a versioned file that says which thieves are played, how often, and what counts.

A suite has no parameters: whoever changes the file gives it another name, and results of two suites
are never put into one table.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal, get_args

from pydantic import Field

from arena.errors import ScenarioError, did_you_mean
from arena.game.match.play import Pools
from arena.runs.scenario import Limits, ThiefTable
from arena.runs.toml_file import read_toml_file
from arena.world.bounds import REPEATS, STRENGTHS
from arena.world.json_values import Frozen, Json, digest
from arena.world.training import Recipe

Family = Literal["control", "modify", "rewrite", "extract", "claim", "launder"]
FAMILIES: tuple[Family, ...] = get_args(Family)
"""In the order of every table; the control is the victim, handed on as it is."""


class SuiteTask(Frozen):
    """What is protected, on one data set: `[task.NAME]`.

    Attributes:
        model, arguments, recipe: as in the `[task]` of a scenario.
        surrogate: the architecture that thieves train who do not know the victim's.
        pool: the public data set of thieves who ask about images of another distribution.
    """

    model: str
    arguments: dict[str, Json] = Field(default_factory=dict)
    recipe: Recipe = Recipe(epochs=30)
    surrogate: str
    pool: str


class SuiteThief(ThiefTable):
    """A thief of the suite: `[[thief]]`, a thief of a scenario with its family.

    Attributes:
        family: whose worst case it may be.
        strengths: those that are tried of its last move, each in [0, 1], mildest first; none plays
            the move as it is.
    """

    family: Family
    strengths: tuple[float, ...] = Field((), max_length=STRENGTHS)


class Suite(Frozen):
    """A suite of thieves.

    Attributes:
        name: with its version, `standard-1`. description: in one line.
        seed, calibration_seed: roots of the owners that are reported, and of those that strengths
            are chosen on.
        victims, seeds: how many victims are reported, and how often a thief attacks each.
        calibration_victims: how many owners strengths are chosen on.
        gain, price: what a theft gains at least, and costs at most, to count.
        innocents: independent models for thresholds, and others for false positives.
        limits: what a step may take; a model of a person's own is played without.
        task: what is protected, by data set. thief: who attacks.
    """

    name: str = Field(pattern=r"^[a-z][a-z0-9-]*-[0-9]+$", max_length=40)
    description: str = ""
    seed: int = Field(ge=0, lt=2**63)
    calibration_seed: int = Field(ge=0, lt=2**63)
    victims: int = Field(ge=1, le=REPEATS)
    seeds: int = Field(ge=1, le=REPEATS)
    calibration_victims: int = Field(1, ge=1, le=REPEATS)
    gain: float = Field(0.5, gt=0, le=1)
    price: float = Field(1.0, gt=0)
    innocents: Pools = Pools()
    limits: Limits = Limits()
    task: dict[str, SuiteTask] = Field(min_length=1)
    thief: tuple[SuiteThief, ...] = Field(min_length=1)

    @property
    def digest(self) -> str:
        """Return the SHA-256 of what the file says: what it leaves out does not count."""
        return digest(self.model_dump(mode="json", exclude_unset=True))

    def task_on(self, data: str) -> SuiteTask:
        """Return what is protected on a data set.

        Raises:
            ScenarioError: the suite is not played on it.
        """
        if data not in self.task:
            raise ScenarioError(
                [f"suite {self.name} is not played on {data!r}{did_you_mean(data, self.task)}"]
            )
        return self.task[data]


def shipped_suites() -> dict[str, Path]:
    """Return the suites that ship by name, sorted."""
    return {path.stem: path for path in sorted(Path(__file__).parent.glob("*.toml"))}


def read_suite(text: str) -> Suite:
    """Return a suite.

    Args:
        text: the name of one that ships, or the path of a TOML file.

    Raises:
        ScenarioError: there is none, or with one sentence for each thing wrong in it.
    """
    known = shipped_suites()
    path = known.get(text, Path(text).expanduser())
    if text not in known and path.suffix != ".toml":
        raise ScenarioError([f"no suite is called {text!r}{did_you_mean(text, known)}"])
    suite = read_toml_file(path, Suite, "a suite of thieves")
    if suite.seed == suite.calibration_seed:
        raise ScenarioError(
            [
                f"{path.name}: expected another calibration_seed than seed, found {suite.seed} "
                "for both; strengths may not be chosen on the owners that are reported"
            ]
        )
    return suite
