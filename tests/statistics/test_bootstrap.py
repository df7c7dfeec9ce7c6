"""The bootstrap covers, keeps strata and samples apart, and refuses what it cannot resample."""

import numpy as np
import pytest

from ddaudit.statistics.bootstrap import bootstrap


@pytest.mark.parametrize("method", ["percentile", "BCa"])
def test_the_bootstrap_covers_the_mean(method):
    rng = np.random.default_rng(3)
    missed = sum(
        bootstrap(np.mean, rng.normal(1, 1, 60), rng=rng, n_resamples=200, method=method).excludes(1.0)
        for _ in range(150)
    )
    # 150 runs know their rate to 1.8 %
    assert 0.90 <= 1 - missed / 150 <= 0.99


def test_bca_corrects_the_bias_of_a_skewed_statistic():
    rng = np.random.default_rng(0)
    sample = rng.exponential(size=40)
    plain = bootstrap(np.var, sample, rng=np.random.default_rng(1), n_resamples=2000)
    corrected = bootstrap(np.var, sample, rng=np.random.default_rng(1), n_resamples=2000, method="BCa")
    assert corrected.high > 1.1 * plain.high
    assert corrected.low > plain.low


def test_the_bootstrap_resamples_every_sample_on_its_own():
    rng = np.random.default_rng(0)
    members, others = rng.normal(1, 1, 80), rng.normal(0, 2, 50)
    found = bootstrap(lambda a, b: a.mean() - b.mean(), members, others, rng=rng, n_resamples=4000)
    spread = np.sqrt(members.var() / 80 + others.var() / 50)
    assert (found.high - found.low) / (2 * 1.96 * spread) == pytest.approx(1, abs=0.06)
    assert found.value == members.mean() - others.mean()
    assert found.n == 130


def test_strata_keep_their_size_in_every_resample():
    labels = np.repeat([0, 1, 2, 3], [30, 5, 1, 2])
    sizes = []

    def mean_and_sizes(values):
        sizes.append(tuple(np.bincount(values.astype(int), minlength=4)))
        return float(values.mean())

    rng = np.random.default_rng(0)
    found = bootstrap(mean_and_sizes, labels.astype(float), strata=(labels,), rng=rng, n_resamples=50)
    assert set(sizes) == {(30, 5, 1, 2)}
    assert (found.low, found.high) == pytest.approx((found.value, found.value))
    free = bootstrap(np.mean, labels.astype(float), rng=rng, n_resamples=50)
    assert free.high > free.low


def test_a_stratum_of_two_is_resampled() -> None:
    found = bootstrap(
        np.mean, [0.0, 1.0, 10.0, 11.0], strata=[[0, 0, 1, 1]], rng=np.random.default_rng(0), method="percentile"
    )
    assert (found.low, found.value, found.high) == (5.0, 5.5, 6.0)


def test_a_statistic_that_never_varies_falls_back_from_bca_to_percentiles():
    found = bootstrap(lambda x: 3.0, np.arange(10), rng=np.random.default_rng(0), n_resamples=20, method="BCa")
    assert (found.low, found.high) == (3.0, 3.0)


@pytest.mark.parametrize(
    ("samples", "strata", "sentence"),
    [
        ((), None, "two or more entries"),
        (([1.0],), None, "two or more entries"),
        (([1.0, 2.0], [1.0]), None, "two or more entries"),
        (([1.0, 2.0],), ([0, 0, 1],), "came with strata"),
        (([1.0, 2.0],), ([0, 1],), "nothing to resample"),
    ],
)
def test_the_bootstrap_refuses_what_it_cannot_resample(samples, strata, sentence):
    with pytest.raises(ValueError, match=sentence):
        bootstrap(np.mean, *samples, strata=strata, rng=np.random.default_rng(0))


def test_a_confidence_in_percent_is_refused():
    with pytest.raises(ValueError, match=r"such as 0\.95"):
        bootstrap(np.mean, [1.0, 2.0], rng=np.random.default_rng(0), confidence=95)
