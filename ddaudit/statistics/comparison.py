"""A few runs against a published summary, or against one more run."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import stats

from ddaudit.statistics.intervals import Interval


def welch_from_summary(values: npt.ArrayLike, mean: float, std: float, n: int, confidence: float = 0.95) -> Interval:
    """Mean of our runs minus a published mean, with Welch's interval.

    Parameters
    ----------
    values : array_like, shape (k,)
        Our runs.
    mean, std, n : float, float, int
        The published mean, standard deviation over its runs (0 where unknown) and their number.
    confidence : float
        In (0, 1).

    Returns
    -------
    Interval
        ``n`` counts our runs; ``low`` and ``high`` are None for a single one.

    References
    ----------
    Welch, Biometrika 34 (1947).
    """
    x = np.asarray(values, dtype=np.float64)
    value = float(x.mean() - mean)
    if x.size < 2:
        return Interval(value, None, None, confidence, x.size)
    ours, theirs = x.var(ddof=1) / x.size, std**2 / n
    variance = ours + theirs
    if variance == 0:
        return Interval(value, value, value, confidence, x.size)
    freedom = variance**2 / (ours**2 / (x.size - 1) + (theirs**2 / (n - 1) if n > 1 else 0.0))
    half = float(stats.t.isf((1 - confidence) / 2, freedom)) * variance**0.5
    return Interval(value, value - half, value + half, confidence, x.size)


def prediction_t(values: npt.ArrayLike, confidence: float = 0.95) -> Interval:
    """Where one more run of the same kind falls: Student's prediction interval.

    Parameters
    ----------
    values : array_like, shape (k,)
        Runs, k >= 2.

    Returns
    -------
    Interval
        ``value`` is the mean of the runs, ``n`` their number.
    """
    x = np.asarray(values, dtype=np.float64)
    if x.size < 2:
        raise ValueError(f"a prediction needs two or more runs; found {x.size}")
    half = float(stats.t.isf((1 - confidence) / 2, x.size - 1) * x.std(ddof=1) * (1 + 1 / x.size) ** 0.5)
    return Interval(float(x.mean()), float(x.mean()) - half, float(x.mean()) + half, confidence, x.size)
