"""Confidence intervals for rates, means and differences."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

from ddaudit.statistics.variance_components import Component, combine, seed_component


@dataclass(frozen=True)
class Interval:
    """An estimate with its confidence interval.

    Parameters
    ----------
    value : float
        The estimate.
    low, high : float or None
        Ends of the interval; both None where the sample carries an estimate but no interval (one seed).
    confidence : float
        Nominal coverage, in (0, 1).
    n : int
        Size of the sample that the estimate rests on; each function says what it counts.
    """

    value: float
    low: float | None
    high: float | None
    confidence: float
    n: int

    def excludes(self, value: float) -> bool:
        """Whether the interval exists and ``value`` lies outside it.

        >>> Interval(0.6, 0.52, 0.68, 0.95, 200).excludes(0.5)
        True
        """
        return self.above(value) or self.below(value)

    def above(self, value: float) -> bool:
        """Whether the interval exists and all of it is larger than ``value``."""
        return self.low is not None and self.low > value

    def below(self, value: float) -> bool:
        """Whether the interval exists and all of it is smaller than ``value``."""
        return self.high is not None and self.high < value


def clopper_pearson(successes: int, trials: int, confidence: float = 0.95) -> Interval:
    """Exact interval of a proportion: covers at least the nominal rate, whatever the truth.

    Parameters
    ----------
    successes, trials : int
        0 <= successes <= trials, trials >= 1.
    confidence : float
        In (0, 1).

    Returns
    -------
    Interval
        In [0, 1]; ``n`` is the number of trials.

    Raises
    ------
    ValueError
        Where the counts do not fit together.

    References
    ----------
    Clopper and Pearson, Biometrika 26 (1934).

    Examples
    --------
    >>> interval = clopper_pearson(10, 10_000)
    >>> round(interval.low, 5), round(interval.high, 5)
    (0.00048, 0.00184)
    """
    _require_counts(successes, trials)
    require_confidence(confidence)
    low, high = exact_limits(successes, trials, confidence)
    return Interval(successes / trials, low, high, confidence, trials)


def mean_t(values: npt.ArrayLike, confidence: float = 0.95) -> Interval:
    """Student's interval of the mean of a few runs.

    Parameters
    ----------
    values : array_like, shape (n,)
        One finite number a run; n >= 1.
    confidence : float
        In (0, 1).

    Returns
    -------
    Interval
        ``n`` is the number of runs; ``low`` and ``high`` are None for a single one, which tells nothing of its spread.

    Raises
    ------
    ValueError
        Where there are no values, or values that are not finite.

    References
    ----------
    Student, Biometrika 6 (1908).
    """
    x = np.asarray(values, dtype=np.float64)
    require_confidence(confidence)
    if x.ndim != 1 or x.size == 0 or not np.isfinite(x).all():
        raise ValueError(f"expected a row of finite values, one a run; found shape {x.shape}: {x}")
    mean = float(x.mean())
    if x.size == 1:
        return Interval(mean, None, None, confidence, 1)
    half = float(stats.t.isf((1 - confidence) / 2, x.size - 1) * stats.sem(x))
    return Interval(mean, mean - half, mean + half, confidence, x.size)


def accuracy_over_seeds(correct: npt.ArrayLike, confidence: float = 0.95) -> Interval:
    r"""Accuracy that a new seed would reach on a new test image.

    Every model sees every image, so the outcomes are a two-way layout with random rows (seeds) and random columns
    (images), :math:`x_{si} = \mu + a_s + b_i + e_{si}`, and the grand mean has the variance

    .. math:: \frac{\sigma_a^2}{S} + \frac{\sigma_b^2}{N} + \frac{\sigma_e^2}{SN}.

    With the mean squares of seeds, images and residual this is estimated by
    :math:`(\max(MS_S - MS_E, 0) + MS_I) / SN`, with Satterthwaite's degrees of freedom. A proportion lives in [0, 1],
    so the variance is turned into an effective number of independent trials, :math:`n = p(1-p)/\mathrm{var}`, and the
    limits are Wilson's with Student's quantile. Where all outcomes agree no variance can be seen and n is the number
    of images.

    In simulation a nominal 95 % covers 93 to 98 %, from three seeds on, whatever the share of the seeds in the
    variance; two seeds that differ by far more than the images' sampling noise are too few: 88 %.

    Parameters
    ----------
    correct : array_like of bool, shape (seeds, examples)
        Whether each seed's model classified each test image rightly, the same images in the same order.
    confidence : float
        In (0, 1).

    Returns
    -------
    Interval
        ``value`` is the grand mean, ``n`` the number of test images. ``low`` and ``high`` are None for a single seed:
        one model tells nothing of the next (its own accuracy has the interval of `clopper_pearson`).

    Raises
    ------
    ValueError
        Where the table is not two-dimensional, has under two images, or is not of zeros and ones.

    References
    ----------
    Searle, Casella and McCulloch, Variance Components (1992), ch. 4; Satterthwaite, Biometrics Bulletin 2 (1946);
    Wilson, JASA 22 (1927), for the limits; Korn and Graubard, Survey Methodology 24 (1998), for the effective sample size.
    """
    table = _outcomes(correct, "correct")
    require_confidence(confidence)
    seeds, images = table.shape
    value = float(table.mean())
    if seeds == 1:
        return Interval(value, None, None, confidence, images)
    seed = seed_component(table)
    image = Component.of_mean(table.mean(axis=0))
    variance, quantile = combine([seed, image], confidence)
    effective = value * (1 - value) / variance if variance > 0 else images
    low, high = wilson_limits(value, effective, quantile)
    return Interval(value, low, high, confidence, images)


def difference_over_seeds(correct_a: npt.ArrayLike, correct_b: npt.ArrayLike, confidence: float = 0.95) -> Interval:
    """Accuracy of A minus accuracy of B, for new seeds of both on new test images.

    The images are shared, so their part of the variance is that of the per-image differences; the seeds of A and B are
    independent, so theirs add up. Two made-up images, one that only A and one that only B gets right, keep the
    interval honest where all models agree on (nearly) all images.

    Parameters
    ----------
    correct_a : array_like of bool, shape (seeds_a, examples)
    correct_b : array_like of bool, shape (seeds_b, examples)
        The same images in the same order; the numbers of seeds may differ.
    confidence : float
        In (0, 1).

    Returns
    -------
    Interval
        In [-1, 1]; ``n`` is the number of test images. ``low`` and ``high`` are None where either has a single seed.

    Raises
    ------
    ValueError
        As `accuracy_over_seeds`, or where A and B saw different numbers of images.

    References
    ----------
    As `accuracy_over_seeds`; Bonett and Price, J. Educational and Behavioral Statistics 37 (2012), for the two images.
    """
    a, b = _outcomes(correct_a, "correct_a"), _outcomes(correct_b, "correct_b")
    require_confidence(confidence)
    images = a.shape[1]
    if b.shape[1] != images:
        raise ValueError(
            f"A was tested on {images} images and B on {b.shape[1]}; a paired difference needs the same ones"
        )
    difference = a.mean(axis=0) - b.mean(axis=0)
    value = float(difference.mean())
    if min(a.shape[0], b.shape[0]) == 1:
        return Interval(value, None, None, confidence, images)
    padded = np.append(difference, [1.0, -1.0])
    variance, quantile = combine([seed_component(a), seed_component(b), Component.of_mean(padded)], confidence)
    half = quantile * variance**0.5
    centre = float(padded.mean())
    return Interval(value, max(centre - half, -1.0), min(centre + half, 1.0), confidence, images)


def exact_limits(successes: int, trials: int, confidence: float) -> tuple[float, float]:
    """The two ends of `clopper_pearson`."""
    tail = (1 - confidence) / 2
    low = stats.beta.ppf(tail, successes, trials - successes + 1) if successes > 0 else 0.0
    high = stats.beta.isf(tail, successes + 1, trials - successes) if successes < trials else 1.0
    return float(low), float(high)


def wilson_limits(p: float, n: float, quantile: float) -> tuple[float, float]:
    """Wilson's limits of a share ``p`` of ``n`` trials, which may be an effective number, at a quantile of the error."""
    shrink = 1 + quantile**2 / n
    centre = (p + quantile**2 / (2 * n)) / shrink
    half = quantile / shrink * (p * (1 - p) / n + quantile**2 / (4 * n**2)) ** 0.5
    # At p = 0 and 1 the limit is exactly p; rounding must not leave the estimate outside.
    return max(min(centre - half, p), 0.0), min(max(centre + half, p), 1.0)


def require_confidence(confidence: float) -> None:
    """ValueError where the confidence is no probability (95 for 0.95, say)."""
    if not 0 < confidence < 1:
        raise ValueError(f"confidence is a number between 0 and 1, such as 0.95; found {confidence}")


def _outcomes(correct: npt.ArrayLike, name: str) -> npt.NDArray[np.float64]:
    table = np.asarray(correct)
    if table.ndim != 2 or table.shape[0] < 1 or table.shape[1] < 2 or not np.isin(table, (0, 1)).all():
        raise ValueError(
            f"{name} must be a table of zeros and ones, (seeds, two or more examples); found {table.shape}"
        )
    return table.astype(np.float64)


def _require_counts(successes: int, trials: int) -> None:
    if not 0 <= successes <= trials or trials < 1:
        raise ValueError(f"{successes} successes in {trials} trials is no proportion")
