"""The file of a learned player: JSON that says what it learnt and where. Nothing in it is run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError

from arena.errors import ScenarioError, StoreError
from arena.runs.learn.network import NetworkForm
from arena.world.files.atomic_write import write_whole
from arena.world.json_values import Frozen, Json, from_json

SCHEMA = "arena/learned-1"
FILE = "learned.json"

Side = Literal["thief", "owner"]
SIDES: tuple[Side, ...] = ("thief", "owner")


class Origin(Frozen):
    """Where a player learnt."""

    scenario: str
    seed: int
    algorithm: str
    steps: int
    versions: dict[str, str]


class LearnedPlayer(Frozen):
    """What came of learning.

    Attributes:
        side: who it plays.
        table: the keys of `[[thief]]` or `[[owner]]` that it plays by, as a scenario has them.
        payoffs: its own pay-off in [0, 1] against each opponent that it learnt from.
        network: of a thief that chooses its moves as it goes; its layers lie beside.
    """

    side: Side
    origin: Origin
    table: dict[str, Json]
    payoffs: dict[str, float] = Field(min_length=1)
    network: NetworkForm | None = None

    @property
    def payoff(self) -> float:
        """Return the mean of its pay-offs."""
        return sum(self.payoffs.values()) / len(self.payoffs)


def write_learned(folder: Path, player: LearnedPlayer) -> None:
    """Write a learned player into a folder.

    Raises:
        StoreError: it cannot be written.
    """
    content = {"schema": SCHEMA, **player.plain()}
    text = json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False)
    try:
        write_whole(folder / FILE, text.encode() + b"\n")
    except OSError as error:
        raise StoreError(f"{folder / FILE} cannot be written ({error.strerror})") from error


def read_learned(folder: Path, side: Side) -> LearnedPlayer:
    """Return the learned player in a folder.

    Args:
        folder: where `arena train` wrote it.
        side: who is wanted.

    Raises:
        ScenarioError: there is none, it is damaged, or it plays the other side.
    """
    path = folder / FILE
    try:
        raw = from_json(path.read_bytes())
        found = raw.pop("schema", None) if isinstance(raw, dict) else None
        if found != SCHEMA:
            raise ValueError(f"its schema is {found!r}")
        player = LearnedPlayer.model_validate(raw)
    except (OSError, ValueError) as error:
        raise ScenarioError([_refusal(path, error)]) from error
    if player.side != side:
        raise ScenarioError([f"expected a learned {side} in {path}, found a learned {player.side}"])
    return player


def _refusal(path: Path, error: OSError | ValueError) -> str:
    if isinstance(error, OSError):
        found = error.strerror or str(error)
    elif isinstance(error, ValidationError):
        problem = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in problem["loc"])
        found = f"{where!r}: {problem['msg'].lower()}"
    else:
        found = str(error).partition("\n")[0]
    return (
        f"expected a learned player ({SCHEMA}) in {path}, found none ({found}); "
        "name the folder that `arena train` wrote"
    )
