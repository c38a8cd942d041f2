"""Launderers: what each does to a text, and what is left of a mark."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
import torch
from torch import Tensor

from arena import testing
from arena.errors import RuleViolation
from arena.game.match.grants import granted
from arena.game.serving.wrapper import Answer, Client, Wrapper
from arena.game.sides.deliverable import Deliverable
from arena.game.sides.gatekeeper import Gatekeeper
from arena.game.sides.lab import Lab
from arena.game.sides.outputs import Outputs
from arena.world.kinds.tokens import BYTES
from arena.world.models import Model
from arena.world.rng import Rng
from arena.world.task import Task
from attackers.launder.dilute import CopyPaste, pasted
from attackers.launder.disguise import Homoglyphs, LowerCase
from attackers.launder.edits import Delete, Insert, Scramble, Substitute
from attackers.launder.paraphrase import resampled
from attackers.launder.separate import Separate, least_disturbing
from attackers.launder.spoof import StolenLists
from attackers.launder.texts import ASKS, Changer, PassOn
from defenders.language.kgw import KGW, SBW, GreenMark
from defenders.language.marks import read
from defenders.language.scheme.normalise import normalised
from tests import sources
from tests.defenders.language.test_marks import SECRET, key, verdict

TEXT = "The old fox found a grape in the wood and the crow sang."


def draw(seed: int = 0) -> np.random.Generator:
    return Rng(seed).numpy()


@pytest.mark.parametrize(
    ("launderer", "expected"),
    [
        (PassOn(), TEXT),
        (Substitute(share=0), TEXT),
        (Delete(share=0), TEXT),
        (Delete(share=1), ""),
        (Insert(share=0), TEXT),
        (Scramble(window=1), TEXT),
        (LowerCase(), TEXT.lower()),
        (Homoglyphs(share=0), TEXT),
    ],
    ids=repr,
)
def test_what_is_left_at_the_ends_of_a_dial(launderer: Changer, expected: str) -> None:
    assert launderer.changed(TEXT, draw()) == expected


def test_edits_touch_their_share() -> None:
    text = "X" * 4000
    assert 300 < sum(c != "X" for c in Substitute(share=0.1).changed(text, draw())) < 500
    assert 3500 < len(Delete(share=0.1).changed(text, draw())) < 3700
    assert 4300 < len(Insert(share=0.1).changed(text, draw())) < 4500


def test_scrambled_words_are_the_same_words() -> None:
    scrambled = Scramble(window=3).changed(TEXT, draw())
    assert sorted(scrambled.split(" ")) == sorted(TEXT.split(" "))
    assert scrambled != TEXT
    assert set(scrambled.split(" ")[:3]) == {"The", "old", "fox"}


def test_a_disguise_looks_the_same_and_reads_otherwise() -> None:
    disguised = Homoglyphs(share=1).changed(TEXT, draw())
    assert BYTES.encode(disguised).tolist() != BYTES.encode(TEXT).tolist()
    assert normalised(disguised) == TEXT


@pytest.mark.parametrize(("spans", "share"), [(1, 0.25), (3, 0.25), (3, 0.1), (1, 1.0), (5, 0.0)])
def test_pasted_spans_are_the_share_in_their_order(spans: int, share: float) -> None:
    text, own = "abcdefghij" * 12, "." * 120
    mixed = pasted(text, own, spans, share, draw(3))
    assert len(mixed) == 120
    kept = mixed.replace(".", "")
    assert kept == text[: len(kept)]
    assert len(kept) == spans * int(120 * share / spans)


@pytest.mark.parametrize("scheme", [KGW(), SBW()], ids=repr)
def test_a_mark_dies_by_degrees(scheme: GreenMark) -> None:
    """Each substitution spoils one token and the context of four behind it."""
    marked = sources.texts(4, 400, scheme.wrapper(SECRET))
    shares = []
    for share in (0.0, 0.1, 0.3, 1.0):
        launderer = Substitute(share=share)
        changed = tuple(launderer.changed(text, draw(i)) for i, text in enumerate(marked))
        shares.append(verdict(scheme, changed).statistic)
    assert shares[0] > shares[1] + 0.05 > shares[2] + 0.05
    assert abs(shares[3] - 0.25) < 0.06  # nothing is left: five sigma of 1,600 tokens are .054


@dataclass(frozen=True, kw_only=True)
class Forger(Wrapper):
    """Favours what was stolen."""

    stolen: StolenLists

    def respond(self, inputs: Tensor, answer: Answer, client: Client) -> Tensor:
        return answer(inputs)

    def steer(self, tokens: Tensor, scores: Tensor, client: Client) -> Tensor:
        return scores + 4.0 * (self.stolen.behind(BYTES.folded(tokens)) > 0)


@pytest.mark.parametrize(("scheme", "wins"), [(KGW(seeding="lefthash"), True), (SBW(), False)])
def test_a_spoofer_wins_against_one_token_of_context_and_loses_against_four(
    scheme: GreenMark, wins: bool
) -> None:
    """It has 18,000 characters of marked and of plain text, and never the key."""
    width = scheme.rule[0]
    marked = sources.tokens(60, 300, scheme.wrapper(SECRET))
    plain = sources.tokens(60, 300, seed=4)
    stolen = StolenLists(list(BYTES.folded(marked)), list(BYTES.folded(plain)), width)
    texts = sources.texts(8, 200, Forger(stolen=stolen), seed=9)
    found = scheme.judged(key(scheme), read(texts))
    assert (found.p_value < 1e-6) is wins
    assert (found.p_value > 1e-4) is not wins


def test_what_is_resampled_is_one_other_character(text_model: Model) -> None:
    tokens = torch.stack([BYTES.encode(TEXT), BYTES.encode(TEXT.upper())])
    changed = resampled(Lab(), text_model, tokens, 30, Rng(0).torch())
    assert (changed != tokens).sum(1).tolist() == [1, 1]
    assert bool((changed[:, 30] != tokens[:, 30]).all())


def test_the_separator_is_the_token_that_tells_a_model_nothing(text_model: Model) -> None:
    rows = BYTES.encode(TEXT)[None, :20]
    bare = Lab().logits(text_model, rows)[:, -1].softmax(1)

    def moved(token: int) -> float:
        behind = torch.cat([rows, torch.tensor([[token]])], 1)
        return float((Lab().logits(text_model, behind)[:, -1].softmax(1) - bare).abs().sum())

    best = least_disturbing(Lab(), text_model, rows)
    assert moved(best) < min(moved(token) for token in BYTES.encode("aeiou .").tolist())


@dataclass(frozen=True, kw_only=True)
class Letters(Wrapper):
    """Writes what the source of texts does, whatever the model says, and marks it."""

    scheme: GreenMark

    def respond(self, inputs: Tensor, answer: Answer, client: Client) -> Tensor:
        return answer(inputs)

    def steer(self, tokens: Tensor, scores: Tensor, client: Client) -> Tensor:
        shares = sources.LOG_SHARES.expand_as(scores)
        return self.scheme.wrapper(SECRET).steer(tokens, shares, client)


@pytest.mark.parametrize("scheme", [KGW(), KGW(seeding="lefthash"), SBW()], ids=repr)
def test_separators_take_a_mark_away_and_cost_a_query_a_token(
    scheme: GreenMark, text_task: Task, text_model: Model
) -> None:
    keeper = gate(text_task, text_model)
    keeper.serving = (Letters(scheme=scheme),)
    separate = Separate(n_texts=4, length=100, steps=4)
    delivered = separate.run(testing.access(text_task, keeper), Rng(0)).outputs
    assert delivered is not None
    assert [len(text) for text in delivered.texts] == [100] * 4
    assert keeper.meters.reading().images_queried == 400
    assert verdict(scheme, delivered.texts).p_value > 1e-3
    assert verdict(scheme, sources.texts(4, 100, scheme.wrapper(SECRET))).p_value < 1e-6


def gate(task: Task, victim: Model, held: Outputs | None = None) -> Gatekeeper:
    made = testing.gatekeeper(task, victim, ASKS.model_copy(update={"length": 40}))
    made.data = granted(task.splits.thief, 1, Rng(0))
    made.current = None if held is None else Deliverable(outputs=held)
    return made


def test_a_launderer_works_on_what_it_holds(text_task: Task, text_model: Model) -> None:
    keeper = gate(text_task, text_model, Outputs((TEXT,)))
    delivered = LowerCase().run(testing.access(text_task, keeper), Rng(0))
    assert delivered.outputs is not None
    assert delivered.outputs.texts == (TEXT.lower(),)
    assert keeper.meters.reading().images_queried == 0


def test_one_that_holds_nothing_asks(text_task: Task, text_model: Model) -> None:
    keeper = gate(text_task, text_model)
    delivered = CopyPaste(n_texts=3, share=0.5).run(testing.access(text_task, keeper), Rng(0))
    assert delivered.outputs is not None
    assert [len(BYTES.encode(text)) >= 40 for text in delivered.outputs.texts] == [True] * 3
    assert keeper.meters.reading().images_queried == 3


@pytest.mark.parametrize("length", [0, 41, -1, True, 1.0, "1"])
def test_no_other_length_is_written_than_from_one_token_to_what_is_granted(
    length: int, text_task: Task, text_model: Model
) -> None:
    access = testing.access(text_task, gate(text_task, text_model))
    prompts = access.data().images[:2, :8].long()
    assert access.query(prompts, length=3).shape == (2, 3)
    with pytest.raises(RuleViolation, match="expected a length of 1 to 40 tokens, found"):
        access.query(prompts, length=length)
