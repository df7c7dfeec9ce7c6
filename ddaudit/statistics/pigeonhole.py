"""Intervals for whatever is averaged over models and images, both of which could have been others.

The pigeonhole bootstrap draws models and images anew, each with replacement, and keeps every cell of a drawn row and column: it needs no model of how
the two work together, and is on the wide side.

References
----------
Owen, The pigeonhole bootstrap, Annals of Applied Statistics 1 (2007).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy import stats

from ddaudit.statistics.intervals import Interval, require_confidence

Array = npt.NDArray[np.float64]

RESAMPLES = 1000


def weights(count: int, rng: np.random.Generator) -> Array:
    """float64 (RESAMPLES, count): how often each was drawn, in shares of one."""
    return rng.multinomial(count, np.full(count, 1 / count), RESAMPLES) / count


def resampled_means(tables: Sequence[npt.ArrayLike], rng: np.random.Generator) -> list[tuple[Array, Array]]:
    """Means over models and images, as they are and resampled; all tables share their images, none its models.

    Parameters
    ----------
    tables : sequence of array_like, each of shape (models, k, images)
        The numbers of models, and k, may differ.

    Returns
    -------
    list of (float64 (k,), float64 (RESAMPLES, k))
    """
    arrays = [np.asarray(table, np.float64) for table in tables]
    by_image = weights(arrays[0].shape[-1], rng)
    found = []
    for table in arrays:
        by_model = weights(len(table), rng)
        found.append((table.mean((0, 2)), np.einsum("bm,mkb->bk", by_model, table @ by_image.T)))
    return found


def resampled_auroc(
    inside: Sequence[npt.ArrayLike], outside: Sequence[npt.ArrayLike], rng: np.random.Generator
) -> list[tuple[float, Array]]:
    """The probability that a model scores an inside image above an outside one, as it is and resampled; ties count half.

    Parameters
    ----------
    inside, outside : sequences of array_like, each of shapes (models, images)
        One pair a kind of model; all share their images, none its models.

    Returns
    -------
    list of (float, float64 (RESAMPLES,))
        In [0, 1], the mean over models.
    """
    first, second = np.asarray(inside[0]), np.asarray(outside[0])
    of_inside, of_outside = weights(first.shape[1], rng), weights(second.shape[1], rng)
    found = []
    for a, b in zip(inside, outside, strict=True):
        a, b = np.asarray(a), np.asarray(b)
        by_model, value, drawn = weights(len(a), rng), 0.0, np.zeros(RESAMPLES)
        for m in range(len(a)):
            above = (a[m][:, None] > b[m]) + 0.5 * (a[m][:, None] == b[m])
            value += float(above.mean()) / len(a)
            drawn += by_model[:, m] * np.einsum("bi,bi->b", of_inside @ above, of_outside)
        found.append((value, drawn))
    return found


def percentile_interval(value: float, drawn: Array, models: int, images: int, confidence: float = 0.95) -> Interval:
    """The interval between the resamples' percentiles; without ends for a single model, which tells nothing of the next.

    Parameters
    ----------
    value : float
    drawn : array, shape (resamples,)
        Those that are not a number are left out.
    models, images : int
        ``images`` becomes the interval's ``n``.
    """
    require_confidence(confidence)
    known = drawn[~np.isnan(drawn)]
    if models == 1 or not len(known):
        return Interval(value, None, None, confidence, images)
    tail = (1 - confidence) / 2
    low, high = np.quantile(known, [tail, 1 - tail], method="inverted_cdf")
    return Interval(value, float(low), float(high), confidence, images)


def power_of_shift(interval: Interval, shift: float) -> float | None:
    """How often a true shift would leave the whole interval on its side of 0, taken to be as wide then as it is now, and normal.

    >>> round(power_of_shift(Interval(0.0, -0.0196, 0.0196, 0.95, 100), 0.0196), 2)
    0.5
    """
    if interval.low is None or interval.high is None:
        return None
    quantile = float(stats.norm.isf((1 - interval.confidence) / 2))
    error = (interval.high - interval.low) / (2 * quantile)
    return 1.0 if error == 0 else float(stats.norm.cdf(shift / error - quantile))
