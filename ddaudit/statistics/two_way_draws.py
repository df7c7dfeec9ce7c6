"""Intervals for whatever is averaged over models and images, both of which could have been others.

Images are many and are drawn again with replacement. Models are few: four that are drawn again show too little of how a fifth would differ. So the
mean over models is moved as Student's pivot moves it, for which the percentiles of a mean over models alone are Student's interval exactly. Each
part of the variance is counted once, as in `intervals.accuracy_over_seeds`: of the models' spread only what images do not explain.

References
----------
Student, Biometrika 6 (1908); Weerahandi, Generalized confidence intervals, JASA 88 (1993), for limits from draws of pivots; Owen, The pigeonhole
bootstrap, Annals of Applied Statistics 1 (2007), for images that all models share, and what drawing models again counts twice; Searle, Casella and
McCulloch, Variance Components (1992), ch. 4.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy import stats

from ddaudit.statistics.intervals import Interval, require_confidence
from ddaudit.statistics.variance_components import residual_variance

Array = npt.NDArray[np.float64]

RESAMPLES = 1000


def image_shares(count: int, rng: np.random.Generator) -> Array:
    """float64 (RESAMPLES, count): how often each image was drawn, in shares of one."""
    return rng.multinomial(count, np.full(count, 1 / count), RESAMPLES) / count


def model_shifts(by_model: Array, noise: npt.ArrayLike, rng: np.random.Generator) -> Array:
    """How far other models would move means over models, float64 (RESAMPLES, k): draws of Student's pivot, one for all k.

    Parameters
    ----------
    by_model : array, shape (models, k)
        What each model reaches. A single one tells nothing of the next, and moves nothing.
    noise : array_like, shape (k,)
        What images alone make of the variance of each mean over models, `variance_components.residual_variance`; that much is taken out.
    """
    models = len(by_model)
    if models == 1:
        return np.zeros((RESAMPLES, by_model.shape[1]))
    between = by_model.var(0, ddof=1) / models
    own = np.sqrt(np.clip(1 - np.divide(noise, between, out=np.ones_like(between), where=between > 0), 0, 1))
    normal = rng.standard_normal((RESAMPLES, models))
    pivots = (normal - normal.mean(1, keepdims=True)) / np.sqrt(models * rng.chisquare(models - 1, (RESAMPLES, 1)))
    shifts: Array = pivots @ (by_model - by_model.mean(0)) * own
    return shifts


def drawn_means(tables: Sequence[npt.ArrayLike], rng: np.random.Generator) -> list[tuple[Array, Array]]:
    """Means over models and images, as they are and drawn again; all tables share their images, none its models.

    Parameters
    ----------
    tables : sequence of array_like, each of shape (models, k, images)
        The numbers of models, and k, may differ.

    Returns
    -------
    list of (float64 (k,), float64 (RESAMPLES, k))
    """
    arrays = [np.asarray(table, np.float64) for table in tables]
    shares = image_shares(arrays[0].shape[-1], rng)
    found = []
    for table in arrays:
        noise = [residual_variance(table[:, j]) if len(table) > 1 else 0.0 for j in range(table.shape[1])]
        drawn = shares @ table.mean(0).T + model_shifts(table.mean(2), noise, rng)
        found.append((table.mean((0, 2)), drawn))
    return found


def drawn_auroc(
    inside: Sequence[npt.ArrayLike], outside: Sequence[Sequence[npt.ArrayLike]], rng: np.random.Generator
) -> list[tuple[Array, Array]]:
    """The probability that a model scores an inside image above one of each outside kind, as it is and drawn again; ties count half.

    Parameters
    ----------
    inside : sequence of array_like, each of shape (models, images)
        One table for each group of models; all share their images, none its models.
    outside : sequence of sequences of array_like, each of shape (models, images)
        For each group of models, one table for each of the k kinds of images.

    Returns
    -------
    list of (float64 (k,), float64 (RESAMPLES, k))
        In [0, 1] as they are; the mean over models.
    """
    of_inside = image_shares(np.shape(inside[0])[1], rng)
    of_outside = [image_shares(np.shape(kind)[1], rng) for kind in outside[0]]
    found = []
    for mine, kinds in zip(inside, outside, strict=True):
        by_model, noise, drawn = [], [], []
        for theirs, shares in zip(kinds, of_outside, strict=True):
            above, under, over = _placements(np.asarray(mine), np.asarray(theirs))
            by_model.append(under.mean(1))
            # To first order an area is the mean of the placements of either side.
            noise.append(residual_variance(under) + residual_variance(over) if len(under) > 1 else 0.0)
            drawn.append(np.einsum("bi,bi->b", of_inside @ above, shares))
        areas = np.stack(by_model, 1)
        found.append((areas.mean(0), np.stack(drawn, 1) + model_shifts(areas, noise, rng)))
    return found


def _placements(inside: Array, outside: Array) -> tuple[Array, Array, Array]:
    """The share of models that score each inside image above each outside one, and by model the shares that each image of either side is above or below."""
    above, under, over = 0.0, [], []
    for a, b in zip(inside, outside, strict=True):
        won = (a[:, None] > b) + 0.5 * (a[:, None] == b)
        above = above + won / len(inside)
        under.append(won.mean(1))
        over.append(won.mean(0))
    return np.asarray(above), np.stack(under), np.stack(over)


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

    Few models make the limits wider than a normal estimate's, and its errors rarer than their width says: in simulation (two groups of four models, 300 images)
    a power of 0.7 to 0.85 is given to within 0.03 of how often the shift is seen, one of 0.5 is seen in 0.43 and one of 0.19 in 0.14.

    >>> round(power_of_shift(Interval(0.0, -0.0196, 0.0196, 0.95, 100), 0.0196), 2)
    0.5
    """
    if interval.low is None or interval.high is None:
        return None
    quantile = float(stats.norm.isf((1 - interval.confidence) / 2))
    error = (interval.high - interval.low) / (2 * quantile)
    return 1.0 if error == 0 else float(stats.norm.cdf(shift / error - quantile))
