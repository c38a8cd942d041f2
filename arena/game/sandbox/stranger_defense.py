"""A stranger's scheme, as the arena sees it: its words are read, its work is done elsewhere.

Every call has a process of its own. One that examines holds a key and one suspect, and nothing that
tells which suspect it is: no name, no stream of randomness that others share, no earlier suspect.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import ClassVar, Self

from torch import Tensor
from torch.nn.functional import one_hot

from arena.errors import ModelError, NotComparable, PlayerError, RuleViolation
from arena.game.court.verdict import Verdict
from arena.game.rules.keys import Key
from arena.game.rules.projection import Projection
from arena.game.sandbox.messages import check_finite, part, prefixed, spoken
from arena.game.sandbox.players_file import PlayersFile
from arena.game.sandbox.verdicts import verdict_of
from arena.game.serving.query_log import QueryLog
from arena.game.serving.wrapper import Wrapper, unpack_wrappers
from arena.game.sides.defense import Defense, OwnerTask, Protected, Triggers
from arena.game.sides.player import PlayerSpec
from arena.game.sides.suspect import Suspect
from arena.world.bundle import Bundle
from arena.world.compute import Compute
from arena.world.json_values import Json, Raw
from arena.world.kinds.interface import level
from arena.world.models import Model, pack, unpack
from arena.world.rng import Rng

Answer = Callable[[str, Bundle], Bundle]


@dataclass(frozen=True, kw_only=True)
class StrangerDefense(Defense):
    """Stands for a scheme in processes of its own; subclasses carry its traits."""

    home: ClassVar[PlayersFile]
    has: ClassVar[frozenset[str]] = frozenset()
    chosen: Mapping[str, Json] = field(default_factory=lambda: MappingProxyType({}))

    @classmethod
    def of(cls, settings: Mapping[str, Raw], title: str) -> Self:
        """Return the player with these hyper-parameters, checked by its own class."""
        spec = PlayerSpec(name=cls.name, settings=dict(settings))
        return cls._made(cls.home.check(spec, "defense", None)["settings"])

    @classmethod
    def _made(cls, settings: Mapping[str, Raw]) -> Self:
        try:
            return cls(chosen=settings, level=settings["level"], protocol=settings["protocol"])
        except KeyError as error:
            raise PlayerError(f"{cls.name} has lost its setting {error}") from error

    def at(self, strength: float) -> Self:
        """Return the same player, milder or harsher, as its own class says."""
        return self._made(self.home.check(self.spec(), "defense", strength)["settings"])

    @classmethod
    def author(cls) -> tuple[str, str]:
        """Return the file and the title of the class that this one stands for."""
        return str(cls.home.path), cls.__name__

    @classmethod
    def version(cls) -> str:
        """Return a hash of the file."""
        return cls.home.version

    @property
    def needs_of_task(self) -> frozenset[str]:
        """Return what the task must offer, as its own class says."""
        return frozenset(self.home.check(self.spec(), "defense", None)["needs_of_task"])

    def settings(self) -> dict[str, Json]:
        """Return the hyper-parameters as JSON values."""
        return {**self.chosen, "level": self.level, "protocol": self.protocol}

    def spec(self) -> PlayerSpec:
        """Return the player by name."""
        return PlayerSpec(name=self.name, settings=self.settings())

    def protect(self, task: OwnerTask, rng: Rng) -> Protected:
        """Let a process of its own protect a model; raises `PlayerError` for whatever it does."""
        given: dict[str, Json] = {
            "card": task.card.plain(),
            "recipe": task.recipe.plain(),
            "compute": self._compute(task.lab.compute),
            "rng": [rng.alone().seed, []],
            "train_rng": [task.train_rng.seed, list(task.train_rng.path)],
            "marks_base": task.marks_base,
            "null_halves": list(task.null_halves),
            "null_kinds": list(task.null_kinds),
        }
        base = pack(task.base())
        given["base"], tensors = dict(base.data), prefixed("base", base)
        for name, data in (("data", task.data), ("probe", task.probe), ("exam", task.exam)):
            if data is None:
                continue
            given[name] = [data.name, list(data.classes)]
            tensors |= {f"{name}/images": data.images, f"{name}/labels": data.labels}
        found = self._do("protect", Bundle(given, tensors), _owner_answers(task))
        serving = self._wrappers(part(found, "serving"))
        return Protected(self._model(found), self._key(part(found, "key")), serving)

    def examine(self, key: Key, suspect: Suspect, rng: Rng) -> Verdict:
        """Let a fresh process look at one suspect."""
        given, tensors = self._suspect(suspect)
        given |= {"rng": [rng.alone().seed, []], "key": dict(key.bundle().data)}
        tensors |= prefixed("key", key.bundle())
        found = self._do("examine", Bundle(given, tensors), _suspect_answers(suspect))
        return verdict_of(found, self.level)

    def rederive(self, key: Key) -> Key | None:
        """Return the key that its revealed seed expands to."""
        found = self._ask("rederive", key)
        return None if found is None or not found.data else self._key(found)

    def exposed(self, key: Key) -> Bundle:
        """Return the part of the key that a scenario may expose on purpose."""
        return self._ask("exposed", key) or Bundle()

    def trigger_images(self, key: Key) -> Tensor | None:
        """Return the images by which a key is verified."""
        found = self._ask("trigger_images", key)
        return None if found is None else found.tensors.get("images")

    def drawn_triggers(self, key: Key) -> Triggers | None:
        """Return the triggers whose labels a key's seed must give."""
        found = self._ask("drawn_triggers", key)
        if found is None or not found.tensors:
            return None
        tensors = found.tensors
        return Triggers(tensors["images"], tensors["labels"], int(found.data["n_classes"]))

    def projection(self, key: Key, suspect: Suspect) -> Projection | None:
        """Return what a key projects in a suspect."""
        if "projection" not in self.has:
            return None
        given, tensors = self._suspect(suspect)
        given |= {"key": dict(key.bundle().data)}
        tensors |= prefixed("key", key.bundle())
        found = self._do("projection", Bundle(given, tensors), _suspect_answers(suspect))
        names = ("rows", "features", "bits")
        return Projection(*(found.tensors[name] for name in names)) if found.tensors else None

    def reprojected(self, key: Key, rows: Tensor) -> Key:
        """Return the key with other rows in its projection."""
        if "reprojected" not in self.has:
            return key
        tensors = {**prefixed("key", key.bundle()), "rows": rows}
        given = Bundle({"key": dict(key.bundle().data)}, tensors)
        return self._key(self._do("reprojected", given))

    @property
    def reads_log(self) -> bool:
        """Return whether its own class finds its mark in answers."""
        return "evidence" in self.has

    def evidence(self, key: Key, log: QueryLog) -> Key:
        """Return the key with what its owner finds in the log of its interface."""
        if not self.reads_log:
            return key
        tensors = {**prefixed("key", key.bundle()), **prefixed("log", log.bundle())}
        given = Bundle({"key": dict(key.bundle().data), "log": dict(log.bundle().data)}, tensors)
        return self._key(self._do("evidence", given))

    def _ask(self, method: str, key: Key) -> Bundle | None:
        """Return what a method makes of a key; None for a method that the scheme has not."""
        if method not in self.has:
            return None
        given = Bundle({"key": dict(key.bundle().data)}, prefixed("key", key.bundle()))
        return check_finite(self._do(method, given), method)

    def _do(self, task: str, given: Bundle, answer: Answer | None = None) -> Bundle:
        """Have a fresh process do something; whatever breaks what comes back is the player's."""
        whole = Bundle({**given.data, "player": self.spec().plain()}, given.tensors)
        with self.home.process() as process:
            return process.do(task, whole, answer) if answer else process.do(task, whole)

    def _model(self, bundle: Bundle) -> Model:
        try:
            return unpack(part(bundle, "model"))
        except ModelError as error:
            raise PlayerError(f"{self.name} released no model: {spoken(str(error))}") from error

    def _wrappers(self, bundle: Bundle) -> tuple[Wrapper, ...]:
        try:
            return unpack_wrappers(check_finite(bundle, "a wrapper"))
        except PlayerError:
            raise
        except Exception as error:  # a stranger's data can break a reader in any way
            raise PlayerError(
                f"{self.name} serves no wrapper of the arena's ({spoken(str(error))}); one of its "
                "own answers in the referee's process, so its file must be trusted (--trust FILE)"
            ) from error

    def _key(self, bundle: Bundle) -> Key:
        try:
            return Key.read(check_finite(bundle, "a key"))
        except PlayerError:
            raise
        except Exception as error:  # a stranger's data can break a reader in any way
            reason = spoken(f"{type(error).__name__}: {error}")
            raise PlayerError(
                f"expected a key from {self.name}, found something else ({reason})"
            ) from error

    def _compute(self, compute: Compute) -> list[str]:
        return [compute.device if self.home.cell.gpu else "cpu", compute.precision]

    def _suspect(self, suspect: Suspect) -> tuple[dict[str, Json], dict[str, Tensor]]:
        """Return a suspect as data: its weights where they may be read, else its form alone."""
        data: dict[str, Json] = {
            "grants": suspect.grants,
            "card": suspect.card.plain(),
            "compute": self._compute(suspect.compute),
        }
        try:
            if suspect.delivered is not None:
                made = suspect.delivered.bundle()
                return {**data, "outputs": dict(made.data)}, prefixed("outputs", made)
            model = pack(suspect.model())
        except (NotComparable, RuleViolation):
            return data, {}
        return {**data, "model": dict(model.data)}, prefixed("model", model)


