"""Moderated variances against a planted prior, and what they are worth to the likelihood ratio attack."""

import numpy as np
import pytest
from scipy import special, stats

from ddaudit.statistics.membership import calibrated, lira_offline
from ddaudit.statistics.roc import auc, tpr_at_fpr
from ddaudit.statistics.shrinkage import moderated_variance


def planted(rng, n, freedom, prior_freedom, scale):
    """True variances from a scaled inverse chi-squared prior, and sample variances of each."""
    true = prior_freedom * scale / rng.chisquare(prior_freedom, n)
    return true, true * rng.chisquare(freedom, n) / freedom


@pytest.mark.parametrize(("prior_freedom", "scale"), [(4.0, 1.0), (10.0, 3.0)])
def test_a_planted_prior_is_found(prior_freedom, scale):
    _, seen = planted(np.random.default_rng(0), 20_000, 3, prior_freedom, scale)
    variance, freedom = moderated_variance(seen, np.full(20_000, 3))
    assert freedom[0] - 3 == pytest.approx(prior_freedom, rel=0.1)
    # The posterior mean of the precision, with the prior that was planted.
    expected = (prior_freedom * scale + 3 * seen) / (prior_freedom + 3)
    np.testing.assert_allclose(variance, expected, rtol=0.05)


def test_the_moderated_variance_is_nearer_to_the_truth_than_the_samples_or_the_pooled_one():
    true, seen = planted(np.random.default_rng(1), 5000, 2, 6.0, 1.0)
    moderated, _ = moderated_variance(seen, np.full(5000, 2))

    def error(estimate):
        return np.square(np.log(estimate / true)).mean()

    assert error(moderated) < error(seen.mean())
    assert error(moderated) < error(seen) / 3


def test_examples_that_do_not_differ_are_pooled():
    rng = np.random.default_rng(2)
    seen = 2.0 * rng.chisquare(2, 300) / 2
    # The log variances spread less than chance would have it: nothing speaks for variances of their own.
    seen = seen.mean() * (seen / seen.mean()) ** 0.8
    variance, freedom = moderated_variance(seen, np.full(300, 2))
    assert np.ptp(variance) == 0
    assert variance[0] == pytest.approx(seen.mean())
    assert np.isinf(freedom).all()


def test_an_example_that_one_model_scored_takes_the_variance_of_the_others():
    _, seen = planted(np.random.default_rng(3), 2000, 4, 5.0, 1.0)
    own = np.full(2000, 4.0)
    own[0], seen[0] = 0, 123.0
    variance, freedom = moderated_variance(seen, own)
    assert variance[0] == pytest.approx(1.0, rel=0.1)
    assert freedom[0] == pytest.approx(freedom[1] - 4)


def test_scores_that_never_vary_have_no_prior():
    with pytest.raises(ValueError, match="two examples whose scores vary"):
        moderated_variance([0.0, 0.0, 1.0], [2, 2, 2])


def attacked(rng, references, spread):
    """Members score higher by 0.7 of the example's own standard deviation."""
    n = 60_000
    own, difficulty = np.exp(spread * rng.normal(size=n)), rng.normal(0, 3, n)
    target, seen = difficulty + own * rng.normal(size=n), difficulty + own * rng.normal(size=(references, n))
    target[: n // 2] += 0.7 * own[: n // 2]
    return target, seen, np.arange(n) < n // 2


@pytest.mark.parametrize("references", [2, 3, 16])
def test_lira_with_moderated_spread_is_as_good_as_the_better_of_one_spread_and_one_for_each(references):
    target, seen, member = attacked(np.random.default_rng(4), references, 1.0)
    own = stats.norm.logcdf(target, seen.mean(0), seen.std(0) + 1e-30)
    scores = {
        "pooled": lira_offline(target, seen),
        "moderated": lira_offline(target, seen, spread="moderated"),
        "own": own,
    }
    area = {name: auc(s[member], s[~member]) for name, s in scores.items()}
    found = {name: tpr_at_fpr(s[member], s[~member], 0.1).value for name, s in scores.items()}
    assert area["moderated"] > area["pooled"] + 0.003
    assert area["moderated"] > area["own"] - 0.003
    assert found["moderated"] > 1.03 * found["pooled"]
    assert found["moderated"] > found["own"] - 0.005


def test_lira_with_one_spread_for_all_ranks_as_difficulty_calibration_does():
    target, seen, _ = attacked(np.random.default_rng(5), 3, 0.5)
    ranks = [stats.rankdata(s) for s in (lira_offline(target, seen)[:500], calibrated(target, seen)[:500])]
    np.testing.assert_array_equal(*ranks)


def apart(excess, freedom=3):
    """Two sample variances whose logarithms vary by so much more than chance has it."""
    half = np.sqrt((excess + special.polygamma(1, freedom / 2)) / 2)
    return np.exp([-half, half])


def test_the_prior_of_two_variances_is_in_closed_form():
    # Smyth, equation 7: the prior's degrees of freedom are twice the x whose trigamma is the excess.
    variance, freedom = moderated_variance(apart(float(special.polygamma(1, 5.0))), [3, 3])
    assert freedom == pytest.approx([13, 13])
    common = np.exp(-special.digamma(1.5) + np.log(1.5) + special.digamma(5) - np.log(5))
    assert variance == pytest.approx((10 * common + 3 * apart(float(special.polygamma(1, 5.0)))) / 13)


def test_a_hair_more_than_chance_is_pooled_as_well():
    variance, freedom = moderated_variance(apart(1e-12), [3, 3])
    assert np.isinf(freedom).all()
    assert variance == pytest.approx([apart(1e-12).mean()] * 2)


def test_lira_with_moderated_spread_is_students_predictive_distribution():
    rng = np.random.default_rng(6)
    shadows, unseen = rng.normal(size=(6, 40)) * np.exp(rng.normal(size=40)), rng.random((6, 40)) < 0.6
    unseen[0], unseen[1:, 0] = True, False  # one example has a single shadow
    target = rng.normal(size=40)
    own = [shadows[unseen[:, i], i] for i in range(40)]
    counts = np.array([len(x) for x in own])
    assert counts.min() == 1
    spread, freedom = moderated_variance([x.var(ddof=1) if len(x) > 1 else 0.0 for x in own], counts - 1)
    expected = [
        stats.t(freedom[i], own[i].mean(), np.sqrt(spread[i] * (1 + 1 / counts[i]))).logcdf(target[i])
        for i in range(40)
    ]
    np.testing.assert_allclose(lira_offline(target, shadows, unseen, spread="moderated"), expected)
