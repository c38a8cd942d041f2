"""Judging a person's own two models: is the suspect derived from the victim?

What is found goes into `Findings` as it is found, and every model trained, every test grown and
every answer of an endpoint into a store: whatever fails later, it is kept, and the same command
continues from there.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from torch import Tensor

from arena.errors import ArenaError, RegistryError
from arena.game.match.steps.step_cache import Setting, resolve
from arena.game.match.steps.train_step import TrainStep
from arena.game.rules.innocents import Half
from arena.game.rules.keys import Key
from arena.game.sides.defense import Defense, OwnerTask, defenses
from arena.game.sides.lab import Lab
from arena.game.sides.player import PlayerSpec
from arena.game.sides.suspect import Suspect
from arena.runs.judge.door import check_knows
from arena.runs.judge.model_files import (
    ModelFile,
    check_victim,
    given_innocents,
    load_exhibit,
    load_suspect,
    suspect_of,
)
from arena.runs.judge.request import ComparedModel, Findings, GrownTests, Trial
from arena.runs.store import ARTEFACTS, Store
from arena.world.bounds import INNOCENTS
from arena.world.bundle import Bundle
from arena.world.code_version import class_version, core_version
from arena.world.json_values import Json, digest
from arena.world.models import Model, unpack
from arena.world.models.loaders import Asked, LoadedModel
from arena.world.one_thread import one_thread
from arena.world.remote.client import RemoteModel
from arena.world.remote.endpoint import Endpoint
from arena.world.remote.http_format import Wanted
from arena.world.rng import Rng
from arena.world.task import Task, TaskSpec, load_task, plain_model
from arena.world.training.variants import VARIANTS

FEWEST = 3  # innocents: one may choose tests, and a bound needs two
_HALVES: tuple[Half, Half] = ("owner", "other")


class Milestone(NamedTuple):
    """A stage that begins: what it is, how many are done, how many there are."""

    title: str
    n_done: int
    n_total: int


Hear = Callable[[Milestone, Findings], None]
"""Told of each stage as it begins, and of what was found before it."""


class _Kept:
    """Answers of an endpoint, kept in a store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def load(self, name: str) -> Tensor | None:
        """Return the rows of a batch, or None."""
        found = self._store.load(name, "answers")
        return None if found is None else found.tensors["rows"]

    def save(self, name: str, rows: Tensor) -> None:
        """Keep the rows of a batch."""
        self._store.save(name, {"answers": Bundle({}, {"rows": rows})})


