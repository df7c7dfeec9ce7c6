"""p-values of best matches: honest where nothing is related, small where something is."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from ddaudit.statistics.errors import TooFewExamplesError
from ddaudit.statistics.extremes import _fit, extreme_value_p


def best_of(rng, law, candidates, size):
    """Largest of that many independent scores, drawn by inverting the law at U^(1 / candidates)."""
    return law.isf(-np.expm1(np.log(rng.random(size)) / candidates))


def rates(law, null_size, runs, levels=(0.1, 0.01, 0.001)):
    """How often an unrelated match among 50,000 reaches each level, against a null from 10,000, over the level.

    Each run finds the score at which its null puts p at the level; how often the law exceeds that score is exact.
    """
    rng = np.random.default_rng(null_size)
    exceeded = np.logspace(-0.1, -7, 70)
    scores = law.isf(-np.expm1(np.log1p(-exceeded) / 50_000))
    found = []
    for _ in range(runs):
        null = best_of(rng, law, 10_000, null_size)
        p = extreme_value_p(scores, null, candidates=50_000, null_candidates=10_000)
        found.append(np.exp(np.interp(np.log(levels), np.log(p[::-1]), np.log(exceeded[::-1]))))
    return np.mean(found, axis=0) / levels


@pytest.mark.parametrize("law", [stats.norm(), stats.expon()], ids=["Gaussian scores", "exponential scores"])
@pytest.mark.parametrize(("null_size", "runs"), [(10, 1000), (100, 250), (500, 50)])
def test_p_values_of_unrelated_matches_are_not_too_small(law, null_size, runs):
    # Exponential scores make Gumbel maxima, for which 1 is exact; 1000 nulls of ten maxima know the rate at 0.001 to 0.2.
    assert (rates(law, null_size, runs) <= [1.1, 1.3, 1.5]).all()


def test_p_values_of_gumbel_maxima_are_nearly_uniform():
    rng = np.random.default_rng(0)
    p = np.concatenate([extreme_value_p(rng.gumbel(4, 0.3, 50), rng.gumbel(4, 0.3, 200)) for _ in range(60)])
    for level in (0.1, 0.25, 0.5, 0.75):
        assert (p <= level).mean() == pytest.approx(level, abs=0.035)


def test_heavy_tails_are_seen_and_respected():
    # t with 5 degrees of freedom: a Gumbel tail, fitted to 300 maxima, is passed ten times too often at 0.001.
    found = rates(stats.t(5), 300, 100)
    assert (found <= [1.1, 1.2, 1.5]).all()
    # Nor is the answer to widen everything: fits simulated without the tail would leave a tenth of these rates.
    assert (found >= [0.7, 0.5, 0.5]).all()


def test_with_a_large_gumbel_null_the_tail_is_gumbels():
    null = stats.gumbel_r.ppf((np.arange(4000) + 0.5) / 4000, loc=4, scale=0.3)
    beyond = np.array([7.0, 8.0, 9.0, 12.0])
    p = extreme_value_p(beyond, null, candidates=5)
    expected = -np.expm1(-5 * np.exp(-(beyond - 4) / 0.3))
    np.testing.assert_allclose(np.log(p), np.log(expected), rtol=0.06)


@pytest.mark.parametrize("shape", [0.15, 0.3])
def test_with_a_large_heavy_null_the_tail_is_the_generalised_extreme_value_laws(shape):
    # scipy's sign of the shape is the other one
    law = stats.genextreme(-shape, loc=4, scale=0.3)
    null = law.ppf((np.arange(20_000) + 0.5) / 20_000)
    beyond = law.isf([1e-5, 1e-6, 1e-8])
    np.testing.assert_allclose(np.log(extreme_value_p(beyond, null)), np.log([1e-5, 1e-6, 1e-8]), rtol=0.03)


@pytest.mark.parametrize("shape", [0.0, 0.1, 0.3, 0.4])
def test_the_fit_finds_the_law_whose_l_moments_it_is_given(shape):
    law = stats.genextreme(-shape, loc=4, scale=0.3)
    # Hosking, Wallis and Wood's approximation of the shape is off by less than 0.0009; quantiles lose the far tail.
    fitted = _fit(law.ppf((np.arange(1_000_000) + 0.5) / 1_000_000))
    assert fitted == pytest.approx((4, 0.3, shape), abs=0.0015)


def test_no_tail_is_taken_to_be_so_heavy_that_it_has_no_mean():
    assert _fit(np.append(np.arange(1000.0), 1e9))[2] == 0.9


def test_within_the_nulls_range_the_rank_is_a_lower_bound():
    null = np.array([1.0, 1.1, 1.2, 1.3, 9.0])
    assert extreme_value_p([8.9, 9.0], null) == pytest.approx([2 / 6, 2 / 6])
    assert extreme_value_p([8.9], null, candidates=3) == pytest.approx([1 - (4 / 6) ** 3])
    assert extreme_value_p([9.1], null)[0] < 2 / 6
    # Ranks, all equal to the left of the one near-copy: the tail must not undercut them.
    null = np.append(np.random.default_rng(0).gumbel(4, 0.3, 99), 30.0)
    assert extreme_value_p([20.0], null)[0] >= 2 / 101


def test_more_candidates_make_the_same_match_less_surprising():
    null = np.random.default_rng(0).gumbel(4, 0.3, 100)
    p = [extreme_value_p([6.5], null, candidates=c, null_candidates=10_000)[0] for c in (5000, 10_000, 50_000)]
    assert p[0] < p[1] < p[2]
    assert p[1] == extreme_value_p([6.5], null)[0]
    assert p[2] / p[1] == pytest.approx(5, rel=0.05)


@given(st.integers(0, 2**32 - 1), st.integers(5, 60), st.floats(0.01, 100), st.floats(-100, 100))
def test_p_values_fall_with_the_score_never_reach_0_and_know_no_unit(seed, null_size, unit, origin):
    rng = np.random.default_rng(seed)
    null = rng.gumbel(size=null_size)
    observed = np.r_[-np.inf, np.sort(rng.normal(3, 8, 20)), 1e9, np.inf]
    p = extreme_value_p(observed, null, candidates=5)
    assert (np.diff(p) <= 0).all()
    assert ((p > 0) & (p <= 1)).all()
    shifted = extreme_value_p(origin + unit * observed[1:-2], origin + unit * null, candidates=5)
    np.testing.assert_allclose(shifted, p[1:-2], rtol=1e-5, atol=1e-12)


def test_an_init_leak_is_flagged_from_ten_images_on():
    # One image a class: null maxima near 4.2 as on CIFAR-10, and traced images near 14 as in the published DSA file.
    rng = np.random.default_rng(0)
    null = best_of(rng, stats.norm(), 10_000, 10)
    assert (extreme_value_p(rng.normal(14, 3, 10), null, candidates=5) < 0.01).all()


@pytest.mark.parametrize(
    ("null", "sentence"),
    [
        ([1.0, 1.0, 1.0, 1.0, 1.0], "all null maxima are equal"),
        ([1.0, 2.0, 3.0, 4.0, np.inf], "without NaN"),
        ([[1.0] * 5], "without NaN"),
    ],
)
def test_nulls_that_show_no_tail_are_refused(null, sentence):
    with pytest.raises(ValueError, match=sentence):
        extreme_value_p([1.0], null)


def test_other_misuse_is_refused():
    null = [1.0, 2.0, 3.0, 4.0, 5.0]
    with pytest.raises(TooFewExamplesError, match="at least five"):
        extreme_value_p([1.0], null[:4])
    with pytest.raises(ValueError, match="without NaN"):
        extreme_value_p([np.nan, 1.0], null)
    with pytest.raises(ValueError, match="at least 1"):
        extreme_value_p([1.0], null, candidates=0)
    with pytest.raises(ValueError, match="at least 1"):
        extreme_value_p([1.0], null, null_candidates=0)
