"""Scores are DD-Ranking's, from fractions; the worth is read off the curve of real images."""

import math

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


def test_noise_of_set_and_curve_both_widen_the_range() -> None:
    exact = [sure(0.3), sure(0.4), sure(0.5)]
    noisy = [sure(0.3, 0.02), sure(0.4, 0.02), sure(0.5, 0.02)]
    _, low_a, high_a = worth(sure(0.4, 0.03), SIZES, exact)
    _, low_b, high_b = worth(sure(0.4, 0.03), SIZES, noisy)
    assert low_b < low_a < 200 < high_a < high_b