class Hearing:
    """One trial as it is held; `findings` can be read at any time."""

    def __init__(self, trial: Trial, folder: Path, setting: Setting, hear: Hear) -> None:
        """Prepare the trial; nothing is loaded yet. What is made goes into a store in `folder`.

        Raises:
            ArenaError: no such scheme, or none that can judge a finished model; no such files; too
                few innocents; weights are to be read from an endpoint.
        """
        self.scheme = judging_scheme(trial.scheme).seeing(trial.access)
        _check(trial)
        self.trial, self.setting, self._hear = trial, setting, hear
        self.store = Store(folder / ARTEFACTS)
        self.findings = Findings(trial.plain(), level=self.scheme.level)
        self._n_done, self._n_stages = 0, 3

    def hold(self) -> Findings:
        """Judge.

        Raises:
            ArenaError: something is wrong with the models, the data or the endpoint; `findings`
                says so too, beside all that was found before.
        """
        try:
            with one_thread():
                self._hold()
        except BaseException as error:
            self.findings.status = "stopped"
            self.findings.sentence = str(error).partition("\n")[0] or type(error).__name__
            raise
        self.findings.status = "judged"
        return self.findings

    def _hold(self) -> None:
        trial = self.trial
        if isinstance(trial.innocents, int):
            self._n_stages += trial.innocents
        self._begin("load data and models")
        victim, task = self._victim()
        suspect = self._suspect(victim, task)
        innocents = self._innocents(victim, task)
        self._begin(f"grow the tests of {self.scheme.name}")
        key = self._key(victim, task, innocents)
        self._begin("question the suspect")
        rng = Rng(trial.seed, ("judge", "verdict"))
        self.findings.verdict = self.scheme.verify(key, suspect, rng)

    def _begin(self, title: str) -> None:
        self._hear(Milestone(title, self._n_done, self._n_stages), self.findings)
        self._n_done += 1

    def _task(self, model: str, arguments: dict[str, Json]) -> Task:
        trial = self.trial
        spec = TaskSpec(
            data=trial.data,
            model=model,
            arguments=arguments,
            recipe=trial.recipe,
            seed=trial.data_seed,
            device="cuda" if trial.compute.device == "cuda" else "cpu",
            precision=trial.compute.precision,
        )
        return load_task(spec, self.setting.cache)

    def _victim(self) -> tuple[Model, Task]:
        """Return the victim, and its task: the data, and innocents of its architecture."""
        data = self._task(plain_model(self.trial.data), {})
        victim = load_exhibit(self.trial.victim, data)
        check_victim(victim, data)
        check_knows(victim, data, self.trial.victim.option)
        task = self._task(victim.card.architecture, victim.card.arguments)
        self.findings.victim = _described(victim, task)
        return victim, task

    def _suspect(self, victim: Model, task: Task) -> Suspect:
        """Return the suspect; an endpoint is asked one image, so that faults are found early."""
        trial, card = self.trial, victim.card
        if not isinstance(trial.suspect, Endpoint):
            loaded = load_suspect(trial.suspect, victim, task, trial.access)
            suspect = suspect_of(loaded, task, trial.access)
            self.findings.suspect = _described_suspect(loaded, trial.suspect, task)
            return suspect
        wanted: Wanted = "labels" if trial.access == "labels" else "probabilities"
        remote = RemoteModel(trial.suspect, card.n_classes, wanted, _Kept(self.store))
        self.findings.meter = remote.meter
        remote(task.splits.probe.images[:1].float() / 255)
        return Suspect(remote, trial.access, card, task.compute)

    def _innocents(self, victim: Model, task: Task) -> Sequence[Model]:
        wanted = self.trial.innocents
        if isinstance(wanted, Path):
            models = given_innocents(wanted, victim, FEWEST)
            for model in models:
                self.findings.innocents.append(_described(model, task, "given"))
            return models
        return [self._trained(i, task) for i in range(wanted)]

    def _trained(self, i: int, task: Task) -> Model:
        """Return an innocent; every other one learns from the half that the owner does not use.

        The second half of them differ in their training: a suspect may be weaker than the victim.
        """
        wanted = self.trial.innocents
        assert isinstance(wanted, int)  # noqa: S101 - `_innocents` trains by number
        self._begin(f"train innocent {i + 1} of {wanted}")
        n_same = max(wanted - wanted // 2, FEWEST)
        names = list(VARIANTS)
        variant = "" if i < n_same else names[(i - n_same) % len(names)]
        stream = ("judge", "innocent", str(i))
        step = TrainStep(task.spec, self.trial.seed, stream, _HALVES[i % 2], variant=variant)
        model = unpack(resolve(step, "model", self.store, self.setting))
        self.findings.innocents.append(_described(model, task, step.kind))
        return model

    def _key(self, victim: Model, task: Task, innocents: Sequence[Model]) -> Key:
        """Return the scheme's key, from the store where this trial made it before."""
        named = [victim.digest(), *(model.digest() for model in innocents)]
        code = [core_version(), class_version(type(self.scheme))]
        scheme: Json = [self.scheme.name, self.scheme.settings()]
        rules: Json = [scheme, self.trial.seed, task.spec.plain()]
        name = digest(["judge", rules, dict(task.splits.record), named, code])
        found, started = self.store.load(name, "key"), time.perf_counter()
        if found is None:
            owner = self._owner(victim, task, innocents)
            rng = Rng(self.trial.seed, ("judge", "key"))
            found = self.scheme.protect(owner, rng).key.bundle()
            self.store.save(name, {"key": found})
        key = Key.read(found)
        seconds = time.perf_counter() - started
        self.findings.tests = GrownTests(commitment=key.commitment(), seconds=seconds)
        return key

    def _owner(self, victim: Model, task: Task, innocents: Sequence[Model]) -> OwnerTask:
        lab = Lab(task.compute, progress=self.setting.progress)
        rng = Rng(self.trial.seed, ("judge", "owner"))
        owner = OwnerTask.from_task(task, victim, lab, rng, lambda: innocents)
        kinds = tuple(model.kind for model in self.findings.innocents)
        return replace(owner, marks_base=True, null_kinds=kinds)


def judging_scheme(spec: PlayerSpec) -> Defense:
    """Return the scheme, which must leave the model as it is.

    Raises:
        RegistryError: there is no such scheme, its settings are wrong, or it marks models.
    """
    scheme = defenses.make(spec)
    fit = [
        name
        for name, known in defenses.classes().items()
        if not (known.invasive or known.control or known.answers_for)
        and not known().reads_log  # a file keeps no log
        and known.accuses == "model"  # its innocents are not innocent of having used the data
    ]
    if scheme.name not in fit:
        raise RegistryError(
            f"expected a scheme that recognises a finished model, found {spec.name!r}, which does "
            f"not; try {' or '.join(fit)}"
        )
    return scheme


def _check(trial: Trial) -> None:
    for file in (trial.victim, trial.suspect):
        if isinstance(file, ModelFile):
            file.check()
    if isinstance(trial.innocents, int) and not FEWEST <= trial.innocents <= INNOCENTS:
        bound = f"at least {FEWEST}" if trial.innocents < FEWEST else f"at most {INNOCENTS:,}"
        raise ArenaError(
            f"expected {bound} innocents for a bound, found {trial.innocents}; try --innocents 12"
        )
    if not isinstance(trial.suspect, ModelFile) and trial.access == "weights":
        raise ArenaError(
            "expected access of labels or probabilities to an endpoint, found weights; "
            "try --access probabilities"
        )


def _described(model: Model, task: Task, kind: str = "") -> ComparedModel:
    """Return what a model is, and its accuracy on the test split if it has the data's classes."""
    card, test = model.card, task.splits.test
    comparable = card.n_classes == task.card.n_classes
    return ComparedModel(
        architecture=card.title,
        n_classes=card.n_classes,
        sha256=model.digest(),
        accuracy=task.compute.accuracy(model, test.images, test.labels) if comparable else None,
        kind=kind,
    )


def _described_suspect(loaded: LoadedModel, source: ModelFile | Asked, task: Task) -> ComparedModel:
    """Return what a suspect is; one whose weights are not read is known by its file and answers."""
    if loaded.model is not None:
        return _described(loaded.model, task)
    assert loaded.answer is not None  # noqa: S101 - what has no weights answers
    test = task.splits.test
    right = loaded.answer(test.images).argmax(1) == test.labels
    blob = source.path.read_bytes() if isinstance(source, ModelFile) else b""
    return ComparedModel(
        architecture=loaded.card.title,
        n_classes=loaded.card.n_classes,
        sha256=hashlib.sha256(blob).hexdigest() if blob else "",
        accuracy=float(right.double().mean()),
    )
