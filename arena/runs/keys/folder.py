"""The folder of a key: what the owner keeps, readable by its user alone.

`about.json` says what the key is for, and holds no secret; `key.safetensors` is the key itself, or
`key.sealed` where a passphrase closes it. `identity.pem`, of `arena keys commit`, signs.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from arena.errors import ArenaError, KeyFileError
from arena.game.rules.keys import Key
from arena.game.sides.defense import Defense, defenses
from arena.game.sides.player import PlayerSpec
from arena.runs.keys.sealing import seal, unseal
from arena.world.bundle import Bundle
from arena.world.files.atomic_write import write_whole
from arena.world.json_values import Frozen
from arena.world.models import ModelCard

ABOUT, OPEN, SEALED, IDENTITY = "about.json", "key.safetensors", "key.sealed", "identity.pem"
PRIVATE_FOLDER = 0o700


class About(Frozen):
    """What a key is for.

    Attributes:
        scheme: with its settings. commitment: to the key. model: digest of the protected model.
        card: of that model. data: what it was trained on, by name.
        innocents, accused: independent models that the key was tried on, and those that it accused.
    """

    format: Literal[1] = 1
    scheme: PlayerSpec
    commitment: str
    model: str
    card: ModelCard
    data: str = ""
    innocents: int = 0
    accused: int = 0

    @property
    def defense(self) -> Defense:
        """Return the scheme that verifies with the key.

        Raises:
            RegistryError: it is not installed, or takes other settings now.
        """
        return defenses.make(self.scheme)


@dataclass(frozen=True)
class OwnedKey:
    """A key, and what it is for."""

    key: Key
    about: About


def write_key(owned: OwnedKey, folder: Path, passphrase: str = "") -> None:
    """Write a key into a folder that nobody but this user can enter.

    Args:
        owned: the key.
        folder: made if it is missing, else empty.
        passphrase: closes the key; "" leaves it open.

    Raises:
        KeyFileError: the folder holds a key or anything else already, or cannot be written.
    """
    if (folder / ABOUT).exists():
        raise KeyFileError(f"expected a new folder, found a key in {folder}; choose another --out")
    blob = owned.key.bundle().to_bytes()
    about = json.dumps(owned.about.plain(), indent=2).encode() + b"\n"
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=PRIVATE_FOLDER)
        if any(folder.iterdir()):
            raise KeyFileError(
                f"expected a new or an empty folder, found other files in {folder}; choose another "
                "--out"
            )
        folder.chmod(PRIVATE_FOLDER)
        if passphrase:
            write_whole(folder / SEALED, seal(blob, passphrase), private=True)
        else:
            write_whole(folder / OPEN, blob, private=True)
        write_whole(folder / ABOUT, about, private=True)
    except OSError as error:
        raise unwritable(folder, error) from error


def unwritable(path: Path, error: OSError) -> KeyFileError:
    """Return what is said of a file or folder that cannot be written."""
    return KeyFileError(f"{path} cannot be written ({error.strerror}); choose another")


def read_about(folder: Path) -> About:
    """Return what the key in a folder is for; no passphrase is needed.

    Raises:
        KeyFileError: there is no key.
    """
    path = folder / ABOUT
    if not path.is_file():
        raise KeyFileError(
            f"expected the folder of a key, found no {ABOUT} in {folder}; `arena protect` makes one"
        )
    try:
        return About.model_validate_json(path.read_bytes())
    except (OSError, ValidationError, ArenaError) as error:
        raise KeyFileError(
            f"{path} is damaged ({_first(error)}); restore it from a copy"
        ) from error


def is_sealed(folder: Path) -> bool:
    """Say whether opening the key in a folder takes a passphrase."""
    return (folder / SEALED).is_file()


def read_key(folder: Path, passphrase: str = "") -> OwnedKey:
    """Return the key in a folder.

    Raises:
        KeyFileError: there is none, the passphrase is missing or another, or it is not the key
            that was committed to.
    """
    about = read_about(folder)
    if is_sealed(folder) and not passphrase:
        raise KeyFileError(
            f"the key in {folder} is closed, and no passphrase was given; "
            "try --passphrase-file FILE, or --passphrase-file - for a prompt"
        )
    try:
        if is_sealed(folder):
            blob = unseal((folder / SEALED).read_bytes(), passphrase)
        else:
            blob = (folder / OPEN).read_bytes()
        key = Key.read(Bundle.from_bytes(blob))
    except KeyFileError:
        raise
    except (OSError, ArenaError) as error:
        raise KeyFileError(f"the key in {folder} cannot be read ({_first(error)})") from error
    if key.commitment() != about.commitment:
        raise KeyFileError(
            f"the key in {folder} is not the one that {ABOUT} is committed to; restore it from a "
            "copy"
        )
    return OwnedKey(key, about)


def _first(error: Exception) -> str:
    return str(error).partition("\n")[0]
