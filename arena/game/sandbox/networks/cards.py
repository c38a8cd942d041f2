"""Which networks a player's process may name: the arena's own, a library's by name, those shown.

A card of `onnx:`, `huggingface:` or `timm:` can describe a network of anybody's, down to a whole
graph, and whoever rebuilds it has a library read a stranger's text. So what a process sends names
such a network with its arguments only where the referee showed it that very one. One of `causal:`
has billions of weights by its name alone, and its card holds a tokenizer: it is always to be shown.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from arena.errors import InvalidDeliverable
from arena.world.json_values import Raw, canonical

FAMILY = "stranger"
"""The prefix of architectures whose code is a stranger's; see `own_network`."""
_HUGE = "causal:"


def is_own(architecture: str) -> bool:
    """Tell whether an architecture is of a stranger's own code."""
    return architecture.startswith(f"{FAMILY}:")


class Networks:
    """The networks of libraries, with their arguments, that one process was shown."""

    def __init__(self) -> None:
        self._shown: set[str] = set()

    def note(self, data: Mapping[str, Raw]) -> None:
        """Remember the cards in what a process is sent."""
        self._shown.update(_title(card) for card in _described(data))

    def check(self, data: Mapping[str, Raw]) -> None:
        """Look at every card in what a process sent, wherever in it.

        Raises:
            InvalidDeliverable: one describes a library's network that was not shown.
        """
        for card in _described(data):
            if _title(card) not in self._shown:
                own = "with arguments of a player's own" if card.get("arguments") else "not shown"
                raise InvalidDeliverable(
                    f"expected a network of the arena's, or a library's by its name alone, found "
                    f"{str(card['architecture'])[:60]} {own}; deliver one that `arena list models` "
                    "shows, or the victim's own"
                )


def _described(value: Raw) -> Iterator[Mapping[str, Raw]]:
    """Yield the tables that name a library's network and say more of it than a harmless name."""
    if isinstance(value, Mapping):
        name = value.get("architecture")
        says_more = value.get("arguments") or value.get("tokenizer")
        if isinstance(name, str) and ":" in name and (says_more or name.startswith(_HUGE)):
            yield value
        for inside in value.values():
            yield from _described(inside)
    elif isinstance(value, list | tuple):
        for inside in value:
            yield from _described(inside)


def _title(card: Mapping[str, Raw]) -> str:
    return canonical([card.get(part) for part in ("architecture", "arguments", "tokenizer")])
