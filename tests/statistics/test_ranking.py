"""Scores are DD-Ranking's, from fractions; the worth is read off the curve of real images."""

import math

import numpy as np
import pytest

from ddaudit.statistics.intervals import Interval
from ddaudit.statistics.ranking import mean_score, negative, unit_score, worth


def sure(value: float, half: float = 0.0) -> Interval:
    return Interval(value, value - half, value + half, 0.975, 100)


def test_scores_run_from_0_to_1_and_are_those_of_the_paper_for_dc() -> None:
    assert (unit_score(-1), unit_score(1)) == (0, 1)
    # HLR 36.7 and IOR 18.5 (DC, ipc 10): alpha = -0.091.
    found = mean_score(sure(0.185), negative(sure(0.367)))
    assert found.value == pytest.approx((math.exp(-0.091) - math.exp(-1)) / (math.e - math.exp(-1)))
    assert found.value == pytest.approx(0.232, abs=5e-4)


def test_the_limits_take_both_differences_at_their_worst() -> None:
    found = mean_score(sure(0.2, 0.05), negative(sure(0.3, 0.1)))
    assert found.low == pytest.approx(unit_score((0.15 - 0.4) / 2))
    assert found.high == pytest.approx(unit_score((0.25 - 0.2) / 2))
    assert found.confidence == pytest.approx(0.95)
    unsure = Interval(0.3, None, None, 0.975, 100)
    assert mean_score(sure(0.2), negative(unsure)).low is None


SIZES = [100, 200, 400]


def test_the_worth_is_where_the_curve_of_real_images_passes_the_accuracy() -> None:
    curve = [sure(0.3), sure(0.4), sure(0.5)]
    assert worth(sure(0.4), SIZES, curve) == pytest.approx((200, 200, 200))
    value, low, high = worth(sure(0.45), SIZES, curve)
    assert (value, low, high) == pytest.approx((200 * 2**0.5,) * 3)


def test_what_lies_beyond_the_curve_is_said_to_be_beyond() -> None:
    curve = [sure(0.3), sure(0.4), sure(0.5)]
    assert worth(sure(0.2), SIZES, curve) == (None, 0, 0)
    assert worth(sure(0.6), SIZES, curve) == (None, math.inf, math.inf)


def test_the_ends_of_the_curve_belong_to_it() -> None:
    curve = [sure(0.3), sure(0.4), sure(0.5)]
    assert worth(sure(0.3), SIZES, curve) == pytest.approx((100, 100, 100))
    assert worth(sure(0.5), SIZES, curve) == pytest.approx((400, 400, 400))
    assert worth(sure(0.3), [1, 10, 100], curve)[0] == 1  # of a single real image, too


def test_one_network_says_nothing_of_how_many_images_a_set_may_be_worth() -> None:
    single = [Interval(value, None, None, 0.975, 100) for value in (0.3, 0.4, 0.5)]
    value, low, high = worth(single[1], SIZES, single)
    assert value == pytest.approx(200)
    assert (low, high) == (0, math.inf)


def test_noise_of_set_and_curve_both_widen_the_range() -> None:
    exact = [sure(0.3), sure(0.4), sure(0.5)]
    noisy = [sure(0.3, 0.02), sure(0.4, 0.02), sure(0.5, 0.02)]
    _, low_a, high_a = worth(sure(0.4, 0.03), SIZES, exact)
    _, low_b, high_b = worth(sure(0.4, 0.03), SIZES, noisy)
    assert low_b < low_a < 200 < high_a < high_b


def measured(truth: float, error: float, rng: np.random.Generator, quantile: float = 1.96) -> Interval:
    """A Gaussian estimate with its interval."""
    value = rng.normal(truth, error)
    return Interval(value, value - quantile * error, value + quantile * error, 0.95, 100)


def test_score_and_worth_lie_within_their_limits_at_least_as_often_as_said() -> None:
    rng = np.random.default_rng(0)
    covered, runs = np.zeros(2), 2000
    for _ in range(runs):
        score = mean_score(measured(0.2, 0.02, rng, 2.2414), measured(-0.3, 0.02, rng, 2.2414))
        covered[0] += not score.excludes(unit_score(-0.05))
        curve = [measured(accuracy, 0.01, rng) for accuracy in (0.3, 0.4, 0.5)]
        _, low, high = worth(measured(0.43, 0.01, rng), SIZES, curve)
        covered[1] += low <= 200 * 2**0.3 <= high
    assert (covered / runs >= 0.95).all()


def test_limits_that_are_missing_are_those_of_any_accuracy():
    certain = [Interval(value, low, 1.0, 0.95, 10) for value, low in ((0.6, 0.5), (1.0, 1.0))]
    assert worth(Interval(0.8, 0.7, None, 0.95, 10), (10, 100), certain)[2] == pytest.approx(
        100
    )  # up to an accuracy of 1, and not beyond
    unknown = [Interval(value, value, None, 0.95, 10) for value in (0.6, 0.9)]
    assert worth(Interval(1.0, 1.0, 1.0, 0.95, 10), (10, 100), unknown)[1] == pytest.approx(10)
