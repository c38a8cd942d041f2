"""Networks that a player's process may name: none that its own words describe."""

from __future__ import annotations

import pytest

from arena.errors import InvalidDeliverable
from arena.game.sandbox.networks.cards import Networks
from arena.world.json_values import Raw

GRAPH: Raw = {"architecture": "onnx:g", "arguments": {"graph": "abc"}}
OTHER: Raw = {"architecture": "onnx:g", "arguments": {"graph": "abd"}}


@pytest.mark.parametrize(
    "sent",
    [
        {"parts": {"model": {"card": GRAPH}}},
        {"parts": {"earlier": {"card": GRAPH}}},
        {"parts": {"serving": {"wrappers": [{"name": "held", "settings": {"card": GRAPH}}]}}},
        {"model": {"card": {"architecture": "timm:vit", "arguments": {"arguments": {"depth": 9}}}}},
    ],
)
def test_a_network_of_a_players_own_words_is_refused_wherever_it_stands(sent: Raw) -> None:
    with pytest.raises(InvalidDeliverable, match="arguments of a player's own"):
        Networks().check(sent)


@pytest.mark.parametrize(
    "card",
    [
        {"architecture": "causal:llama"},  # seven billion weights by its name alone
        {"architecture": "causal:llama", "arguments": {}},
        {"architecture": "torchvision:resnet18", "tokenizer": "abc"},
    ],
)
def test_what_is_huge_or_holds_a_tokenizer_is_taken_where_it_was_shown_alone(card: Raw) -> None:
    networks = Networks()
    with pytest.raises(InvalidDeliverable, match="not shown"):
        networks.check({"card": card})
    networks.note({"card": card})
    networks.check({"card": card})


def test_another_tokenizer_is_another_network() -> None:
    networks = Networks()
    card = {"architecture": "causal:llama", "arguments": {"config": {}}, "tokenizer": "abc"}
    networks.note({"card": card})
    with pytest.raises(InvalidDeliverable, match="causal:llama"):
        networks.check({"card": {**card, "tokenizer": "abd"}})


def test_the_arenas_own_and_a_librarys_by_name_alone_are_taken() -> None:
    networks = Networks()
    networks.check({"card": {"architecture": "cnn8", "arguments": {"width": 4}}})
    networks.check({"card": {"architecture": "torchvision:resnet18", "arguments": {}}})


def test_what_was_shown_may_come_back_and_nothing_else() -> None:
    networks = Networks()
    networks.note({"card": GRAPH})
    networks.check({"parts": {"model": {"card": GRAPH}}})
    with pytest.raises(InvalidDeliverable, match="onnx:g"):
        networks.check({"parts": {"model": {"card": OTHER}}})
