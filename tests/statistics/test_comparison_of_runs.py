"""Runs against a published summary, and against one more run: scipy's answers, and coverage."""

import numpy as np
import pytest
from scipy import stats

from ddaudit.statistics.comparison import prediction_t, welch_from_summary
from ddaudit.statistics.intervals import Interval


@pytest.mark.parametrize("published", [2, 10])
def test_welch_from_summary_agrees_with_scipy_on_the_published_runs_themselves(published):
    rng = np.random.default_rng(0)
    ours, theirs = rng.normal(0.42, 0.01, 3), rng.normal(0.40, 0.03, published)
    expected = stats.ttest_ind(ours, theirs, equal_var=False).confidence_interval(0.9)
    found = welch_from_summary(ours, theirs.mean(), theirs.std(ddof=1), published, 0.9)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))
    assert found.value == pytest.approx(ours.mean() - theirs.mean())
    assert found.n == 3


def test_a_published_mean_of_unknown_spread_is_taken_as_exact():
    ours = [0.41, 0.43, 0.42]
    expected = stats.ttest_1samp(ours, 0.45).confidence_interval()
    for n in (1, 10):
        found = welch_from_summary(ours, 0.45, 0.0, n)
        assert (found.low + 0.45, found.high + 0.45) == pytest.approx((expected.low, expected.high))


def test_one_run_against_a_summary_has_no_interval():
    assert welch_from_summary([0.5], 0.25, 0.01, 10) == Interval(0.25, None, None, 0.95, 1)
    assert welch_from_summary([0.5, 0.5], 0.25, 0.0, 1) == Interval(0.25, 0.25, 0.25, 0.95, 2)


@pytest.mark.parametrize("runs", [2, 5])
def test_one_more_run_falls_into_the_prediction_as_often_as_said(runs):
    rng = np.random.default_rng(runs)
    missed = sum(prediction_t(rng.normal(0.4, 0.01, runs)).excludes(rng.normal(0.4, 0.01)) for _ in range(3000))
    assert 0.93 <= 1 - missed / 3000 <= 0.97


def test_the_prediction_after_three_runs_is_that_of_the_tables():
    found = prediction_t([1.0, 2.0, 3.0])
    # t with two degrees of freedom leaves 2.5 % beyond 4.302653; three runs of standard deviation 1
    assert (found.low, found.high) == pytest.approx((2 - 4.302653 * (4 / 3) ** 0.5, 2 + 4.302653 * (4 / 3) ** 0.5))


def test_one_run_predicts_nothing():
    with pytest.raises(ValueError, match="two or more runs"):
        prediction_t([0.4])
