"""Means of scores that are no zeros and ones, over seeds and images: what `intervals.accuracy_over_seeds` is to accuracy."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ddaudit.statistics.intervals import Interval, require_confidence
from ddaudit.statistics.variance_components import Component, combine, seed_component


def score_over_seeds(scores: npt.ArrayLike, confidence: float = 0.95) -> Interval:
    """Mean score of a new seed's model on a new image.

    The variance is that of `intervals.accuracy_over_seeds`, a share for the seeds and one for the images; the limits are Student's.

    Parameters
    ----------
    scores : array_like, shape (seeds, images)
        Finite; the same images in the same order for every seed's model.
    confidence : float
        In (0, 1).

    Returns
    -------
    Interval
        ``n`` is the number of images; ``low`` and ``high`` are None for a single seed.

    Raises
    ------
    ValueError
        Where the table is not two-dimensional, has under two images, or holds values that are not finite.

    References
    ----------
    As `intervals.accuracy_over_seeds`.
    """
    table = _scores(scores)
    require_confidence(confidence)
    if len(table) == 1:
        return Interval(float(table.mean()), None, None, confidence, table.shape[1])
    return _student(float(table.mean()), [seed_component(table), Component.of_mean(table.mean(0))], confidence, table)


def score_difference_over_seeds(a: npt.ArrayLike, b: npt.ArrayLike, confidence: float = 0.95) -> Interval:
    """Mean score of A minus that of B, for new seeds of both on new images that both are asked about.

    Parameters
    ----------
    a, b : array_like, shapes (seeds_a, images), (seeds_b, images)
        Finite; the same images in the same order.
    confidence : float
        In (0, 1).

    Returns
    -------
    Interval
        As `score_over_seeds`; ``low`` and ``high`` are None where either has a single seed.

    Raises
    ------
    ValueError
        As `score_over_seeds`, or where A and B saw different numbers of images.

    References
    ----------
    As `intervals.difference_over_seeds`.
    """
    first, second = _scores(a), _scores(b)
    require_confidence(confidence)
    if first.shape[1] != second.shape[1]:
        raise ValueError(f"A has scores of {first.shape[1]} images and B of {second.shape[1]}; both need the same ones")
    difference = first.mean(0) - second.mean(0)
    value = float(difference.mean())
    if min(len(first), len(second)) == 1:
        return Interval(value, None, None, confidence, first.shape[1])
    parts = [seed_component(first), seed_component(second), Component.of_mean(difference)]
    return _student(value, parts, confidence, first)


def _student(value: float, parts: list[Component], confidence: float, table: npt.NDArray[np.float64]) -> Interval:
    variance, quantile = combine(parts, confidence)
    half = quantile * variance**0.5
    return Interval(value, value - half, value + half, confidence, table.shape[1])


def _scores(given: npt.ArrayLike) -> npt.NDArray[np.float64]:
    table = np.asarray(given, dtype=np.float64)
    if table.ndim != 2 or table.shape[0] < 1 or table.shape[1] < 2 or not np.isfinite(table).all():
        raise ValueError(f"scores must be a table (seeds, two or more images) of finite numbers; found {table.shape}")
    return table
