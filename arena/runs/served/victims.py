"""The victim of each token: derived from the course's secret and the client's name, and kept.

Two clients that compare their answers compare two models. The same secret makes the same victims
again, so none need be kept for longer than the course.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import torch

from arena.runs.secret import read_secret, root_of
from arena.runs.served.course_rules import CourseRules
from arena.world.data import Dataset
from arena.world.files.cache_folder import cache_folder
from arena.world.models import Model, build, load_model, save_model
from arena.world.rng import Rng
from arena.world.task import Task, TaskSpec, load_task
from arena.world.training import Examples, Trainer

_PRIVATE = 0o700  # of the folder with the victims


@dataclass(frozen=True)
class Victims:
    """The victims of a course, in its folder."""

    folder: Path
    rules: CourseRules

    @cached_property
    def root(self) -> int:
        """Return the root of all randomness; the secret is made where there is none.

        Raises:
            ScenarioError: the secret cannot be read or made.
        """
        return root_of(self.rules.seed, read_secret(self.folder / "secret"))

    @cached_property
    def task(self) -> Task:
        """Return the task; its splits follow from the secret, too."""
        spec = TaskSpec.model_validate({**self.rules.task.model_dump(), "seed": self.root})
        return load_task(spec, cache_folder())

    @cached_property
    def parts(self) -> tuple[Dataset, Dataset]:
        """Return the public and the private half of the test data."""
        test = self.task.splits.test
        order = torch.from_numpy(Rng(self.root).child("parts").numpy().permutation(len(test)))
        half = len(test) // 2
        return test.select(order[:half]), test.select(order[half:])

    def of(self, client: str) -> Model:
        """Return the victim of a client, trained when it is first asked for."""
        path = self.folder / "victims" / f"{_name(client)}.safetensors"
        if path.is_file():
            return load_model(path)
        rng = Rng(self.root).child("victim", client)
        model = build(self.task.card, rng.child("initial"))
        examples = Examples.of(self.task.splits.owner)
        Trainer(self.task.compute).train(
            model, examples, self.task.spec.recipe, rng.child("training")
        )
        path.parent.mkdir(mode=_PRIVATE, parents=True, exist_ok=True)
        path.parent.chmod(_PRIVATE)  # whoever may read a victim need not steal it
        save_model(model, path)
        return model


def _name(client: str) -> str:
    return hashlib.sha256(client.encode()).hexdigest()[:16]
