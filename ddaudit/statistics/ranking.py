"""DD-Ranking's scores, from fractions, and how many real images a set is worth."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ddaudit.statistics.intervals import Interval


def unit_score(alpha: float) -> float:
    """DD-Ranking's map of a difference of accuracies in [-1, 1] to [0, 1]: (e^alpha - e^-1) / (e - e^-1).

    >>> [round(unit_score(a), 3) for a in (-1, 0, 1)]
    [0.0, 0.269, 1.0]
    """
    return (math.exp(alpha) - math.exp(-1)) / (math.e - math.exp(-1))


def mean_score(first: Interval, second: Interval) -> Interval:
    """``unit_score`` of the mean of two differences of accuracies.

    The limits take both differences at their worst, so two intervals at 97.5 % give one that covers at least 95 %.
    """
    confidence = 1 - (1 - first.confidence) - (1 - second.confidence)
    value = unit_score((first.value + second.value) / 2)
    if first.low is None or first.high is None or second.low is None or second.high is None:
        return Interval(value, None, None, confidence, first.n)
    low, high = (unit_score((a + b) / 2) for a, b in ((first.low, second.low), (first.high, second.high)))
    return Interval(value, low, high, confidence, first.n)


def negative(difference: Interval) -> Interval:
    """B minus A, where A minus B was given."""
    low, high = (None if end is None else -end for end in (difference.high, difference.low))
    return Interval(-difference.value, low, high, difference.confidence, difference.n)


def worth(reached: Interval, sizes: Sequence[int], real: Sequence[Interval]) -> tuple[float | None, float, float]:
    """How many random real images give the accuracy that a set gives.

    Accuracy is interpolated in the logarithm of the number, along the curve of the estimates for the value, along its upper
    limits for the smallest and along its lower limits for the largest number that is compatible.

    Parameters
    ----------
    reached : Interval
        The set's accuracy.
    sizes : sequence of int
        Numbers of real images, rising.
    real : sequence of Interval
        Accuracy with each.

    Returns
    -------
    (value, low, high)
        0 and infinity stand for less than the smallest and more than the largest size; the value is None there.
    """
    value = _crossing(reached.value, sizes, [r.value for r in real])
    low = _crossing(_or(reached.low, 0.0), sizes, [_or(r.high, 1.0) for r in real])
    high = _crossing(_or(reached.high, 1.0), sizes, [_or(r.low, 0.0) for r in real])
    return (value if 0 < value < math.inf else None), low, high


def _crossing(accuracy: float, sizes: Sequence[int], curve: Sequence[float]) -> float:
    rising = np.maximum.accumulate(np.asarray(curve, float))
    if accuracy < rising[0]:
        return 0.0
    if accuracy > rising[-1]:
        return math.inf
    after = int(np.searchsorted(rising, accuracy))
    if after == 0:
        return float(sizes[0])
    share = (accuracy - rising[after - 1]) / (rising[after] - rising[after - 1])
    return float(np.exp(np.log(sizes[after - 1]) + share * np.log(sizes[after] / sizes[after - 1])))


def _or(limit: float | None, otherwise: float) -> float:
    return otherwise if limit is None else limit
