"""The benchmark of marks in texts judges as the schemes do."""

from __future__ import annotations

import pytest
import torch

from benchmarks.language.bulk import p_values
from benchmarks.language.ngrams import NGrams
from benchmarks.language.text_marks import MARKS, interval, p_value
from tests import sources


@pytest.mark.parametrize("name", [name for name in MARKS if name != "unigram"])
def test_many_texts_at_once_get_the_verdicts_of_each(name: str) -> None:
    texts = torch.cat([sources.tokens(3, 150), torch.tensor([[97, 98, 99] * 50])])
    found, scored = p_values(MARKS[name], 3, texts)
    for i, text in enumerate(texts):
        assert (found[i], scored[i]) == pytest.approx(p_value(MARKS[name], 3, [text]))


def test_the_referees_ngrams_are_a_distribution() -> None:
    model = NGrams("the fox and the crow", 3)
    assert model.probability("th", "e") > 0.5 > model.probability("th", "x") > 0
    alphabet = [chr(i) for i in range(65_536) if not 0xD800 <= i < 0xE000]
    assert 0.95 < sum(model.probability("th", c) for c in alphabet) < 1.0001
    assert model.bits("the fox") < model.bits("xof eht")


def test_an_interval_holds_its_share() -> None:
    low, high = interval(10, 50)
    assert low < 0.2 < high
    assert (interval(0, 50)[0], interval(50, 50)[1]) == (0.0, 1.0)
