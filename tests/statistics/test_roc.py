"""ROC, AUC and TPR at low FPR agree with scikit-learn and with the definitions, and their intervals cover."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import optimize, stats
from sklearn import metrics

from ddaudit.statistics.errors import TooFewExamplesError
from ddaudit.statistics.roc import auc, auc_interval, power_of_auc, roc_curve, tpr_at_fpr

# Few distinct values, so that ties are the rule.
TIED = st.lists(st.integers(0, 6).map(float), min_size=2, max_size=30)


def sklearn_style(members, others):
    return np.r_[np.ones(len(members)), np.zeros(len(others))], np.r_[members, others]


@given(TIED, TIED)
def test_auc_agrees_with_scikit_learn_under_ties(members, others):
    assert auc(members, others) == pytest.approx(metrics.roc_auc_score(*sklearn_style(members, others)))


@given(TIED, TIED)
def test_auc_is_the_chance_that_a_member_scores_higher(members, others):
    m, o = np.array(members)[:, None], np.array(others)[None]
    assert auc(members, others) == pytest.approx(((m > o) + 0.5 * (m == o)).mean())
    assert auc(others, members) == pytest.approx(1 - auc(members, others))
    assert auc(np.exp(members), np.exp(others)) == auc(members, others)


@given(TIED, TIED)
def test_roc_curve_agrees_with_scikit_learn_and_holds_the_auc(members, others):
    expected = metrics.roc_curve(*sklearn_style(members, others), drop_intermediate=False)
    found = roc_curve(members, others)
    for ours, theirs in zip((found.fpr, found.tpr, found.thresholds), expected, strict=True):
        np.testing.assert_allclose(ours, theirs)
    assert np.trapezoid(found.tpr, found.fpr) == pytest.approx(auc(members, others))


def delong_by_definition(members, others):
    """Variance of the AUC from DeLong's structural components, pair by pair."""
    m, o = np.asarray(members)[:, None], np.asarray(others)[None]
    wins = (m > o) + 0.5 * (m == o)
    return wins.mean(axis=1).var(ddof=1) / m.size + wins.mean(axis=0).var(ddof=1) / o.size


def brunner_munzel_freedom(members, others):
    """The degrees of freedom by which scipy's p-value is Student's at its own statistic."""
    found = stats.brunnermunzel(members, others, alternative="greater")  # its statistic is of others over members
    return optimize.brentq(lambda df: stats.t.logcdf(found.statistic, df) - np.log(found.pvalue), 2, 1e4)


def logit_half_width(interval):
    return (stats.logistic.ppf(interval.high) - stats.logistic.ppf(interval.low)) / 2


def test_the_interval_has_delongs_variance():
    rng = np.random.default_rng(0)
    members, others = rng.integers(0, 20, 70) + 4, rng.integers(0, 20, 90)
    found = auc_interval(members, others, 0.9)
    a = auc(members, others)
    freedom = brunner_munzel_freedom(members, others)
    half = stats.t.ppf(0.95, freedom) * np.sqrt(delong_by_definition(members, others)) / (a * (1 - a))
    assert logit_half_width(found) == pytest.approx(half)
    assert found.value == a
    assert found.low < a < found.high
    assert found.n == 160


def test_delongs_variance_agrees_with_the_bootstrap():
    rng = np.random.default_rng(1)
    members, others = rng.normal(0.8, 1.5, 150), rng.normal(0, 1, 200)
    resampled = [auc(rng.choice(members, 150), rng.choice(others, 200)) for _ in range(1500)]
    a = auc(members, others)
    spread = logit_half_width(auc_interval(members, others)) / 1.96 * a * (1 - a)
    assert spread == pytest.approx(np.std(resampled), rel=0.06)


