"""What is benched: a scheme by name, one in a person's file, or a protected model with its key."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from arena.errors import RegistryError, did_you_mean
from arena.game.sandbox.admit import admit
from arena.game.sandbox.cell import Cell
from arena.game.sides.defense import Defense, OwnerTask, Protected, defenses
from arena.game.sides.player import PlayerSpec
from arena.runs.keys.folder import OwnedKey
from arena.world.json_values import digest
from arena.world.models import Model, ModelCard
from arena.world.rng import Rng

Source = Literal["scheme", "file", "model"]
_DIGITS = 12  # of a commitment, in a name


@dataclass(frozen=True)
class Subject:
    """What is benched.

    Attributes:
        name: of its row on the board, and of its folder.
        scheme: who protects the reported victims. calibration: and those of the search.
        source: where it comes from. players: the file that it is in, if it is in one.
        card: of the protected model, where that is what is benched.
        stand_in: the class that hands out that model; nothing for a scheme.
        data: what that model was trained on, by name; "" for a scheme.
    """

    name: str
    scheme: PlayerSpec
    calibration: PlayerSpec
    source: Source = "scheme"
    players: Path | None = None
    card: ModelCard | None = None
    stand_in: type[Defense] | None = None
    data: str = ""

    @property
    def defense(self) -> Defense:
        """Return the scheme; raises like `Registry.make`."""
        return defenses.make(self.calibration)

    @contextmanager
    def known(self) -> Iterator[None]:
        """Have the subject in the registry for a while."""
        lent = {} if self.stand_in is None else {self.scheme.name: self.stand_in}
        with defenses.lent(lent):
            yield


def subject_by_name(name: str) -> Subject:
    """Return a scheme with its defaults.

    Raises:
        RegistryError: there is none of that name.
    """
    defenses.find(name)
    return Subject(name, PlayerSpec(name=name), PlayerSpec(name=name))


def subject_in_file(spec: str, *, trusted: bool = False) -> Subject:
    """Return the scheme that `FILE.py:Class` names; it runs in a sandbox unless it is trusted.

    Raises:
        RegistryError: the text is not of that form, the file cannot be read, or has no such scheme.
    """
    path, _, title = spec.rpartition(":")
    if not path.endswith(".py") or not title.isidentifier():
        raise RegistryError(f"expected FILE.py:Class, found {spec!r}")
    file = Path(path).expanduser().resolve()
    before = defenses.classes()
    admit(file, Cell(), trusted=trusted)
    entered = {
        name: scheme
        for name, scheme in defenses.entered().items()
        if before.get(name) is not scheme or scheme.author()[0] == str(file)
    }
    titles = {scheme.__name__: name for name, scheme in entered.items()}
    if title not in titles:
        raise RegistryError(
            f"expected a defence called {title!r} in {file.name}, found none"
            f"{did_you_mean(title, titles)}"
        )
    player = PlayerSpec(name=titles[title])
    return Subject(player.name, player, player, "file", file)


def subject_of_model(victim: Model, owned: OwnedKey) -> Subject:
    """Return a protected model with its key: a scheme whose one product is both of them.

    Strengths are chosen on owners who protect models of their own with the same scheme.

    Raises:
        RegistryError: its scheme is not installed.
    """
    known, commitment = owned.about.scheme, owned.key.commitment()
    code = defenses.find(known.name).version()
    protected = Protected(victim, owned.key)

    class Owned(type(owned.about.defense)):  # type: ignore[misc]  # a base that is only known now
        """A protected model that is there already."""

        def protect(self, task: OwnerTask, rng: Rng) -> Protected:
            """Return the model and its key as they are."""
            return protected

        @property
        def releases_twin(self) -> bool:
            """Return False: it is no twin of a model that is trained here."""
            return False

        @classmethod
        def version(cls) -> str:
            """Return a hash of the scheme's code, of the model and of the key's commitment."""
            return digest([code, victim.digest(), commitment])

    name = f"{known.name}-{commitment[:_DIGITS]}"
    named = known.model_copy(update={"name": name})
    data = owned.about.data
    return Subject(name, named, known, "model", card=victim.card, stand_in=Owned, data=data)
