"""Spread over classes: noise is taken out of the intervals, and being better as a whole is no inequality."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import optimize, stats
from scipy.special import expit, logit

from ddaudit.statistics.class_spread import at_accuracy, compare_spread
from ddaudit.statistics.group_means import interval_of_spread
from ddaudit.statistics.two_way_draws import Drawn

K, EACH, MODELS = 10, 90, 4
LABELS = np.repeat(np.arange(K), EACH)


def outcomes(odds: np.ndarray, images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """bool (models, n): a class is as hard as its odds say, an image as ``images``, and every model has its own whims."""
    whims = rng.normal(0, 0.3, (MODELS, K))[:, LABELS] + rng.normal(0, 1, (MODELS, len(LABELS)))
    return odds[LABELS] + images + whims > 0


def population(odds: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Accuracy by class of endless models on endless images."""
    return (odds[:, None] + rng.normal(0, np.sqrt(4 + 1 + 0.09), (K, 100_000)) > 0).mean(1)


@pytest.mark.parametrize("steepness", [1.0, 2.0])
def test_intervals_cover_the_spread_and_the_amplification(steepness: float) -> None:
    rng = np.random.default_rng(0)
    control = 3 + np.linspace(-1, 1, K)
    subject = 3 + steepness * np.linspace(-1, 1, K)
    ours, theirs = population(subject, rng), population(control, rng)
    amplification = ours.std() - at_accuracy(theirs, ours.mean()).std()
    runs = 25
    covered = np.zeros(2)
    false = 0
    for _ in range(runs):
        images = rng.normal(0, 2, len(LABELS))
        tables = outcomes(subject, images, rng), outcomes(control, images, rng)
        found = compare_spread(*tables, LABELS, rng)["standard deviation"]
        covered += [not found.subject.excludes(ours.std()), not found.amplification.excludes(amplification)]
        false += found.amplification.low > 0  # type: ignore[operator]
    assert (covered >= 0.85 * runs).all()
    assert false <= 2 if steepness == 1 else false >= 0.8 * runs


def test_a_set_that_is_better_as_a_whole_amplifies_nothing() -> None:
    by_class = expit(np.linspace(-1, 1, K))
    better = expit(logit(by_class) + 1.5)
    assert np.ptp(better) < np.ptp(by_class)
    np.testing.assert_allclose(at_accuracy(by_class, better.mean()), better, rtol=1e-6)


def test_moving_accuracies_reaches_the_mean_that_was_asked_for_and_keeps_their_order() -> None:
    by_class = np.array([0.0, 0.2, 0.9, 1.0])
    for mean in (0.1, 0.5, 0.95):
        moved = at_accuracy(by_class, np.array(mean))
        assert moved.mean() == pytest.approx(mean, abs=1e-3)
        assert (np.diff(moved) > 0).all()


def test_the_coefficient_of_variation_is_the_deviation_as_a_share_of_the_mean() -> None:
    rng = np.random.default_rng(1)
    table = rng.random((MODELS, len(LABELS))) < 0.7
    found = compare_spread(table, table, LABELS, rng)
    mean = table.reshape(MODELS, K, EACH).mean((0, 2)).mean()
    assert found["coefficient of variation"].subject.value == pytest.approx(
        found["standard deviation"].subject.value / mean
    )


def test_one_model_has_a_spread_but_no_interval() -> None:
    rng = np.random.default_rng(2)
    table = rng.random((1, len(LABELS))) < 0.7
    assert compare_spread(table, table, LABELS, rng)["range"].amplification.low is None


def noisy(means: np.ndarray, noise: float) -> Drawn:
    """Means of many images with independent Gaussian errors."""
    errors = np.random.default_rng(3).normal(0, noise, (20_000, len(means)))
    return Drawn(means, errors, np.zeros_like(errors), np.zeros_like(means), models=4, images=100_000)


@pytest.mark.parametrize("width", [0.04, 0.08])
def test_the_limits_of_a_spread_are_those_of_the_noncentral_chi_square(width: float) -> None:
    noise = 0.01  # about 0.5, where the arcsine is as good as straight
    means = 0.5 + width * np.linspace(-1, 1, K)
    found = interval_of_spread(lambda x: x.std(-1), noisy(means, noise), np.full(K, 0.5))
    seen = K * means.var() / noise**2

    def limit(tail: float) -> float:
        """The spread at which what was seen is the lower tail's quantile: K var / noise^2 is chi-square about K spread^2 / noise^2."""
        return noise * np.sqrt(optimize.brentq(lambda nc: stats.ncx2.cdf(seen, K - 1, nc) - tail, 1e-9, 1e4) / K)

    assert found.value == pytest.approx(means.std())
    assert (found.low, found.high) == pytest.approx((limit(0.975), limit(0.025)), rel=0.03)


def test_where_nothing_is_seen_but_noise_no_spread_is_shown_and_what_would_stand_out_is_excluded() -> None:
    noise = 0.02
    for means in (np.full(K, 0.5), 0.5 + 0.001 * np.linspace(-1, 1, K)):
        found = interval_of_spread(lambda x: x.std(-1), noisy(means, noise), np.full(K, 0.5))
        assert found.low == 0
        assert found.high == pytest.approx(noise * np.sqrt(stats.chi2.ppf(0.975, K - 1) / K), rel=0.03)


