"""The bootstrapped ROC curve against DeLong's interval, a plain bootstrap, and the truth."""

import numpy as np
import pytest
from scipy import stats

from ddaudit.statistics.bootstrap import bootstrap
from ddaudit.statistics.errors import TooFewExamplesError
from ddaudit.statistics.roc import auc, auc_interval, roc_curve
from ddaudit.statistics.roc_bootstrap import bootstrap_roc

GRID = np.geomspace(1e-3, 1, 20)


def scores(rng, n_member, n_nonmember, shift=0.3):
    return rng.normal(shift, 1.3, n_member), rng.normal(size=n_nonmember)


@pytest.mark.parametrize("rounded", [False, True])
def test_the_interval_is_delongs_and_that_of_a_plain_stratified_bootstrap(rounded):
    rng = np.random.default_rng(0)
    member, nonmember = (np.round(s) if rounded else s for s in scores(rng, 400, 300))
    found = bootstrap_roc(member, nonmember, GRID, rng, n_resamples=10).area
    assert found.value == pytest.approx(auc(member, nonmember), abs=1e-12)
    assert found.n == 700
    plain = bootstrap(auc, member, nonmember, rng=rng, n_resamples=500)
    for other in (auc_interval(member, nonmember), plain):
        assert (found.low, found.high) == pytest.approx((other.low, other.high), abs=0.006)


def test_the_curve_is_the_rate_at_the_last_threshold_that_keeps_the_false_positives():
    rng = np.random.default_rng(1)
    member, nonmember = (np.round(s, 1) for s in scores(rng, 500, 700))
    found = bootstrap_roc(member, nonmember, GRID, rng)
    curve = roc_curve(member, nonmember)
    assert found.tpr.tolist() == pytest.approx([curve.tpr[curve.fpr <= f + 1e-12].max() for f in GRID])
    assert (found.low <= found.tpr).all()
    assert (found.tpr <= found.high).all()
    assert found.tpr[-1] == found.low[-1] == 1


def test_the_band_covers_the_true_curve_and_the_interval_the_true_area():
    rng = np.random.default_rng(2)
    rates = np.array([0.1, 0.5])
    truth = stats.norm.sf((stats.norm.isf(rates) - 0.5) / 1.3)
    true_area = stats.norm.cdf(0.5 / np.hypot(1, 1.3))
    covered, repetitions = np.zeros(3), 200
    for _ in range(repetitions):
        found = bootstrap_roc(*scores(rng, 200, 200, 0.5), rates, rng, n_resamples=300)
        covered[:2] += (found.low <= truth) & (truth <= found.high)
        covered[2] += found.area.low <= true_area <= found.area.high
    # 200 draws at 0.95 fall under 0.9 three times in a thousand.
    assert (covered / repetitions > 0.9).all()


def test_sides_that_do_not_overlap_keep_an_honest_interval_and_a_band_with_a_width():
    found = bootstrap_roc([3.0, 4.0, 5.0], [0.0, 1.0, 2.0], [0.5, 1], np.random.default_rng(0))
    assert found.area == auc_interval([3.0, 4.0, 5.0], [0.0, 1.0, 2.0])
    assert found.area.low < 1 == found.area.high
    wilson = stats.binomtest(3, 3).proportion_ci(method="wilson")
    assert (found.low[0], found.high[0]) == pytest.approx((wilson.low, wilson.high))


def test_the_band_has_the_variance_of_a_plain_bootstrap_and_wilsons_limits():
    rng = np.random.default_rng(5)
    member, nonmember = scores(rng, 300, 200)
    found = bootstrap_roc(member, nonmember, [0.3], rng, n_resamples=2000)
    plain = []
    for _ in range(2000):
        curve = roc_curve(rng.choice(member, 300), rng.choice(nonmember, 200))
        plain.append(curve.tpr[curve.fpr <= 0.3 + 1e-12].max())
    rate, trials = found.tpr[0], found.tpr[0] * (1 - found.tpr[0]) / np.var(plain)
    wilson = stats.binomtest(round(rate * trials), round(trials)).proportion_ci(method="wilson")
    assert (found.low[0], found.high[0]) == pytest.approx((wilson.low, wilson.high), abs=0.01)


def test_the_band_covers_where_nearly_all_members_are_found():
    rng = np.random.default_rng(6)
    truth, repetitions = stats.norm.sf(-2.9), 300  # at half of the non-members
    covered = 0
    for _ in range(repetitions):
        found = bootstrap_roc(rng.normal(2.9, 1, 30), rng.normal(size=200), [0.5], rng, n_resamples=100)
        covered += found.low[0] <= truth <= found.high[0]
    assert covered / repetitions > 0.9


def test_many_scores_are_resampled_in_parts(monkeypatch):
    monkeypatch.setattr("ddaudit.statistics.roc_bootstrap._HELD", 1000)
    member, nonmember = scores(np.random.default_rng(3), 300, 300)
    found = bootstrap_roc(member, nonmember, GRID, np.random.default_rng(4), n_resamples=501)
    monkeypatch.undo()
    whole = bootstrap_roc(member, nonmember, GRID, np.random.default_rng(5), n_resamples=501)
    np.testing.assert_allclose(found.low, whole.low, atol=0.02)
    np.testing.assert_allclose(found.high, whole.high, atol=0.02)


def test_a_single_member_has_no_curve():
    with pytest.raises(TooFewExamplesError):
        bootstrap_roc([1.0], [0.0, 2.0], GRID, np.random.default_rng(0))


def test_as_many_may_be_accused_as_the_rate_says_to_the_last():
    # 0.29 * 100 is a hair below 29: the 29th of the others may pass, and so does the member under it.
    member, nonmember = np.array([70.5, 0.5]), np.arange(100.0)
    found = bootstrap_roc(member, nonmember, [0.28, 0.29, 0.3], np.random.default_rng(0), n_resamples=5)
    assert found.tpr.tolist() == [0, 0.5, 0.5]
    assert bootstrap_roc([-1.0, -2.0], nonmember, [0.0], np.random.default_rng(0), n_resamples=5).tpr[0] == 0


def test_a_confidence_in_percent_is_refused():
    with pytest.raises(ValueError, match=r"such as 0\.95"):
        bootstrap_roc([1.0, 2.0], [0.0, 1.0], GRID, np.random.default_rng(0), confidence=95)


def test_every_non_member_is_drawn_the_one_that_stands_first_too():
    # One of twenty non-members lies above all members: drawn twice, which happens in a quarter of the resamples, it takes the rate at 5 % to 0.
    members, others = np.repeat([3.0, -1.0], 100), np.append(5.0, np.zeros(19))
    band = bootstrap_roc(members, others, [0.05], np.random.default_rng(0))
    assert band.tpr[0] == 0.5
    assert band.high[0] - band.low[0] > 0.5


def test_where_nothing_varies_the_band_is_wilsons_of_the_members():
    band = bootstrap_roc(np.arange(10.0) + 100, np.arange(1000.0) / 100, [0.1], np.random.default_rng(0))
    wilson = stats.binomtest(10, 10).proportion_ci(method="wilson")
    assert (band.tpr[0], band.low[0]) == (1, pytest.approx(wilson.low))
