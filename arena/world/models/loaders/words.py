"""An architecture in words: `NAME, key = value, ...`, as it stands on a command line."""

from __future__ import annotations

import re

from arena.errors import ModelError
from arena.world.json_values import Json, from_toml
from arena.world.models.card import ModelCard
from arena.world.models.own_code import trusted_name

_CONSTANTS = ("mean", "std", "n_classes")
_ASSIGNMENT = re.compile(r"\s*\w+\s*=")


def card_in_words(words: str, form: ModelCard) -> ModelCard:
    """Return the card that an architecture in words means for a form of data.

    Args:
        words: `NAME, key = value, ...` with the architecture's arguments, and `mean`, `std` and
            `n_classes`, which are else those of the form. NAME is of the registry, or of a person's
            own code, `FILE.py:CLASS` or `PACKAGE.MODULE:CLASS`, which is imported and run.
        form: the card of a model of the data.

    Raises:
        ModelError: the words cannot be read, or the values are not those of a card.
    """
    name, values = _apart(words)
    constants = {key: values.pop(key) for key in _CONSTANTS if key in values}
    named = form.model_copy(update={"architecture": trusted_name(name), "arguments": values})
    return with_constants(named, constants)


def constants_in_words(words: str, card: ModelCard) -> ModelCard:
    """Return a file's own card, with `mean = ...` and the like in words put in.

    Raises:
        ModelError: the words hold more than constants, or cannot be read.
    """
    name, values = _apart(words if _ASSIGNMENT.match(words) is None else f",{words}")
    others = [name] if name else [key for key in values if key not in _CONSTANTS]
    if others:
        raise ModelError(
            f"expected nothing but {', '.join(_CONSTANTS)} beside a model that says what it is, "
            f"found {others[0]!r} in {words!r}; leave it out"
        )
    return with_constants(card, values)


def with_constants(card: ModelCard, constants: dict[str, Json]) -> ModelCard:
    """Return a card with other constants; a single number stands for a list of one.

    Raises:
        ModelError: the values are not those of a card.
    """
    listed = {
        key: value if isinstance(value, list) or key == "n_classes" else [value]
        for key, value in constants.items()
    }
    return ModelCard.read(card.plain() | listed)


def _apart(words: str) -> tuple[str, dict[str, Json]]:
    name, _, rest = (part.strip() for part in words.partition(","))
    try:
        return name, from_toml(f"x = {{ {rest} }}")["x"]
    except ValueError as error:
        raise ModelError(
            f"expected an architecture like 'lenet5' or 'lenet5, norm = \"batch\"', found "
            f"{words!r} ({error})"
        ) from error
