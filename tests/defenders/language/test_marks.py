"""Marks in texts: who is accused, by how much, and who is not."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from arena import testing
from arena.errors import ArenaError
from arena.game.court.statistics import binomial_tail
from arena.game.court.verdict import Verdict
from arena.game.rules.keys import Key
from arena.game.serving.wrapper import Client, pack_wrappers, unpack_wrappers
from arena.game.sides.deliverable import Deliverable
from arena.game.sides.outputs import Outputs
from arena.game.sides.suspect import Suspect, accused
from arena.world.compute import Compute
from arena.world.models import Model
from arena.world.rng import Rng
from arena.world.task import Task
from defenders.language.gumbel import Gumbel, GumbelTexts
from defenders.language.kgw import KGW, SBW, GreenMark, GreenTexts
from defenders.language.marks import TextMark, cooled, read
from defenders.language.scheme.prf import keyed
from defenders.language.scheme.scoring import gamma_bound, gamma_tail
from defenders.language.unigram import Unigram
from tests import sources

SECRET = "ab" * 32
STRONG: tuple[TextMark, ...] = (KGW(), SBW(), KGW(hard=True), Gumbel(), Gumbel(width=2))


def key(scheme: TextMark, secret: str = SECRET) -> Key:
    return scheme.key_of(secret, 256)


def verdict(scheme: TextMark, texts: tuple[str, ...], secret: str = SECRET) -> Verdict:
    return scheme.judged(key(scheme, secret), read(texts))


@pytest.mark.parametrize("scheme", STRONG, ids=repr)
def test_four_hundred_tokens_of_a_marked_text_suffice(scheme: TextMark) -> None:
    marked = sources.texts(1, 400, scheme.wrapper(SECRET))
    found = verdict(scheme, marked)
    assert found.is_copy
    assert found.p_value < 1e-9
    assert found.statistic > found.threshold
    assert 300 < float(found.figures["scored"]) <= 400


@pytest.mark.parametrize("scheme", [*STRONG, Unigram()], ids=repr)
def test_other_keys_and_plain_texts_accuse_nobody_more_often_than_by_chance(
    scheme: TextMark,
) -> None:
    marked, plain = sources.texts(1, 300, scheme.wrapper(SECRET)), sources.texts(1, 300)
    n = 10 if isinstance(scheme, Unigram) else 40
    wrong = sum(
        verdict(scheme, text, f"other {i}").is_copy for text in (marked, plain) for i in range(n)
    )
    assert wrong <= 8  # P(Bin(80, .01) > 8) < 1e-6


@pytest.mark.parametrize("seeding", ["lefthash", "minhash", "selfhash"])
def test_few_contexts_leave_few_places(seeding: str) -> None:
    """All texts together have no more pairs than there are letters behind letters."""
    scheme = KGW.of({"seeding": seeding}, "kgw")
    texts = sources.texts(4, 800, scheme.wrapper(SECRET))
    found = verdict(scheme, texts)
    assert float(found.figures["scored"]) <= len(sources.LETTERS) ** 2
    assert found.statistic > 0.25


def test_the_p_value_is_the_exact_tail() -> None:
    scheme = SBW()
    found = verdict(scheme, sources.texts(1, 200))
    hits, n = int(found.figures["green"]), int(found.figures["scored"])
    assert found.p_value == binomial_tail(hits, n, 0.25)
    assert found.rule is not None
    assert found.rule.is_copy is (float(found.figures["z"]) > 4)


def test_without_the_once_only_rule_a_repeated_text_accuses_the_innocent() -> None:
    """A refrain under 200 keys: h = 1, counted at every occurrence, and once for each pair."""
    song = read(("the fox and the crow " * 40,))
    alarms = {True: 0, False: 0}
    for i in range(200):
        scheme = KGW(seeding="lefthash")
        colours = scheme.wrapper(str(i)).colouring
        for once in alarms:
            places = colours.scored(song, once=once)
            p = binomial_tail(colours.hits(places), places.n, colours.chance)
            alarms[once] += p < 1e-3
    assert alarms[True] <= 4  # P(Bin(200, 1e-3) > 4) < 1e-5
    assert alarms[False] > 40


def test_gumbel_draws_by_the_probabilities_on_average_over_keys() -> None:
    window, n = torch.tensor([[1, 2, 3, 4]]), 1500
    drawn = torch.zeros(256, dtype=torch.float64)
    for i in range(n):
        wrapper = GumbelTexts(secret=str(i))
        drawn += wrapper.marked(window, sources.LOG_SHARES[None])[0].exp()
    expected = n * sources.LOG_SHARES.double().exp()
    likely = expected > 5
    chi = float(((drawn - expected) ** 2 / expected.clamp_min(1e-9))[likely].sum())
    assert chi < 80  # 28 degrees of freedom: P(chi2 > 80) < 1e-6
    assert float(drawn.sum()) == n


def test_gumbel_goes_on_by_chance_behind_a_window_that_stood_before() -> None:
    wrapper = GumbelTexts(secret=SECRET, width=2)
    rows = torch.tensor([[5, 6, 7, 5, 6], [5, 6, 7, 6, 5]])
    scores = sources.LOG_SHARES.expand(2, 256)
    first, second = wrapper.marked(rows, scores)
    assert torch.equal(first, scores[0])
    assert int(second.isfinite().sum()) == 1


def test_greedy_decoding_is_not_markable_by_draws(text_task: Task, text_model: Model) -> None:
    task = testing.owner_task(text_task, text_model)
    with pytest.raises(ArenaError, match="not markable: greedy decoding draws no token"):
        Gumbel(temperature=0).protect(task, Rng(0))


def test_a_temperature_of_nothing_leaves_the_most_probable() -> None:
    assert cooled(sources.LOG_SHARES[None], 0).softmax(1)[0, ord(" ")] == 1
    torch.testing.assert_close(cooled(sources.LOG_SHARES, 1.0), sources.LOG_SHARES)


def test_the_gamma_tail_turns_at_its_bound() -> None:
    for n in (1, 50, 3000):
        assert gamma_tail(gamma_bound(n, 0.01), n) == pytest.approx(0.01)
    assert gamma_tail(0.0, 0) == 1.0


def test_case_and_lookalikes_do_not_touch_a_verdict() -> None:
    scheme = Gumbel()
    marked = sources.texts(2, 200, scheme.wrapper(SECRET))
    disguised = tuple(
        text.upper().replace("O", "\u041e").replace(" ", " \u200b") for text in marked
    )
    assert disguised != marked
    assert verdict(scheme, disguised) == verdict(scheme, marked)


@pytest.mark.parametrize("scheme", [KGW(delta=3.0), SBW(hard=True), Unigram()], ids=repr)
def test_probabilities_that_are_shown_are_those_that_are_written_by(scheme: GreenMark) -> None:
    wrapper = scheme.wrapper(SECRET)
    asked = sources.tokens(3, 12)
    rows = sources.LOG_SHARES.exp().expand(3, 12, 256)
    client = Client("", Rng(0))
    shown = wrapper.respond(asked, lambda inputs: rows, client)
    written = wrapper.steer(asked, sources.LOG_SHARES.expand(3, 256), client).softmax(1)
    torch.testing.assert_close(shown[:, -1], written, rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(shown.sum(2), torch.ones(3, 12))


def test_texts_that_are_too_short_are_not_verified(text_task: Task) -> None:
    for scheme in (KGW(), Gumbel()):
        suspect = accused(Deliverable(outputs=Outputs(("ab",))), text_task, "weights", Rng(0))
        found = scheme.verify(key(scheme), suspect, Rng(0))
        assert found.reason == "not verified: the texts are too short for a mark to be read"
    images = Outputs(images=torch.zeros(1, 1, 2, 2))
    suspect = accused(Deliverable(outputs=images), text_task, "weights", Rng(0))
    assert "images" in KGW().verify(key(KGW()), suspect, Rng(0)).reason


@pytest.mark.parametrize(
    ("made", "read_with", "named"),
    [
        (SBW(), SBW(width=7), "width"),
        (KGW(), KGW(gamma=0.5), "gamma"),
        (KGW(), KGW(seeding="minhash"), "seeding"),
        (Gumbel(), Gumbel(width=2), "width"),
        (Unigram(), Unigram(gamma=0.4), "gamma"),
    ],
)
def test_who_knows_the_text_cannot_choose_how_it_is_read(
    made: TextMark, read_with: TextMark, named: str, text_task: Task
) -> None:
    words = Deliverable(outputs=Outputs((*sources.texts(1, 60),)))
    suspect = accused(words, text_task, "weights", Rng(0))
    found = read_with.verify(key(made), suspect, Rng(0))
    assert (found.is_copy, named in found.reason) == (False, True)
    assert found.reason.startswith("not verified: the key is read with")


def test_a_model_is_judged_by_what_it_writes(text_model: Model) -> None:
    """Through its interface it is marked, bare it is not."""
    scheme = SBW(n_texts=8, length=120)
    served = Deliverable(text_model, (scheme.wrapper(SECRET),))
    marked = Suspect.of(served, "outputs", Compute(), Rng(1))
    assert scheme.verify(key(scheme), marked, Rng(0)).p_value < 1e-9
    bare = Suspect.bare(text_model, Compute())
    assert scheme.verify(key(scheme), bare, Rng(0)).p_value > 1e-6
    assert bare.n_queries == 8


def test_a_secret_is_not_shown() -> None:
    for wrapper in (GreenTexts(secret=SECRET), GumbelTexts(secret=SECRET)):
        assert SECRET not in repr(wrapper)
        (again,) = unpack_wrappers(pack_wrappers((wrapper,)))
        assert dataclasses.replace(again, tensors={}) == wrapper
    assert keyed(SECRET) != keyed(SECRET[:-1])


def test_gumbel_draws_capitals_as_often_as_they_are_probable() -> None:
    """Over keys the letter is one in two; of it, the capital is one in five."""
    scores = torch.full((1, 256), -torch.inf)
    scores[0, [ord("a"), ord("A"), ord("b")]] = torch.tensor([0.4, 0.1, 0.5]).log()
    n, shares = 600, torch.zeros(256)
    for i in range(n):
        shares += GumbelTexts(secret=str(i)).marked(torch.tensor([[1, 2, 3, 4]]), scores)[0].exp()
    letter = float(shares[ord("a")] + shares[ord("A")]) / n
    assert abs(letter - 0.5) < 5 * (0.25 / n) ** 0.5
    assert float(shares[ord("A")]) == pytest.approx(0.2 * letter * n, rel=1e-3)
