"""Bit error rates and the verdict on bits."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from defenders.weights.bit_error import BitReading, bit_error_rate, reading_verdict

bits = st.lists(st.booleans(), min_size=1, max_size=200).map(torch.tensor)


@given(bits)
def test_the_error_of_a_word_with_itself_is_0_and_with_its_negation_1(word: torch.Tensor) -> None:
    assert bit_error_rate(word, word) == 0
    assert bit_error_rate(~word, word) == 1


@given(st.integers(1, 200), st.data())
def test_the_error_counts_the_flipped_bits(n: int, data: st.DataObject) -> None:
    word = torch.tensor(data.draw(st.lists(st.booleans(), min_size=n, max_size=n)))
    n_flipped = data.draw(st.integers(0, n))
    found = word.clone()
    found[:n_flipped] = ~found[:n_flipped]
    assert bit_error_rate(found, word) == pytest.approx(n_flipped / n)
    assert bit_error_rate(found, word) == bit_error_rate(word, found)


def test_bits_may_be_of_any_type() -> None:
    assert (
        bit_error_rate(torch.tensor([1, 0], dtype=torch.uint8), torch.tensor([True, True])) == 0.5
    )


@pytest.mark.parametrize(
    ("n", "level", "most_errors"),  # by hand
    [
        (16, 1e-2, 2), (32, 1e-2, 8), (64, 1e-2, 22), (64, 1e-6, 13), (64, 1e-9, 8),
        (128, 1e-6, 36), (256, 1e-3, 102), (512, 1e-6, 201), (64, 2**-64, 0), (512, 2**-128, 112),
    ],
)  # fmt: skip
def test_as_many_errors_are_accepted_as_the_published_table_says(
    n: int, level: float, most_errors: int
) -> None:
    wanted = torch.zeros(n, dtype=torch.uint8)
    for errors, is_copy in ((most_errors, True), (most_errors + 1, False)):
        found = wanted.clone()
        found[:errors] = 1
        verdict = reading_verdict(BitReading(found, wanted), level)
        assert verdict.is_copy is is_copy
        assert (verdict.statistic <= verdict.threshold) is is_copy


def test_the_p_value_is_the_binomial_tail() -> None:
    wanted, found = torch.ones(40), torch.ones(40)
    found[:7] = 0
    expected = stats.binomtest(33, 40, 0.5, alternative="greater").pvalue
    assert reading_verdict(BitReading(found, wanted), 0.01).p_value == pytest.approx(expected)


def test_where_it_is_given_how_many_bits_are_set_the_tail_is_hypergeometric() -> None:
    """A binomial tail calls 6 of 8 rarer than they are."""
    found, wanted = torch.tensor([1, 1, 1, 1, 0, 0, 0, 0]), torch.tensor([1, 1, 1, 0, 1, 0, 0, 0])
    dealt = BitReading(found, wanted, dealt=True)
    assert dealt.tail(6) == pytest.approx(stats.hypergeom.sf(2, 8, 4, 4))
    assert dealt.tail(6) > BitReading(found, wanted).tail(6)
    assert dealt.tail(0) == 1.0
    assert dealt.tail(8) == pytest.approx(1 / 70)


def test_the_papers_rule_is_reported_and_does_not_decide() -> None:
    wanted, found = torch.ones(64), torch.ones(64)
    found[0] = 0
    verdict = reading_verdict(BitReading(found, wanted), 0.01)
    assert verdict.is_copy
    assert verdict.rule is not None
    assert (verdict.rule.name, verdict.rule.is_copy) == ("BER = 0", False)


def test_too_few_bits_never_prove_anything() -> None:
    verdict = reading_verdict(BitReading(torch.ones(6), torch.ones(6)), 0.01)
    assert not verdict.is_copy
    assert verdict.p_value == pytest.approx(2**-6)


def test_figures_are_kept_beside_the_number_of_bits() -> None:
    verdict = reading_verdict(
        BitReading(torch.ones(8), torch.ones(8), figures={"layer": "conv1"}), 0.01
    )
    assert verdict.figures == {"n_bits": 8, "layer": "conv1"}


@pytest.mark.parametrize(("nulls", "few"), [([20, 30], True), ([23, 25, 24, 22, 26, 24], False)])
def test_where_null_models_are_too_few_to_accuse_anybody_the_verdict_says_so(
    nulls: list[int], few: bool
) -> None:
    verdict = reading_verdict(BitReading(torch.ones(48), torch.ones(48)), 0.01, nulls)
    assert verdict.is_copy is not few
    assert ("2 independent models let nobody be accused at 0.01" in verdict.reason) is few
