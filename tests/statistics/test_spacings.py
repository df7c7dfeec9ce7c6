"""p-values of a lead over the runner-up: exact for exponential leads, whatever the size of null and search."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from ddaudit.statistics.spacings import leading_spacing_p


@pytest.mark.parametrize("null_size", [3, 10, 40])
def test_p_values_of_exponential_leads_are_as_rare_as_they_say(null_size):
    # Each run finds the lead at which p falls to the level; how often a lead is larger than that is exact. The nulls' sums
    # are Gamma's quantiles, so that chance hardly enters.
    rng = np.random.default_rng(null_size)
    leads = np.geomspace(1e-3, 400, 600)
    levels = np.array([0.01, 0.001])
    exceeded = []
    for total in stats.gamma.ppf((np.arange(1000) + 0.5) / 1000, null_size):
        p = leading_spacing_p(leads, total * rng.dirichlet(np.ones(null_size)))
        exceeded.append(np.exp(-np.exp(np.interp(np.log(levels), np.log(p[::-1]), np.log(leads[::-1])))))
    rates = np.mean(exceeded, axis=0) / levels
    assert (rates <= 1.06).all()
    assert rates[0] >= 0.85  # the rank holds p back where the null has a lead as large
    assert rates[1] >= 0.94


def test_the_lead_of_the_best_over_the_second_needs_no_count_of_candidates():
    # Null leads from searches of 1,000 judge searches of 50,000 Gaussian scores: at most about nominal.
    rng = np.random.default_rng(0)

    def leads(candidates, searches):
        top = np.array([np.partition(rng.normal(size=candidates), -2)[-2:] for _ in range(searches)])
        return top[:, 1] - top[:, 0]

    null, observed = leads(1000, 300), leads(50_000, 300)
    p = leading_spacing_p(observed, null)
    assert (p <= 0.1).mean() < 0.13
    assert (p <= 0.01).mean() < 0.025


@given(st.integers(0, 2**32 - 1), st.integers(3, 40), st.floats(0.01, 100))
def test_p_values_fall_with_the_lead_never_reach_0_and_know_no_unit(seed, null_size, unit):
    null = np.random.default_rng(seed).exponential(size=null_size)
    leads = np.r_[0.0, np.sort(np.random.default_rng(seed + 1).exponential(3, 20)), 1e12]
    p = leading_spacing_p(leads, null)
    assert (np.diff(p) <= 0).all()
    assert p[0] == 1
    assert p[-1] > 0
    np.testing.assert_allclose(leading_spacing_p(unit * leads[:-1], unit * null), p[:-1], rtol=1e-6)


def test_within_the_nulls_range_the_rank_is_a_lower_bound():
    null = np.r_[np.full(19, 0.1), 50.0]
    assert leading_spacing_p([49.0, 50.0], null) == pytest.approx([2 / 21, 2 / 21])
    assert leading_spacing_p([51.0], null)[0] < 2 / 21
    # Two equal best scores lead by nothing: such a null is as good as any.
    assert leading_spacing_p([2.0], [0.0, 0.0, 1.0])[0] == pytest.approx(3.0**-3)


@pytest.mark.parametrize(
    ("observed", "null", "sentence"),
    [
        ([1.0], [1.0, 2.0], "three leads or more"),
        ([1.0], [0.0, 0.0, 0.0], "three leads or more"),
        ([1.0], [-1.0, 2.0, 2.0], "three leads or more"),
        ([-1.0], [1.0, 2.0, 2.0], "three leads or more"),
        ([np.nan], [1.0, 2.0, 2.0], "finite leads"),
        ([[1.0]], [1.0, 2.0, 2.0], "finite leads"),
        ([1.0], [1.0, 2.0, np.inf], "finite leads"),
    ],
)
def test_what_is_no_lead_is_refused(observed, null, sentence):
    with pytest.raises(ValueError, match=sentence):
        leading_spacing_p(observed, null)


@pytest.mark.parametrize("wrong", [-0.1, np.nan, np.inf])
def test_one_wrong_lead_among_right_ones_is_refused_on_either_side(wrong):
    right = [0.5, 1.0, 2.0]
    for observed, null in (([*right, wrong], right), (right, [*right, wrong])):
        with pytest.raises(ValueError, match="lead"):
            leading_spacing_p(observed, null)