def test_moving_draws_that_leave_the_range_of_accuracies_stays_finite() -> None:
    drawn = np.array([[1.4, 1.2, 0.3, -0.2], [1.0, 1.0, 1.0, 1.0], [-1.0, 0.0, 0.0, 1.0]])
    assert np.isfinite(at_accuracy(drawn, np.array([1.1, 0.2, -0.1]))).all()


def test_a_confidence_in_percent_is_refused() -> None:
    with pytest.raises(ValueError, match=r"such as 0\.95"):
        interval_of_spread(lambda x: x.std(-1), noisy(np.full(K, 0.5), 0.01), np.full(K, 0.5), confidence=95)


def test_the_confidence_that_is_asked_for_is_shared_by_the_two_ends() -> None:
    noise, means = 0.01, 0.5 + 0.04 * np.linspace(-1, 1, K)
    seen = K * means.var() / noise**2
    found = interval_of_spread(lambda x: x.std(-1), noisy(means, noise), np.full(K, 0.5), confidence=0.4)
    ends = [
        optimize.brentq(lambda nc, tail=tail: stats.ncx2.cdf(seen, K - 1, nc) - tail, 1e-9, 1e4) for tail in (0.7, 0.3)
    ]
    assert (found.low, found.high) == pytest.approx(tuple(noise * np.sqrt(np.array(ends) / K)), rel=0.01)


def test_classes_that_are_nearly_always_right_have_a_spread_as_well() -> None:
    means = np.linspace(0.86, 0.98, K)
    found = interval_of_spread(lambda x: x.std(-1), noisy(means, 0.005), np.full(K, 0.92))
    assert found.low < means.std() < found.high  # type: ignore[operator]
    assert found.high < 1.3 * means.std()  # type: ignore[operator]


def test_a_spread_that_hardly_stands_out_of_the_noise_may_be_none() -> None:
    noise, means = 0.02, 0.5 + 0.035 * np.linspace(-1, 1, K)
    found = interval_of_spread(lambda x: x.std(-1), noisy(means, noise), np.full(K, 0.5))
    assert found.value > noise
    assert found.low == 0 < found.high  # type: ignore[operator]


def test_two_models_are_enough_for_an_interval() -> None:
    two = replace(noisy(0.5 + 0.08 * np.linspace(-1, 1, K), 0.01), models=2)
    assert interval_of_spread(lambda x: x.std(-1), two, np.full(K, 0.5)).low is not None


def test_the_limits_are_the_spreads_at_which_what_was_seen_is_an_outer_quantile_of_noise_that_leans() -> None:
    rng = np.random.default_rng(20)
    even, draws = np.full(3, 0.6), 0.02 * (rng.exponential(size=(1000, 3)) - 1)
    means = np.array([0.5, 0.55, 0.75])
    # So many images and models that nothing is stretched.
    kind = Drawn(means, draws, np.zeros_like(draws), np.zeros(3), models=10**9, images=10**9)

    def largest_lead(accuracies: np.ndarray) -> np.ndarray:
        return accuracies.max(-1) - np.median(accuracies, -1)

    def angle(share: np.ndarray) -> np.ndarray:
        return np.arcsin(np.sqrt(share))

    def pulled(scale: float, noise: np.ndarray) -> np.ndarray:
        return largest_lead(np.sin(angle(even) + scale * (angle(means) - angle(even)) + noise) ** 2)

    noise, found = angle(means + draws) - angle(means), interval_of_spread(largest_lead, kind, even)
    assert found.value == pytest.approx(0.2)
    for end, quantile in ((found.low, 0.975), (found.high, 0.025)):
        scales = np.linspace(0, 1.4, 1401)
        seen = np.array([np.quantile(pulled(scale, noise), quantile) for scale in scales])
        crossing = np.flatnonzero(np.diff(np.sign(seen - 0.2)))
        assert len(crossing) == 1
        assert end == pytest.approx(pulled(scales[crossing[0]], np.zeros(3)), abs=1e-3)


def test_a_spread_that_some_draws_hide_at_any_scale_is_bounded_by_a_hundred_times_what_was_seen() -> None:
    draws = np.zeros((1000, K))
    draws[:100] = -1  # every class wrong, in one draw of ten
    means = 0.5 + 1e-4 * np.linspace(-1, 1, K)
    kind = Drawn(means, draws, np.zeros_like(draws), np.zeros(K), models=10**9, images=10**9)
    found = interval_of_spread(lambda x: x.std(-1), kind, np.full(K, 0.5))
    assert found.high == pytest.approx(100 * found.value, rel=0.01)


def test_a_single_model_has_a_spread_without_limits_but_no_confidence_in_percent() -> None:
    one = Drawn(np.linspace(0, 1, K), np.zeros((10, K)), np.zeros((10, K)), np.zeros(K), models=1, images=900)
    found = interval_of_spread(lambda x: x.std(-1), one, np.full(K, 0.5))
    assert (found.low, found.high) == (None, None)
    assert found.value == pytest.approx(np.linspace(0, 1, K).std())
    with pytest.raises(ValueError, match=r"such as 0\.95"):
        interval_of_spread(lambda x: x.std(-1), one, np.full(K, 0.5), confidence=95)
