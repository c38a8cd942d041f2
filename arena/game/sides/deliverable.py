"""What a thief hands in: a model, a wrapped API, outputs alone, a claim, or one with a claim."""

from __future__ import annotations

from dataclasses import dataclass

from arena.errors import InvalidDeliverable, ModelError, PlayerError, RegistryError
from arena.game.rules.keys import Key
from arena.game.sandbox.networks.cards import is_own
from arena.game.serving.wrapper import Wrapper, pack_wrappers, unpack_wrappers
from arena.game.sides.outputs import Outputs
from arena.game.sides.player import PlayerSpec
from arena.world.bundle import Bundle
from arena.world.json_values import Json
from arena.world.models import Model, pack, unpack


@dataclass(frozen=True)
class Claim:
    """An ownership statement put to the referee: a scheme, a key, and what it is about.

    `defense` names the scheme whose published verification is to be run with `key`. `earlier` is a
    model that the claimant shows as its own earlier work (for commitments bound to a model).
    """

    defense: PlayerSpec
    key: Key
    earlier: Model | None = None


@dataclass(frozen=True)
class Deliverable:
    """A model behind wrappers (the first is the innermost), outputs without a model, or a claim.

    A model or outputs may come with a claim.
    """

    model: Model | None = None
    serving: tuple[Wrapper, ...] = ()
    claim: Claim | None = None
    outputs: Outputs | None = None

    def kinds(self) -> frozenset[str]:
        """Return which of model, network (a model of own code), api, outputs and claim this is."""
        kinds = set()
        if self.model is not None:
            bare = "network" if is_own(self.model.card.architecture) else "model"
            kinds.add("api" if self.serving else bare)
        if self.outputs is not None:
            kinds.add("outputs")
        if self.claim is not None:
            kinds.add("claim")
        return frozenset(kinds)

    def bundle(self) -> Bundle:
        """Return the deliverable as plain data and tensors."""
        data: dict[str, Json] = {}
        parts = {"serving": pack_wrappers(self.serving)}
        if self.model is not None:
            parts["model"] = pack(self.model)
        if self.outputs is not None:
            parts["outputs"] = self.outputs.bundle()
        if self.claim is not None:
            data["defense"] = self.claim.defense.plain()
            parts["key"] = self.claim.key.bundle()
        if self.claim is not None and self.claim.earlier is not None:
            parts["earlier"] = pack(self.claim.earlier)
        data["parts"] = {name: dict(part.data) for name, part in parts.items()}
        tensors = {f"{n}/{k}": t for n, part in parts.items() for k, t in part.tensors.items()}
        return Bundle(data, tensors)

    @classmethod
    def read(cls, bundle: Bundle) -> Deliverable:
        """Read a deliverable back; every check of a model file applies.

        Raises:
            InvalidDeliverable: it holds a model or wrappers that cannot be rebuilt.
        """
        try:
            return cls._read_parts(bundle)
        except (ModelError, RegistryError, PlayerError) as error:
            raise InvalidDeliverable(str(error)) from error
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            first = str(error).partition("\n")[0]
            raise InvalidDeliverable(
                f"expected a deliverable, found data that are none ({type(error).__name__}: "
                f"{first}); build it with Deliverable(...)"
            ) from error

    @classmethod
    def _read_parts(cls, bundle: Bundle) -> Deliverable:
        parts = {
            name: Bundle(dict(data), bundle.prefixed(name))
            for name, data in bundle.data["parts"].items()
        }
        claim = None
        if "key" in parts:
            earlier = unpack(parts["earlier"]) if "earlier" in parts else None
            defense = PlayerSpec.model_validate(bundle.data["defense"])
            claim = Claim(defense, Key.read(parts["key"]), earlier)
        model = unpack(parts["model"]) if "model" in parts else None
        outputs = Outputs.of(parts["outputs"]) if "outputs" in parts else None
        return cls(model, unpack_wrappers(parts["serving"]), claim, outputs)