@pytest.mark.parametrize(
    ("n_member", "n_other", "shift"), [(50, 50, 0.0), (30, 500, 0.2), (200, 300, 1.0), (80, 80, 2.0)]
)
def test_the_interval_covers_the_true_auc(n_member, n_other, shift):
    rng = np.random.default_rng(n_member)
    truth = stats.norm.cdf(shift / np.sqrt(2))
    missed = sum(
        auc_interval(rng.normal(shift, 1, n_member), rng.normal(0, 1, n_other)).excludes(truth) for _ in range(1200)
    )
    assert 0.93 <= 1 - missed / 1200 <= 0.97


def test_perfect_separation_still_has_an_honest_lower_end():
    # With 20 against 20, what true area makes 20 wins out of 20 a one-in-forty event? Not 1.
    found = auc_interval(np.arange(20) + 100.0, np.arange(20.0))
    assert found.value == found.high == 1
    assert 0.8 < found.low < 0.97
    mirrored = auc_interval(np.arange(20.0), np.arange(20) + 100.0)
    assert (mirrored.low, mirrored.high) == (0, pytest.approx(1 - found.low))
    larger = auc_interval(np.arange(200) + 1000.0, np.arange(200.0))
    assert larger.low > found.low


def test_a_constant_score_has_an_auc_of_exactly_one_half():
    found = auc_interval(np.ones(5), np.ones(7))
    assert (found.low, found.value, found.high) == (0.5, 0.5, 0.5)


@pytest.mark.parametrize("function", [auc, auc_interval, roc_curve])
@pytest.mark.parametrize("sides", [([], [1.0]), ([1.0, 2.0], [np.nan, 1.0]), ([[1.0]], [1.0])])
def test_empty_sides_and_nan_are_refused(function, sides):
    with pytest.raises(ValueError, match="expected a row of scores"):
        function(*sides)


def test_one_example_a_side_carries_no_interval():
    with pytest.raises(TooFewExamplesError, match="needs two examples a side; found 1 members, 3 others"):
        auc_interval([1.0], [1.0, 2.0, 3.0])


@pytest.mark.parametrize("function", [auc_interval, lambda m, o, c: tpr_at_fpr(m, o, 0.1, c)])
def test_a_confidence_in_percent_is_refused(function):
    with pytest.raises(ValueError, match=r"such as 0\.95"):
        function(np.arange(200.0), np.arange(200.0), 95)


@given(st.integers(0, 2**32 - 1), st.sampled_from([0.05, 0.1, 0.25]), st.booleans())
def test_tpr_at_fpr_is_the_best_that_scikit_learns_curve_allows(seed, fpr, tied):
    rng = np.random.default_rng(seed)
    members, others = rng.normal(1, 1, 50), rng.normal(0, 1, 200)
    if tied:
        members, others = members.round(), others.round()
    curve = metrics.roc_curve(*sklearn_style(members, others), drop_intermediate=False)
    found = tpr_at_fpr(members, others, fpr)
    assert found.value == pytest.approx(curve[1][curve[0] <= fpr + 1e-12].max())
    assert 0 <= found.low <= found.value <= found.high <= 1
    assert found.n == 50


def test_tpr_is_refused_where_ten_non_members_may_not_be_accused():
    with pytest.raises(TooFewExamplesError, match="at least 10000 non-members; there are 9999"):
        tpr_at_fpr(np.zeros(100), np.arange(9999.0), 0.001)
    assert tpr_at_fpr(np.full(100, 9989.5), np.arange(10_000.0), 0.001).value == 1
    assert tpr_at_fpr(np.full(100, 9988.5), np.arange(10_000.0), 0.001).value == 0
    for fpr in (0.0, 1.0, 5):
        with pytest.raises(ValueError, match="between 0 and 1"):
            tpr_at_fpr(np.zeros(100), np.arange(9999.0), fpr)