def _owner_answers(task: OwnerTask) -> Answer:
    """Return what an owner's process may ask for while it protects."""
    nulls: list[Model] = []

    def answer(request: str, given: Bundle) -> Bundle:
        if request == "charge":
            task.lab.meter.charge(given.data["costs"])
            return Bundle()
        if request == "progress":
            task.lab.progress(int(given.data["done"]), int(given.data["total"]))
            return Bundle()
        if request == "null":
            nulls.extend(suspect.model() for suspect in ([] if nulls else task.nulls()))
            number = int(given.data["number"])
            return pack(nulls[number]) if 0 <= number < len(nulls) else Bundle()
        raise RuleViolation(f"unknown request {request!r}")

    return answer


def _suspect_answers(suspect: Suspect) -> Answer:
    """Return how a suspect answers its verifier, up to the level that it is granted."""

    def answer(request: str, given: Bundle) -> Bundle:
        if request != "answer":
            raise RuleViolation(f"unknown request {request!r}")
        inputs = check_finite(given, "inputs").tensors["inputs"]
        if level(suspect.grants) >= level(suspect.kind.served):
            return Bundle(tensors={"rows": suspect.outputs(inputs)})
        labels = suspect.labels(inputs)
        return Bundle(tensors={"rows": one_hot(labels, suspect.n_classes).float()})

    return answer
