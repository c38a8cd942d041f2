"""Marks by green lists beside those of transformers: the same scores raised, the same counts.

Lists differ, as both sides draw them by other random numbers; so once transformers gets ours, and
once we get its own. Wants transformers with a detector that counts equal n-grams as equal.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

from arena.game.court.statistics import binomial_tail
from arena.world.rng import Rng
from defenders.language.kgw import KGW
from defenders.language.scheme import colours as colours_module
from defenders.language.scheme.colours import Colouring
from defenders.language.scheme.prf import contexts, keyed, list_size
from tests import sources
from tests.defenders.language.test_marks import SECRET, key

transformers = pytest.importorskip("transformers")
processing = pytest.importorskip("transformers.generation.logits_process")

SCHEMES = [KGW(seeding="lefthash"), KGW(width=3), KGW(seeding="minhash"), KGW(seeding="selfhash")]


def settings(scheme: KGW, width: int) -> dict[str, Any]:
    """Return transformers' settings for the same mark."""
    own = scheme.seeding == "selfhash"
    return {
        "greenlist_ratio": scheme.gamma,
        "bias": scheme.delta,
        "seeding_scheme": "selfhash" if own else "lefthash",
        "context_width": width,
    }


def with_our_lists(scheme: KGW, colours: Colouring) -> Any:
    """Return transformers' processor, whose lists are ours."""

    def listed(tokens: Tensor) -> Tensor:
        window = tokens[-colours.width :]
        if scheme.seeding != "selfhash":
            return colours.green(window[None])[0].nonzero()[:, 0]
        candidate = window[-1:]  # part of its own context: green or not
        return candidate[colours.green(window[None, :-1])[0, candidate]]

    made = processing.WatermarkLogitsProcessor(256, "cpu", **settings(scheme, colours.width))
    made._get_greenlist_ids = listed
    return made


def detector(scheme: KGW, width: int, *, once: bool) -> Any:
    """Return transformers' detector of a model of bytes."""
    model = SimpleNamespace(bos_token_id=-1, is_encoder_decoder=False, vocab_size=256)
    config = transformers.WatermarkingConfig(**settings(scheme, width))
    return transformers.WatermarkDetector(model, "cpu", config, ignore_repeated_ngrams=once)


@pytest.mark.parametrize("scheme", SCHEMES, ids=repr)
def test_the_same_scores_are_raised_by_as_much(scheme: KGW) -> None:
    wrapper = scheme.wrapper(SECRET)
    rows = sources.tokens(3, 20)
    scores = torch.randn(3, 256, generator=Rng(1).torch())
    theirs = with_our_lists(scheme, wrapper.colouring)(rows, scores)
    tried = torch.ones(3, 256, dtype=torch.bool)
    if scheme.seeding == "selfhash":  # transformers tries the forty most probable tokens
        tried = torch.zeros_like(tried).scatter(1, scores.topk(40, 1).indices, True)
    capitals = torch.zeros(256, dtype=torch.bool)
    capitals[65:91] = True  # of theirs, each has its own colour
    tried &= ~capitals
    torch.testing.assert_close(wrapper.marked(rows, scores)[tried], theirs[tried])
    assert int((theirs != scores).sum()) > 10


def counted(scheme: KGW, *, once: bool) -> tuple[Tensor, Any, tuple[int, int]]:
    """Return a marked text, transformers' verdict on it, and what we score and find green."""
    wrapper = scheme.wrapper(SECRET)
    colours = wrapper.colouring
    text = sources.tokens(1, 150, wrapper)
    oracle = detector(scheme, colours.width, once=once)
    oracle.processor = with_our_lists(scheme, colours)
    places = colours.scored([text[0]], once=once)
    return text[0], oracle(text, return_dict=True), (places.n, colours.hits(places))


@pytest.mark.parametrize("scheme", SCHEMES, ids=repr)
def test_the_same_tokens_are_scored_and_green(scheme: KGW) -> None:
    _, theirs, ours = counted(scheme, once=False)
    assert ours == (theirs.num_tokens_scored[0], theirs.num_green_tokens[0])


@pytest.mark.parametrize("scheme", SCHEMES[:2], ids=repr)
def test_equal_ones_are_scored_once(scheme: KGW) -> None:
    text, theirs, ours = counted(scheme, once=True)
    assert ours == (theirs.num_tokens_scored[0], theirs.num_green_tokens[0])
    assert scheme.judged(key(scheme), [text]).figures["z"] == pytest.approx(theirs.z_score[0])


@pytest.mark.parametrize("scheme", SCHEMES[2:], ids=repr)
def test_windows_with_the_same_least_hash_are_one_context(scheme: KGW) -> None:
    """Transformers takes them for several: one draw of a colour is counted more than once."""
    _, theirs, (n, _) = counted(scheme, once=True)
    assert n < 0.8 * theirs.num_tokens_scored[0]


def test_a_text_that_transformers_marked_is_read_by_our_rule(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its own lists, drawn by torch's generator behind each single token, are put in for ours."""
    scheme = KGW(seeding="lefthash")
    oracle = detector(scheme, 1, once=True)
    lists = torch.zeros(256, 256, dtype=torch.bool)
    for token in range(256):
        lists[token, oracle.processor._get_greenlist_ids(torch.tensor([token]))] = True
    assert set(lists.sum(1).tolist()) == {list_size(scheme.gamma, 256)}
    known = contexts(torch.arange(256)[:, None], keyed(SECRET), "lefthash").tolist()
    rows = {context: row for row, context in enumerate(known)}
    monkeypatch.setattr(
        colours_module,
        "green_lists",
        lambda found, gamma, size: lists[[rows[context] for context in found.tolist()]],
    )
    text = torch.full((1, 1), ord("."))
    draw = Rng(2).torch()
    for _ in range(300):
        scores = oracle.processor(text, sources.LOG_SHARES[None])
        text = torch.cat([text, torch.multinomial(scores.softmax(1), 1, generator=draw)], 1)
    theirs = oracle(text, return_dict=True)
    found = scheme.judged(key(scheme), [text[0]])
    n, green = int(theirs.num_tokens_scored[0]), int(theirs.num_green_tokens[0])
    assert (found.figures["scored"], found.figures["green"]) == (n, green)
    assert found.figures["z"] == pytest.approx(theirs.z_score[0])
    assert found.p_value == binomial_tail(green, n, 0.25) < 1e-4