@pytest.mark.parametrize(
    ("n_member", "n_other", "fpr", "shift", "runs"),
    [
        (200, 1000, 0.05, 1.0, 800),  # both sides matter
        (5000, 500, 0.02, 1.0, 500),  # the threshold, from 10 non-members, is nearly all of the uncertainty
        (100, 20_000, 0.05, 2.0, 300),  # the members are
        (500, 10_000, 0.001, 0.0, 500),  # the null, at the rate that membership inference is judged at
    ],
)
def test_tpr_at_fpr_covers_the_rate_at_the_true_threshold(n_member, n_other, fpr, shift, runs):
    rng = np.random.default_rng(n_other)
    truth = stats.norm.sf(stats.norm.isf(fpr) - shift)
    covered = sum(
        not tpr_at_fpr(rng.normal(shift, 1, n_member), rng.normal(0, 1, n_other), fpr).excludes(truth)
        for _ in range(runs)
    )
    # Documented as conservative: exact limits on both parts.
    assert covered / runs >= 0.945


def test_the_threshold_may_lie_as_far_off_as_order_statistics_allow():
    # 30,000 members, a thousand in each of the top 30 gaps between non-members: passing j of those finds (j + 1) / 30.
    members = np.repeat(np.arange(470, 500) + 0.5, 1000)
    passing = np.cumsum([stats.binom.pmf(j, 500, 0.02) for j in range(500)])
    strictest = max(j for j in range(500) if passing[j] <= 0.025)
    loosest = min(j for j in range(500) if passing[j] >= 0.975)
    found = tpr_at_fpr(members, np.arange(500.0), 0.02)
    assert found.value == pytest.approx(11 / 30)
    assert found.low == pytest.approx((strictest + 1) / 30, abs=2e-4)
    assert found.high == pytest.approx((loosest + 1) / 30, abs=2e-4)


def test_ignoring_the_thresholds_uncertainty_would_not_cover():
    # Why the interval is not just binomial: 5,000 members, but only 10 non-members above the threshold.
    rng = np.random.default_rng(0)
    truth = stats.norm.sf(stats.norm.isf(0.02) - 1)
    covered = 0
    for _ in range(80):
        found = tpr_at_fpr(rng.normal(1, 1, 5000), rng.normal(0, 1, 500), 0.02)
        binomial = stats.binomtest(round(found.value * 5000), 5000).proportion_ci()
        covered += binomial.low <= truth <= binomial.high
    assert covered / 80 < 0.5


@pytest.mark.parametrize(("n_member", "n_other", "area"), [(20, 20, 0.75), (100, 100, 0.56), (100, 1000, 0.58)])
def test_power_is_how_often_the_interval_excludes_one_half(n_member, n_other, area):
    rng = np.random.default_rng(0)
    shift = np.sqrt(2) * stats.norm.ppf(area)
    seen = sum(
        auc_interval(rng.normal(shift, 1, n_member), rng.normal(0, 1, n_other)).excludes(0.5) for _ in range(800)
    )
    assert seen / 800 == pytest.approx(power_of_auc(n_member, n_other, area), abs=0.05)


@given(st.integers(20, 2000), st.integers(20, 2000), st.floats(0.01, 0.2))
def test_power_is_alpha_at_one_half_grows_to_both_sides_and_is_symmetric(n_member, n_other, alpha):
    assert power_of_auc(n_member, n_other, 0.5, alpha) == pytest.approx(alpha, abs=0.03)
    areas = np.linspace(0.02, 0.98, 49)
    powers = np.array([power_of_auc(n_member, n_other, area, alpha) for area in areas])
    # Two-sided and of unequal samples, the normal approximation has its least power a hair off 0.5.
    least = powers.argmin()
    assert areas[least] == pytest.approx(0.5, abs=0.021)
    assert np.diff(powers[: least + 1]).max() <= 1e-12
    assert np.diff(powers[least:]).min() >= -1e-12
    assert power_of_auc(n_member, n_other, 0.4, alpha) == pytest.approx(power_of_auc(n_other, n_member, 0.6, alpha))


