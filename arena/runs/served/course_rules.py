"""The rules of a served course: `serve.toml` in its folder."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from pydantic import AwareDatetime, Field

from arena.errors import ScenarioError
from arena.runs.served.query_ledger import Allowance
from arena.runs.toml_file import read_toml_file
from arena.world.bounds import COUNT
from arena.world.json_values import Frozen
from arena.world.remote.http_format import Wanted
from arena.world.task import TaskTable

FILE = "serve.toml"


class CourseRules(Frozen):
    """What is served, to whom it answers how much, and until when."""

    title: str = "A stolen model"
    seed: int = Field(0, ge=0, lt=2**63)
    answers: Wanted = "probabilities"
    decimals: int | None = Field(None, ge=1, le=7)  # to which probabilities are rounded
    budget: int = Field(2000, ge=0, le=COUNT)  # images for each token
    per_minute: int = Field(600, ge=1, le=COUNT)  # images within any minute
    most_batch: int = Field(256, ge=1, le=4096)  # images in one request
    most_uploads: int = Field(20, ge=0, le=COUNT)  # stolen models that are scored for each token
    most_model_mb: int = Field(16, ge=1, le=512)
    ends: AwareDatetime | None = None  # then nothing is answered, and private scores are shown
    task: TaskTable = TaskTable()

    @property
    def allowance(self) -> Allowance:
        """Return what each token may ask."""
        return Allowance(self.budget, self.per_minute)

    def is_over(self, now: float) -> bool:
        """Return whether the course has ended at a time (seconds of the Unix epoch)."""
        return self.ends is not None and datetime.fromtimestamp(now, UTC) >= self.ends


def read_rules(folder: Path) -> CourseRules:
    """Read the rules of a course.

    Raises:
        ScenarioError: with one sentence for each problem.
    """
    rules = read_toml_file(folder / FILE, CourseRules, "the rules of a course")
    if rules.most_batch > rules.per_minute:
        raise ScenarioError(
            [
                f"{FILE}: expected most_batch of at most per_minute ({rules.per_minute}), found "
                f"{rules.most_batch}: such a batch could never be answered"
            ]
        )
    return rules
