"""Intervals cover what they say, and agree with scipy where scipy has them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from ddaudit.statistics.intervals import (
    Interval,
    accuracy_over_seeds,
    bootstrap,
    clopper_pearson,
    difference_over_seeds,
    mean_t,
    wilson,
)

COUNTS = st.integers(1, 400).flatmap(lambda trials: st.tuples(st.integers(0, trials), st.just(trials)))


@given(COUNTS, st.sampled_from([0.8, 0.95, 0.99]))
def test_clopper_pearson_agrees_with_scipys_exact_binomial_test(counts, confidence):
    expected = stats.binomtest(*counts).proportion_ci(confidence, method="exact")
    found = clopper_pearson(*counts, confidence)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=1e-9)
    assert found.value == counts[0] / counts[1]
    assert found.n == counts[1]


@given(COUNTS, st.sampled_from([0.8, 0.95, 0.99]))
def test_wilson_agrees_with_scipy_and_holds_its_own_estimate(counts, confidence):
    expected = stats.binomtest(*counts).proportion_ci(confidence, method="wilson")
    found = wilson(*counts, confidence)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=1e-9)
    assert 0 <= found.low <= found.value <= found.high <= 1


def test_wilson_ends_exactly_at_0_and_1():
    for trials in range(1, 300):
        assert wilson(0, trials).low == 0
        assert wilson(trials, trials).high == 1


def exact_coverage(interval, trials, rates):
    """Probability that the interval covers each rate, summed over all outcomes."""
    limits = [interval(k, trials) for k in range(trials + 1)]
    low, high = np.array([i.low for i in limits]), np.array([i.high for i in limits])
    probability = stats.binom.pmf(np.arange(trials + 1), trials, rates[:, None])
    return (probability * ((low <= rates[:, None]) & (rates[:, None] <= high))).sum(axis=1)


@pytest.mark.parametrize("trials", [10, 100])
def test_clopper_pearson_never_covers_less_than_it_says_and_wilson_says_the_average(trials):
    rates = np.linspace(0.01, 0.99, 197)
    assert exact_coverage(clopper_pearson, trials, rates).min() >= 0.95
    assert 0.93 <= exact_coverage(wilson, trials, rates).mean() <= 0.97


def test_the_published_interval_of_ten_false_positives_in_ten_thousand():
    interval = clopper_pearson(10, 10_000)
    assert (interval.low, interval.high) == pytest.approx((0.00048, 0.00184), abs=5e-6)


@pytest.mark.parametrize("interval", [clopper_pearson, wilson])
@pytest.mark.parametrize("counts", [(-1, 10), (11, 10), (0, 0)])
def test_impossible_counts_are_refused(interval, counts):
    with pytest.raises(ValueError, match="is no proportion"):
        interval(*counts)


@pytest.mark.parametrize(
    "call",
    [
        lambda c: clopper_pearson(1, 2, c),
        lambda c: wilson(1, 2, c),
        lambda c: mean_t([1.0, 2.0], c),
        lambda c: accuracy_over_seeds(np.eye(3), c),
        lambda c: difference_over_seeds(np.eye(3), np.eye(3), c),
        lambda c: bootstrap(np.mean, [1.0, 2.0], rng=np.random.default_rng(0), confidence=c),
    ],
)
def test_a_confidence_in_percent_is_refused(call):
    with pytest.raises(ValueError, match=r"such as 0\.95"):
        call(95)


@given(st.lists(st.floats(-1e3, 1e3), min_size=2, max_size=8).filter(lambda x: np.ptp(x) > 1e-3))
def test_mean_t_agrees_with_scipys_one_sample_test(values):
    expected = stats.ttest_1samp(values, 0.0).confidence_interval(0.9)
    found = mean_t(values, 0.9)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), rel=1e-6, abs=1e-6)


def test_one_run_has_a_mean_and_no_interval():
    assert mean_t([0.4]) == Interval(0.4, None, None, 0.95, 1)
    assert not mean_t([0.4]).excludes(0.0)
    for bad in ([], [np.nan, 1.0], [[1.0, 2.0]]):
        with pytest.raises(ValueError, match="finite values"):
            mean_t(bad)


def test_an_interval_excludes_what_lies_outside_only():
    interval = Interval(0.6, 0.52, 0.68, 0.95, 200)
    assert interval.excludes(0.5)
    assert interval.excludes(0.7)
    assert not interval.excludes(0.52)
    assert not interval.excludes(0.6)


def probit_outcomes(rng, seeds, images, mean, seed_spread, image_effects):
    """Outcomes of seeds on images whose difficulty varies; image_effects has unit variance."""
    latent = mean + seed_spread * rng.normal(size=(seeds, 1)) + image_effects + rng.normal(size=(seeds, images))
    return latent > 0


def probit_accuracy(mean, seed_spread):
    """The accuracy that those outcomes have in expectation over seeds, images and noise."""
    return stats.norm.cdf(mean / np.sqrt(1 + seed_spread**2 + 1))


# From seeds that do not matter, through the real case (0.3 points between CIFAR-10 nets), to seeds that are everything.
@pytest.mark.parametrize(
    ("seeds", "images", "mean", "seed_spread"),
    [(2, 500, 0.0, 0.01), (3, 500, 0.0, 0.05), (5, 300, 2.5, 0.1), (5, 500, 0.5, 0.3), (10, 200, 0.0, 0.0)],
)
def test_accuracy_over_seeds_covers_new_seeds_and_new_images(seeds, images, mean, seed_spread):
    rng = np.random.default_rng(10 * seeds + images)
    truth = probit_accuracy(mean, seed_spread)
    missed = 0
    for _ in range(1200):
        outcomes = probit_outcomes(rng, seeds, images, mean, seed_spread, rng.normal(size=(1, images)))
        missed += accuracy_over_seeds(outcomes).excludes(truth)
    assert 0.93 <= 1 - missed / 1200 <= 0.97


def test_treating_all_predictions_as_independent_would_not_cover():
    # The reason for the two variance components: the same data, pooled into one proportion.
    rng = np.random.default_rng(0)
    truth = probit_accuracy(0.0, 0.3)
    missed = 0
    for _ in range(300):
        outcomes = probit_outcomes(rng, 5, 500, 0.0, 0.3, rng.normal(size=(1, 500)))
        missed += wilson(int(outcomes.sum()), outcomes.size).excludes(truth)
    assert missed / 300 > 0.3


def test_models_that_are_copies_count_once():
    # Identical seeds add nothing: the interval is Wilson's for the images (with Student's quantile).
    one = np.random.default_rng(0).random(1000) < 0.7
    found, expected = accuracy_over_seeds(np.tile(one, (4, 1))), wilson(int(one.sum()), 1000)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=2e-4)


@pytest.mark.parametrize("agreed", [0, 1])
def test_perfect_agreement_is_judged_by_the_number_of_images(agreed):
    found, expected = accuracy_over_seeds(np.full((3, 50), agreed)), wilson(50 * agreed, 50)
    assert found.low == pytest.approx(expected.low, abs=0.01)
    assert found.high == pytest.approx(expected.high, abs=0.01)
    assert found.high - found.low > 0.05


def test_one_seed_gives_an_accuracy_without_an_interval():
    assert accuracy_over_seeds([[1, 0, 1, 1]]) == Interval(0.75, None, None, 0.95, 4)
    assert difference_over_seeds([[1, 0, 1, 1]], np.eye(4)) == Interval(0.5, None, None, 0.95, 4)


@pytest.mark.parametrize("table", [[0, 1], [[0.5, 1.0]], [[1], [0]], np.zeros((0, 3))])
def test_a_table_of_anything_but_outcomes_is_refused(table):
    with pytest.raises(ValueError, match="zeros and ones"):
        accuracy_over_seeds(table)


@pytest.mark.parametrize(
    ("seeds", "images", "means", "spreads", "shared"),
    [
        ((3, 5), 500, (0.5, 0.0), (0.05, 0.02), 0.9),
        ((5, 5), 500, (0.3, 0.0), (0.1, 0.1), 0.5),
        ((2, 2), 500, (0.0, 0.0), (0.05, 0.05), 0.9),
    ],
)
def test_difference_over_seeds_covers_the_difference_on_shared_images(seeds, images, means, spreads, shared):
    rng = np.random.default_rng(seeds[1])
    truth = probit_accuracy(means[0], spreads[0]) - probit_accuracy(means[1], spreads[1])
    missed = 0
    for _ in range(1200):
        effect_a = rng.normal(size=(1, images))
        effect_b = shared * effect_a + np.sqrt(1 - shared**2) * rng.normal(size=(1, images))
        a = probit_outcomes(rng, seeds[0], images, means[0], spreads[0], effect_a)
        b = probit_outcomes(rng, seeds[1], images, means[1], spreads[1], effect_b)
        missed += difference_over_seeds(a, b).excludes(truth)
    assert 0.93 <= 1 - missed / 1200 <= 0.97


def test_difference_over_seeds_gains_from_sharing_the_images():
    rng = np.random.default_rng(0)
    effect = 3 * rng.normal(size=(1, 1000))
    a, b = probit_outcomes(rng, 4, 1000, 0.2, 0, effect), probit_outcomes(rng, 4, 1000, 0.0, 0, effect)
    paired, unpaired = difference_over_seeds(a, b), difference_over_seeds(a, b[:, rng.permutation(1000)])
    assert paired.value == pytest.approx(unpaired.value)
    assert paired.high - paired.low < 0.7 * (unpaired.high - unpaired.low)


def test_difference_over_seeds_is_antisymmetric_and_never_certain():
    a, b = np.ones((3, 100)), np.ones((3, 100))
    same = difference_over_seeds(a, b)
    assert same.value == 0
    assert -0.06 < same.low < -0.02
    assert same.high == pytest.approx(-same.low)
    rng = np.random.default_rng(1)
    a, b = rng.random((3, 200)) < 0.7, rng.random((4, 200)) < 0.5
    forward, backward = difference_over_seeds(a, b), difference_over_seeds(b, a)
    assert (forward.low, forward.high) == pytest.approx((-backward.high, -backward.low))
    assert forward.value == pytest.approx(a.mean() - b.mean())
    with pytest.raises(ValueError, match="same ones"):
        difference_over_seeds(a, b[:, :100])


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
    labels = np.repeat([0, 1, 2], [30, 5, 1])
    sizes = []

    def mean_and_sizes(values):
        sizes.append(tuple(np.bincount(values.astype(int), minlength=3)))
        return float(values.mean())

    rng = np.random.default_rng(0)
    found = bootstrap(mean_and_sizes, labels.astype(float), strata=(labels,), rng=rng, n_resamples=50)
    assert set(sizes) == {(30, 5, 1)}
    assert (found.low, found.high) == pytest.approx((found.value, found.value))
    free = bootstrap(np.mean, labels.astype(float), rng=rng, n_resamples=50)
    assert free.high > free.low


def test_a_statistic_that_never_varies_falls_back_from_bca_to_percentiles():
    found = bootstrap(lambda x: 3.0, np.arange(10), rng=np.random.default_rng(0), n_resamples=20, method="BCa")
    assert (found.low, found.high) == (3.0, 3.0)


@pytest.mark.parametrize(
    ("samples", "strata", "sentence"),
    [
        ((), None, "two or more entries"),
        (([1.0],), None, "two or more entries"),
        (([1.0, 2.0],), ([0, 0, 1],), "came with strata"),
        (([1.0, 2.0],), ([0, 1],), "nothing to resample"),
    ],
)
def test_the_bootstrap_refuses_what_it_cannot_resample(samples, strata, sentence):
    with pytest.raises(ValueError, match=sentence):
        bootstrap(np.mean, *samples, strata=strata, rng=np.random.default_rng(0))