def test_power_with_many_examples_is_that_of_the_normal_test_and_too_few_have_none():
    # Hanley and McNeil's variance at 0.5 is (2n + 1) / 12 n^2; two-sided 5 %, power 0.8.
    area = 0.5 + (1.96 + 0.8416) * np.sqrt(20_001 / 12e8)
    assert power_of_auc(10_000, 10_000, area) == pytest.approx(0.8, abs=0.01)
    with pytest.raises(TooFewExamplesError, match="2 members and 2 non-members cannot"):
        power_of_auc(2, 2, 0.9)
    with pytest.raises(TooFewExamplesError, match="1 members"):
        power_of_auc(1, 1000, 0.9)
    with pytest.raises(TooFewExamplesError, match="1 members"):  # no interval, however low its confidence
        power_of_auc(1, 1000, 0.9, alpha=0.9)


def hanley_mcneil(area, n, m):
    """Their variance of an area, with n members and m others."""
    q1, q2 = area / (2 - area), 2 * area**2 / (1 + area)
    return (area * (1 - area) + (n - 1) * (q1 - area**2) + (m - 1) * (q2 - area**2)) / (n * m)


@pytest.mark.parametrize("confidence", [0.8, 0.95])
def test_without_overlap_the_limit_is_the_area_that_lies_a_quantile_from_one(confidence):
    found = auc_interval(np.arange(5.0) + 10, np.arange(7.0), confidence)
    distance = (1 - found.low) / np.sqrt(hanley_mcneil(found.low, 5, 7))
    assert distance == pytest.approx(stats.norm.ppf((1 + confidence) / 2))
    assert found.high == 1


@pytest.mark.parametrize(("n", "m", "alpha"), [(12, 15, 0.05), (2, 40, 0.9)])
def test_the_power_of_few_examples_takes_students_quantile(n, m, alpha):
    a, b = 1 / (12 * n), 1 / (12 * m)
    freedom = (a + b) ** 2 / (a**2 / (n - 1) + b**2 / (m - 1))

    def critical(n, m):
        def excess(area):
            error = np.sqrt(hanley_mcneil(area, n, m)) / (area * (1 - area))
            return np.log(area / (1 - area)) - stats.t.ppf(1 - alpha / 2, freedom) * error

        return optimize.brentq(excess, 0.5, 0.86)

    deviation = np.sqrt(hanley_mcneil(0.8, n, m))
    expected = stats.norm.sf(critical(n, m), 0.8, deviation) + stats.norm.cdf(1 - critical(m, n), 0.8, deviation)
    assert power_of_auc(n, m, 0.8, alpha) == pytest.approx(expected)


@pytest.mark.parametrize("confidence", [0.8, 0.95])
def test_the_rates_limits_join_exact_ones_of_members_and_of_the_threshold(confidence):
    rng = np.random.default_rng(9)
    member, other = rng.normal(1, 1, 200), np.sort(rng.normal(size=1000))[::-1]
    found = tpr_at_fpr(member, other, 0.05, confidence)
    ends = stats.binom.interval(confidence, 1000, 0.05)  # so many of the others lie above the true threshold
    strict, loose = ((member > other[int(k)]).mean() for k in (ends[0] - 1, ends[1]))
    exact = stats.binomtest(round(200 * found.value), 200).proportion_ci(confidence)
    assert found.low == pytest.approx(found.value - np.hypot(found.value - exact.low, found.value - strict))
    assert found.high == pytest.approx(found.value + np.hypot(exact.high - found.value, loose - found.value))


def test_where_nearly_everybody_may_be_accused_the_rate_ends_at_one():
    rng = np.random.default_rng(10)
    found = tpr_at_fpr(rng.normal(size=300), rng.normal(size=2000), 0.9995)
    assert found.value > 0.99
    assert found.high == 1
    few_below = tpr_at_fpr(np.repeat([2.0, -9.0], [990, 10]), np.linspace(-1, 1, 2000), 0.9995)
    assert (few_below.value, few_below.high) == (0.99, 1)
    assert tpr_at_fpr(np.full(200, -9.0), np.linspace(-1, 1, 2000), 0.9995).high == 1  # the threshold may lie below all


def test_two_examples_a_side_are_enough_for_an_interval():
    found = auc_interval([0.0, 2.0], [1.0, -1.0])
    assert 0 < found.low < found.value == 0.75 < found.high < 1
