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
    found = bootstrap_roc(member, nonmember, GRID, rng, n_resamples=2000).area
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


def test_sides_that_do_not_overlap_keep_an_honest_interval():
    found = bootstrap_roc([3.0, 4.0, 5.0], [0.0, 1.0, 2.0], GRID, np.random.default_rng(0)).area
    assert found == auc_interval([3.0, 4.0, 5.0], [0.0, 1.0, 2.0])
    assert found.low < 1 == found.high


def test_many_scores_are_resampled_in_parts(monkeypatch):
    monkeypatch.setattr("ddaudit.statistics.roc_bootstrap._HELD", 1000)
    member, nonmember = scores(np.random.default_rng(3), 300, 300)
    found = bootstrap_roc(member, nonmember, GRID, np.random.default_rng(4), n_resamples=501).area
    closed = auc_interval(member, nonmember)
    assert (found.low, found.high) == pytest.approx((closed.low, closed.high), abs=0.01)


def test_a_single_member_has_no_curve():
    with pytest.raises(TooFewExamplesError):
        bootstrap_roc([1.0], [0.0, 2.0], GRID, np.random.default_rng(0))
