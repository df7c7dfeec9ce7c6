"""Accuracies of groups of images, with what new models and new images would have made of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ddaudit.statistics.intervals import Interval

Floats = npt.NDArray[np.float64]
RESAMPLES = 1000


@dataclass(frozen=True)
class GroupMeans:
    """The accuracy of each group, and what it is when models and images are drawn again.

    Parameters
    ----------
    means : array (groups,)
    drawn : array (resamples, groups)
        No rows where there is a single model, which tells nothing of the next.
    n : int
        Images.
    """

    means: Floats
    drawn: Floats
    n: int


def resampled_means(
    tables: Sequence[npt.NDArray[np.bool_]],
    groups: npt.NDArray[np.integer],
    rng: np.random.Generator,
    resamples: int = RESAMPLES,
) -> list[GroupMeans]:
    """The accuracies by group of several kinds of models, drawn again together.

    The models of each kind are drawn with replacement, and the images of each group, which are the same for all kinds.

    Parameters
    ----------
    tables : sequence of bool arrays, each (models, n)
        Which of the same images each model gets right.
    groups : int array (n,)
        0..groups-1, each with an image at least.
    rng : numpy.random.Generator
    resamples : int

    Returns
    -------
    list of GroupMeans
        One a table; without drawn ones where any table has a single model.

    References
    ----------
    Efron and Tibshirani, An Introduction to the Bootstrap (1993), ch. 8; Owen, Annals of Applied Statistics 1 (2007), for drawing rows and
    columns of a table.
    """
    count = int(groups.max()) + 1
    resamples = resamples if min(len(table) for table in tables) > 1 else 0

    def shares(n: int) -> Floats:
        drawn: Floats = rng.multinomial(n, np.full(n, 1 / n), resamples) / n
        return drawn

    models = [shares(len(table)) for table in tables]
    means = [np.empty(count) for _ in tables]
    drawn = [np.empty((resamples, count)) for _ in tables]
    for group in range(count):
        inside = groups == group
        images = shares(int(inside.sum()))
        for j, table in enumerate(tables):
            means[j][group] = table[:, inside].mean()
            drawn[j][:, group] = ((images @ table[:, inside].T) * models[j]).sum(1)
    return [GroupMeans(m, d, len(groups)) for m, d in zip(means, drawn, strict=True)]


def interval_of(
    statistic: Callable[..., Floats], *kinds: GroupMeans, noise_adds: bool = False, confidence: float = 0.95
) -> Interval:
    """A number made of the accuracies by group, with its bootstrap interval.

    Parameters
    ----------
    statistic : callable
        From the accuracies (..., groups) of each kind to (...).
    *kinds : GroupMeans
        From one call of `resampled_means`.
    noise_adds : bool
        For a number that noise can only raise, such as a spread: the limits are mirrored at the estimate (basic bootstrap), which takes that out
        again, and none is below zero. Otherwise they are percentiles.
    confidence : float
        In (0, 1).

    Returns
    -------
    Interval
        ``n`` counts images; ``low`` and ``high`` are None where nothing was drawn.
    """
    value = float(statistic(*(kind.means for kind in kinds)))
    if not len(kinds[0].drawn):
        return Interval(value, None, None, confidence, kinds[0].n)
    drawn = statistic(*(kind.drawn for kind in kinds))
    low, high = (float(q) for q in np.quantile(drawn, [(1 - confidence) / 2, (1 + confidence) / 2]))
    if noise_adds:
        low, high = max(0.0, 2 * value - high), max(0.0, 2 * value - low)
    return Interval(value, low, high, confidence, kinds[0].n)
