"""Accuracies of groups of images, with what new models and new images would have made of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from ddaudit.statistics.intervals import Interval
from ddaudit.statistics.pigeonhole import percentile_interval, weights

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class GroupMeans:
    """The accuracy of each group, and what it is when models and images are drawn again.

    Parameters
    ----------
    means : array (groups,)
    drawn : array (resamples, groups)
    models : int
        The fewest of any kind that was drawn together with this one.
    images : int
    """

    means: Floats
    drawn: Floats
    models: int
    images: int


def means_of_groups(
    tables: Sequence[npt.NDArray[np.bool_]], groups: npt.NDArray[np.integer], rng: np.random.Generator
) -> list[GroupMeans]:
    """The accuracies by group of several kinds of models, drawn again together (pigeonhole bootstrap).

    The models of each kind are drawn with replacement, and the images of each group, which are the same for all kinds.

    Parameters
    ----------
    tables : sequence of bool arrays, each (models, n)
        Which of the same images each model gets right.
    groups : int array (n,)
        0..groups-1, each with an image at least.
    rng : numpy.random.Generator

    Returns
    -------
    list of GroupMeans
        One a table.

    References
    ----------
    As `pigeonhole`.
    """
    by_model = [weights(len(table), rng) for table in tables]
    means: list[list[float]] = [[] for _ in tables]
    drawn: list[list[Floats]] = [[] for _ in tables]
    for group in range(int(groups.max()) + 1):
        inside = groups == group
        by_image = weights(int(inside.sum()), rng)
        for j, table in enumerate(tables):
            means[j].append(float(table[:, inside].mean()))
            drawn[j].append(((by_image @ table[:, inside].T) * by_model[j]).sum(1))
    fewest = min(len(table) for table in tables)
    return [GroupMeans(np.array(m), np.stack(d, -1), fewest, len(groups)) for m, d in zip(means, drawn, strict=True)]


def interval_of(
    statistic: Callable[..., Floats], *kinds: GroupMeans, noise_adds: bool = False, confidence: float = 0.95
) -> Interval:
    """A number made of the accuracies by group, with its bootstrap interval.

    Parameters
    ----------
    statistic : callable
        From the accuracies (..., groups) of each kind to (...).
    *kinds : GroupMeans
        From one call of `means_of_groups`.
    noise_adds : bool
        For a number that noise can only raise, such as a spread: the limits are mirrored at the estimate (basic bootstrap), which takes that out
        again, and none is below zero. Otherwise they are percentiles.
    confidence : float
        In (0, 1).

    Returns
    -------
    Interval
        ``n`` counts images; ``low`` and ``high`` are None where some kind has a single model.
    """
    value = float(statistic(*(kind.means for kind in kinds)))
    drawn = statistic(*(kind.drawn for kind in kinds))
    found = percentile_interval(value, drawn, kinds[0].models, kinds[0].images, confidence)
    if not noise_adds or found.low is None or found.high is None:
        return found
    return replace(found, low=max(0.0, 2 * value - found.high), high=max(0.0, 2 * value - found.low))
