"""What a person asks of a judge, and what was found so far."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from arena.game.court.verdict import Verdict
from arena.game.sides.player import PlayerSpec
from arena.runs.judge.model_files import ModelFile
from arena.world.compute import Compute
from arena.world.json_values import Frozen, Json, Raw
from arena.world.models.loaders import Asked
from arena.world.remote.client import QueryMeter
from arena.world.remote.endpoint import Endpoint
from arena.world.training import Recipe

AccessLevel = Literal["labels", "probabilities", "weights"]


@dataclass(frozen=True, kw_only=True)
class Trial:
    """What is to be judged, and how.

    Attributes:
        victim: the owner's model. suspect: a model on disk, or where one answers, or a function.
        data: the name of the data that the victim was trained on.
        access: what may be seen of the suspect.
        innocents: how many to train, or a folder that holds some.
        scheme: the fingerprint that judges. seed: of its tests and of the innocents; the judge's
            secret. data_seed: cuts a test part off data that have none.
        recipe: how innocents are trained.
    """

    victim: ModelFile
    suspect: ModelFile | Endpoint | Asked
    data: str
    access: AccessLevel
    innocents: int | Path
    scheme: PlayerSpec
    seed: int
    data_seed: int = 0
    recipe: Recipe = field(default_factory=Recipe)
    compute: Compute = field(default_factory=Compute)

    def plain(self) -> dict[str, Json]:
        """Return what was asked, as JSON values."""
        return {
            "victim": str(self.victim.path),
            "suspect": _told(self.suspect),
            "data": self.data,
            "access": self.access,
            "innocents": self.innocents if isinstance(self.innocents, int) else str(self.innocents),
            "scheme": self.scheme.plain(),
            "seed": self.seed,
            "data_seed": self.data_seed,
            "recipe": self.recipe.plain(),
        }


def _told(suspect: ModelFile | Endpoint | Asked) -> Json:
    if isinstance(suspect, Endpoint):
        return suspect.plain()
    return suspect.name if isinstance(suspect, Asked) else str(suspect.path)


class ComparedModel(Frozen):
    """A model that was compared.

    Attributes:
        architecture, n_classes, sha256: what it is.
        accuracy: on the test split, in [0, 1]; None where it has other classes than the data.
        kind: of an innocent: Neg-1, Neg-2, or given.
    """

    architecture: str
    n_classes: int
    sha256: str
    accuracy: float | None = None
    kind: str = ""

    def plain(self) -> dict[str, Json]:
        """Return what is known of it as JSON values."""
        return self.model_dump(mode="json", exclude_defaults=True)


class GrownTests(Frozen):
    """The tests of a judgement: the commitment to them, and the seconds that making them took."""

    commitment: str
    seconds: float


@dataclass
class Findings:
    """What was found so far.

    Attributes:
        asked: the trial, as its report holds it. status: how far it got. sentence: why it stopped.
        victim, suspect: what they are; None where they were not read. innocents: all of them.
        tests: what the scheme judges by. verdict: the scheme's. level: at which it accuses.
        meter: what an endpoint was asked, where the suspect is one.
    """

    asked: dict[str, Raw]
    status: Literal["running", "stopped", "judged"] = "running"
    sentence: str = ""
    victim: ComparedModel | None = None
    suspect: ComparedModel | None = None
    innocents: list[ComparedModel] = field(default_factory=list)
    tests: GrownTests | None = None
    verdict: Verdict | None = None
    level: float = 0.0
    meter: QueryMeter | None = None

    def plain(self) -> dict[str, Json]:
        """Return everything as JSON values."""
        suspect = self.suspect.plain() if self.suspect else {}
        if self.meter is not None:
            suspect = {"url": self.asked["suspect"]["url"], "queries": self.meter.plain()}
        return {
            "status": self.status,
            "sentence": self.sentence,
            "asked": self.asked,
            "victim": self.victim.plain() if self.victim else {},
            "suspect": suspect,
            "innocents": [model.plain() for model in self.innocents],
            "tests": self.tests.plain() if self.tests else {},
            "level": self.level,
            "verdict": self.verdict.plain() if self.verdict else None,
        }
