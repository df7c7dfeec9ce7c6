"""Intervals cover what they say, and agree with scipy where scipy has them."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scipy import stats

from ddaudit.statistics.intervals import (
    Interval,
    accuracy_over_seeds,
    clopper_pearson,
    difference_over_seeds,
    mean_t,
    wilson_limits,
)

COUNTS = st.integers(1, 400).flatmap(lambda trials: st.tuples(st.integers(0, trials), st.just(trials)))


@given(COUNTS, st.sampled_from([0.8, 0.95, 0.99]))
@example((1, 10), 0.95)
@example((9, 10), 0.95)
def test_clopper_pearson_agrees_with_scipys_exact_binomial_test(counts, confidence):
    expected = stats.binomtest(*counts).proportion_ci(confidence, method="exact")
    found = clopper_pearson(*counts, confidence)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=1e-9)
    assert found.value == counts[0] / counts[1]
    assert found.n == counts[1]


@pytest.mark.parametrize("trials", [10, 100])
def test_clopper_pearson_never_covers_less_than_it_says(trials):
    """Summed over all outcomes, at many rates."""
    rates = np.linspace(0.01, 0.99, 197)[:, None]
    limits = [clopper_pearson(k, trials) for k in range(trials + 1)]
    low, high = np.array([i.low for i in limits]), np.array([i.high for i in limits])
    probability = stats.binom.pmf(np.arange(trials + 1), trials, rates)
    assert (probability * ((low <= rates) & (rates <= high))).sum(axis=1).min() >= 0.95


def test_the_published_interval_of_ten_false_positives_in_ten_thousand():
    interval = clopper_pearson(10, 10_000)
    assert (interval.low, interval.high) == pytest.approx((0.00048, 0.00184), abs=5e-6)


@pytest.mark.parametrize("counts", [(-1, 10), (11, 10), (0, 0)])
def test_impossible_counts_are_refused(counts):
    with pytest.raises(ValueError, match="is no proportion"):
        clopper_pearson(*counts)


@pytest.mark.parametrize("confidence", [0.0, 1.0, 1.5, 95])
@pytest.mark.parametrize(
    "call",
    [
        lambda c: clopper_pearson(1, 2, c),
        lambda c: mean_t([1.0, 2.0], c),
        lambda c: accuracy_over_seeds(np.eye(3), c),
        lambda c: difference_over_seeds(np.eye(3), np.eye(3), c),
    ],
)
def test_a_confidence_in_percent_or_at_an_end_is_refused(call, confidence):
    with pytest.raises(ValueError, match=r"such as 0\.95"):
        call(confidence)


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
    assert not interval.excludes(0.68)
    assert not interval.excludes(0.6)


def wilson(successes, trials, confidence=0.95):
    return stats.binomtest(successes, trials).proportion_ci(confidence, method="wilson")


@pytest.mark.parametrize("confidence", [0.8, 0.95, 0.99])
@pytest.mark.parametrize("counts", [(0, 12), (1, 12), (5, 12), (12, 12), (700, 1000)])
def test_wilsons_limits_agree_with_scipys(counts, confidence):
    expected = wilson(*counts, confidence)
    found = wilson_limits(counts[0] / counts[1], counts[1], stats.norm.isf((1 - confidence) / 2))
    assert found == pytest.approx((expected.low, expected.high), abs=1e-12)


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
        pooled = wilson(int(outcomes.sum()), outcomes.size)
        missed += not pooled.low <= truth <= pooled.high
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


@pytest.mark.parametrize("agreed", [0, 1])
def test_no_rounding_leaves_an_estimate_of_0_or_1_outside_its_interval(agreed):
    for images in range(2, 300):
        found = accuracy_over_seeds(np.full((2, images), agreed))
        assert agreed in (found.low, found.high)


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


def test_a_difference_of_accuracies_lies_between_minus_1_and_1():
    right, wrong = np.ones((2, 5)), np.zeros((2, 5))
    assert difference_over_seeds(right, wrong).high == 1
    assert difference_over_seeds(wrong, right).low == -1


def test_a_difference_from_a_single_seed_has_no_interval():
    one, three = np.ones((1, 5)), np.zeros((3, 5))
    for found in (difference_over_seeds(one, three), difference_over_seeds(three, one)):
        assert (found.low, found.high) == (None, None)
