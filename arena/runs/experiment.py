"""An experiment: what a scenario was played for. The optional table `[experiment]` of its file.

It names what is measured, how it is drawn, and what is claimed; so whoever draws and tests knows no
single scheme.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from arena.world.json_values import Frozen, Json

Drawing = Literal["strips", "radars", "curves", "parts", "gaps"]
Test = Literal[
    "voted",
    "separates",
    "ordered",
    "no-worse",
    "wider",
    "falls",
    "rises",
    "lost",
    "evades-some",
    "differs",
    "same",
    "below",
]
Part = Literal["all", "exposed", "held-out"]


class ExperimentClaim(Frozen):
    """One claim, and the test that it is put to: `[[experiment.claim]]`.

    `test` says what would confirm it:

    - voted: more than half of the metrics vote copy for every copy, and for no innocent
    - separates: by each metric, every copy (of the series, where some are named) is on the near
      side of the threshold, every innocent beyond it
    - ordered: by each metric, every copy (of the series) is nearer to the victim than every
      innocent
    - no-worse: the first metric tells copies from innocents as well as each of the others
    - wider: the first metric's gap between copies and innocents is wider than each of the others'
    - falls, rises: along the degrees of each series each metric falls, or rises
    - lost: by each metric no copy is on the near side of the threshold
    - evades-some: copies are beyond the threshold in metrics, and none of them in all
    - differs: the gap between copies and innocents depends on the owner
    - same: in each metric every member of a series shows what its first member shows, within 0.01
    - below: of every copy (of the series) the first metric is below each of the others
    """

    text: str
    test: Test
    metrics: tuple[str, ...] = ()  # none: those of the experiment
    series: tuple[str, ...] = ()  # titles; none: all of them
    part: Part = "all"


class Series(Frozen):
    """Players in order of a degree: `[[experiment.series]]`.

    `members` are thieves (of the figure "gaps": owners); `degrees` are what they differ by, on the
    axis `axis`. Without degrees it is the ledger's column `column`.
    """

    title: str
    axis: str
    members: tuple[str, ...] = Field(min_length=1)
    degrees: tuple[float, ...] = ()
    column: str = "images_queried"
    log: bool = False


class Experiment(Frozen):
    """What a scenario is played for.

    `metrics` are names in an owner's evidence, of an owner's statistic, of a number among the
    figures of a verdict, "log10 p" or "utility"; behind an owner's name and a space, that owner's.
    In those of `high` a copy shows more than an innocent, in the others less. `variants` are
    changes to the scenario, by the name of a data set, or "quick". With `own_task` the scenario
    keeps its own task, whatever data its course is played on.
    """

    number: int = Field(ge=1)
    title: str
    figure: Drawing
    metrics: tuple[str, ...] = Field(min_length=1)
    high: tuple[str, ...] = ()
    claim: tuple[ExperimentClaim, ...] = ()
    series: tuple[Series, ...] = ()
    own_task: bool = False
    variants: dict[str, dict[str, Json]] = Field(default_factory=dict)

    def chosen(self, titles: tuple[str, ...]) -> tuple[Series, ...]:
        """Return the series of these titles; all for none."""
        return tuple(series for series in self.series if not titles or series.title in titles)
