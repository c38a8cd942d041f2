"""A stolen model that is handed in: rebuilt from card and tensors, scored on two halves, kept."""

from __future__ import annotations

import hashlib
from pathlib import Path

from arena.errors import ArenaError, ModelError
from arena.game.sandbox.networks.cards import Networks
from arena.runs.served.query_ledger import Upload
from arena.runs.served.refusal import Refusal
from arena.runs.served.victims import Victims
from arena.world.bundle import Bundle
from arena.world.compute import Compute
from arena.world.data import Dataset
from arena.world.files.atomic_write import write_whole
from arena.world.models import Model, unpack
from arena.world.task import Task


def score_upload(blob: bytes, client: str, victim: Model, victims: Victims, at: float) -> Upload:
    """Return the scores of a model, and keep its file.

    Args:
        blob: a safetensors file with the card of one of the arena's architectures.
        client: whose it is.
        victim: the model that it was stolen from.
        victims: the course's victims and data.
        at: the time, in seconds of the Unix epoch.

    Raises:
        Refusal: it is no model of the task (400).
    """
    model = read_model(blob, victims.task)
    sha256 = hashlib.sha256(blob).hexdigest()
    compute = victims.task.compute.float32
    public, private = (_scores(model, victim, part, compute) for part in victims.parts)
    write_whole(_kept(victims.folder, sha256), blob, private=True)
    return Upload(client, at, sha256, *public, *private)


def read_model(blob: bytes, task: Task) -> Model:
    """Return the model in a file that was sent; raises like `score_upload`."""
    try:
        bundle, networks = Bundle.from_bytes(blob), Networks()
        networks.note({"card": task.card.plain()})
        networks.check(bundle.data)
        model = unpack(bundle)
        problem = task.kind.mismatch(model.card, task.card)
        if problem:
            raise ModelError(problem)
    except ArenaError as error:
        raise Refusal(400, f"expected a model of this task: {error}") from error
    except Exception as error:  # a stranger's bytes can make a reader raise anything
        raise Refusal(400, f"expected a safetensors file with a card ({error})"[:300]) from error
    return model


def _scores(model: Model, victim: Model, part: Dataset, compute: Compute) -> tuple[float, float]:
    """Return utility and agreement with the victim, both in [0, 1]."""
    said, meant = compute.labels(model, part.images), compute.labels(victim, part.images)
    utility = float((said == part.labels).double().mean())
    return utility, float((said == meant).double().mean())


def _kept(folder: Path, sha256: str) -> Path:
    return folder / "uploads" / f"{sha256}.safetensors"
