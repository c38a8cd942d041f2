"""What an owner's process does, by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from torch import Tensor

from arena.errors import PlayerError
from arena.game.rules.keys import Key
from arena.game.sandbox.messages import part, prefixed
from arena.game.sandbox.verdicts import verdict_bundle
from arena.game.serving.query_log import QueryLog
from arena.game.serving.wrapper import pack_wrappers
from arena.game.sides.access import Channel, ChannelMeter
from arena.game.sides.defense import Defense, OwnerTask, Protected, defenses
from arena.game.sides.lab import Lab
from arena.game.sides.outputs import Outputs
from arena.game.sides.player import PlayerSpec
from arena.game.sides.suspect import Suspect
from arena.world.bundle import Bundle
from arena.world.compute import Compute
from arena.world.data import Dataset
from arena.world.json_values import Raw
from arena.world.models import Model, ModelCard, pack, unpack
from arena.world.rng import Rng
from arena.world.training import Recipe


def protect(given: Bundle, channel: Channel) -> Bundle:
    """Protect a model; return its card, its tensors and the key."""
    data, scheme = given.data, _scheme(given)
    card = ModelCard.model_validate(data["card"])

    def nulls() -> list[Model]:
        found: list[Model] = []
        while (null := channel("null", Bundle({"number": len(found)}))).data:
            found.append(unpack(null))
        return found

    def progress(done: int, total: int) -> None:
        channel("progress", Bundle({"done": done, "total": total}))

    task = OwnerTask(
        data=_dataset(given, "data"),
        probe=_dataset(given, "probe"),
        card=card,
        recipe=Recipe.model_validate(data["recipe"]),
        lab=Lab(Compute(*data["compute"]), ChannelMeter(channel), progress),
        train_rng=_rng(data["train_rng"]),
        unprotected=unpack(part(given, "base")),
        null_models=nulls,
        null_halves=tuple(data["null_halves"]),
        null_kinds=tuple(data["null_kinds"]),
        marks_base=data["marks_base"],
        exam=_dataset(given, "exam") if "exam" in data else None,
    )
    protected = scheme.protect(task, _rng(data["rng"]))
    if not isinstance(protected, Protected) or not isinstance(protected.key, Key):
        raise PlayerError(f"expected Protected(model, key), found {type(protected).__name__}")
    parts = {
        "model": pack(protected.model),
        "key": protected.key.bundle(),
        "serving": pack_wrappers(protected.serving),
    }
    tensors: dict[str, Tensor] = {}
    for name, bundle in parts.items():
        tensors |= prefixed(name, bundle)
    return Bundle({name: dict(bundle.data) for name, bundle in parts.items()}, tensors)


def examine(given: Bundle, channel: Channel) -> Bundle:
    """Examine one suspect."""
    verdict = _scheme(given).examine(_key(given), _suspect(given, channel), _rng(given.data["rng"]))
    return verdict_bundle(verdict)


def rederive(given: Bundle, _channel: Channel) -> Bundle:
    """Return the key that a seed expands to; nothing where there is no such form."""
    key = _scheme(given).rederive(_key(given))
    return Bundle() if key is None else key.bundle()


def exposed(given: Bundle, _channel: Channel) -> Bundle:
    """Return the part of a key that may be exposed."""
    return _scheme(given).exposed(_key(given))


def trigger_images(given: Bundle, _channel: Channel) -> Bundle:
    """Return the images by which a key is verified."""
    images = _scheme(given).trigger_images(_key(given))
    return Bundle() if images is None else Bundle(tensors={"images": images})


def drawn_triggers(given: Bundle, _channel: Channel) -> Bundle:
    """Return the triggers whose labels a key's seed must give."""
    found = _scheme(given).drawn_triggers(_key(given))
    if found is None:
        return Bundle()
    return Bundle({"n_classes": found.n_classes}, {"images": found.images, "labels": found.labels})


def projection(given: Bundle, channel: Channel) -> Bundle:
    """Return what a key projects in a suspect."""
    found = _scheme(given).projection(_key(given), _suspect(given, channel))
    if found is None:
        return Bundle()
    return Bundle(tensors={"rows": found.rows, "features": found.features, "bits": found.bits})


def reprojected(given: Bundle, _channel: Channel) -> Bundle:
    """Return the key with other rows in its projection."""
    return _scheme(given).reprojected(_key(given), given.tensors["rows"]).bundle()


def evidence(given: Bundle, _channel: Channel) -> Bundle:
    """Return the key with what its owner finds in a log."""
    return _scheme(given).evidence(_key(given), QueryLog.read(part(given, "log"))).bundle()


def _scheme(given: Bundle) -> Defense:
    return defenses.make(PlayerSpec.model_validate(given.data["player"]))


def _key(given: Bundle) -> Key:
    return Key.read(part(given, "key"))


def _rng(plain: Raw) -> Rng:
    seed, path = plain
    return Rng(seed, tuple(path))


def _dataset(given: Bundle, name: str) -> Dataset:
    title, classes = given.data[name]
    tensors = given.prefixed(name)
    return Dataset(title, tensors["images"], tensors["labels"], tuple(classes))


def _suspect(given: Bundle, channel: Channel) -> Suspect:
    """Return the suspect: it answers through the channel; its weights are here if granted."""
    data = given.data

    def answer(inputs: Tensor) -> Tensor:
        return channel("answer", Bundle(tensors={"inputs": inputs})).tensors["rows"]

    return Suspect(
        answer=answer,
        grants=data["grants"],
        card=ModelCard.model_validate(data["card"]),
        compute=Compute(*data["compute"]),
        delivered=Outputs.of(part(given, "outputs")) if "outputs" in data else None,
        _model=unpack(part(given, "model")) if "model" in data else None,
    )


OWNER_TASKS: Mapping[str, Callable[[Bundle, Channel], Bundle]] = MappingProxyType(
    {
        task.__name__: task
        for task in (
            *(protect, examine, rederive, exposed, trigger_images, drawn_triggers),
            *(projection, reprojected, evidence),
        )
    }
)
