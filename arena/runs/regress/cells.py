"""One cell of a baseline: what one thief did to a protection, over seeds."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

import scipy  # its parts load when they are first used
from pydantic import Field

from arena.game.court.referee import Judgement
from arena.game.match.steps.judge_step import JudgeStep
from arena.game.match.steps.round_step import RoundStep
from arena.game.match.steps.step_cache import Memo, Setting, resolve
from arena.game.rules.threat import ThreatModel, preset
from arena.game.sides.attack import attacks
from arena.game.sides.player import PlayerSpec
from arena.runs.regress.subject import Subject
from arena.world.json_values import Frozen, digest

THREAT = "whitebox_third"
_SEEDS = 8


class Thief(Frozen):
    """What attacks: moves, one a round, under a threat model."""

    moves: tuple[PlayerSpec, ...] = Field(min_length=1)
    threat: str = THREAT

    @property
    def name(self) -> str:
        """Return what a person calls it: `prune rate=0.9`."""
        return " + ".join(map(_in_words, self.moves))

    @property
    def digest(self) -> str:
        """Return what tells one thief from another."""
        return digest(self.plain())

    @property
    def grants(self) -> ThreatModel:
        """Return what it is granted."""
        return preset(self.threat)


def _in_words(move: PlayerSpec) -> str:
    return " ".join([move.name, *(f"{key}={value}" for key, value in move.settings.items())])


class Cell(Frozen):
    """What a thief did, one value a seed.

    Attributes:
        thief: who. statistic: of the verdict, by name; strong: whether copies are high in it.
        values: of that statistic. p_values: of the verdicts. caught: how many were a copy.
        kept: the share of the victim's usefulness that the thief kept.
    """

    thief: Thief
    statistic: str
    strong: bool
    values: tuple[float, ...] = Field(min_length=1)
    p_values: tuple[float, ...]
    caught: int
    kept: tuple[float, ...]

    @property
    def strengths(self) -> list[float]:
        """Return the values with the stronger mark always higher."""
        return [value if self.strong else 1 - value for value in self.values]

    @property
    def interval(self) -> tuple[float, float]:
        """Return the 95 % interval of the mean value over seeds (Student's t)."""
        return mean_interval(self.values)

    @property
    def median_p(self) -> float:
        """Return the median p-value."""
        return statistics.median(self.p_values)


def mean_interval(values: Sequence[float], confidence: float = 0.95) -> tuple[float, float]:
    """Return Student's interval of a mean; a point where all values are one.

    >>> mean_interval([0.5, 0.5])
    (0.5, 0.5)
    """
    mean = statistics.fmean(values)
    if len(values) < 2 or len(set(values)) == 1:
        return mean, mean
    error = statistics.stdev(values) / math.sqrt(len(values))
    reach = float(scipy.stats.t.isf((1 - confidence) / 2, len(values) - 1)) * error
    return mean - reach, mean + reach


def measure(
    subject: Subject, thief: Thief, root: int, memo: Memo, setting: Setting, n_seeds: int = _SEEDS
) -> Cell:
    """Let a thief attack a protection once for each seed, and return what the referee found.

    Args:
        subject: the protected model.
        thief: who attacks.
        root: of the seeds; whatever was measured with it before is looked up.
        memo: keeps every step.
        setting: where steps run.
        n_seeds: how often.

    Raises:
        StepFailed: the attack could not be played or judged. RegistryError: there is none.
    """
    found = [_judged(subject, thief, (str(root), str(i)), memo, setting) for i in range(n_seeds)]
    verdicts = [judgement.verdict for judgement in found]
    return Cell(
        thief=thief,
        statistic=verdicts[0].name,
        strong=verdicts[0].copies == "high",
        values=tuple(verdict.statistic for verdict in verdicts),
        p_values=tuple(verdict.p_value for verdict in verdicts),
        caught=sum(verdict.is_copy for verdict in verdicts),
        kept=tuple(judgement.kept for judgement in found),
    )


def _judged(
    subject: Subject, thief: Thief, seed: tuple[str, str], memo: Memo, setting: Setting
) -> Judgement:
    protect, played = subject.step(seed), None
    for number, move in enumerate(thief.moves):
        attacks.make(move)
        stream = ("regress", *seed, str(number))
        played = RoundStep(protect, thief.grants, move, 0, stream, played)
    assert played is not None  # noqa: S101 - a thief has a move
    judged = JudgeStep(played, protect)
    return Judgement.model_validate(resolve(judged, "judgement", memo, setting).data)
