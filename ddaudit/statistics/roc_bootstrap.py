"""Stratified bootstrap of a ROC curve: members and non-members are resampled apart, and each side keeps its size."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

from ddaudit.statistics.intervals import Interval, require_confidence, wilson_limits
from ddaudit.statistics.roc import auc_interval

Array = npt.NDArray[np.float64]

#: Counts held at a time: a resample of 100,000 scores and a thousand resamples need not be in memory together.
_HELD = 4_000_000


@dataclass(frozen=True, eq=False)
class RocBand:
    """A ROC curve on a grid of false positive rates, with what resampling makes of it.

    Parameters
    ----------
    area : Interval
        The AUC; ``n`` counts both sides.
    fpr, tpr, low, high : ndarray, shape (grid,)
        The largest true positive rate at at most that false positive rate, and its pointwise interval.
    """

    area: Interval
    fpr: Array
    tpr: Array
    low: Array
    high: Array


def bootstrap_roc(
    member_scores: npt.ArrayLike,
    nonmember_scores: npt.ArrayLike,
    fpr: npt.ArrayLike,
    rng: np.random.Generator,
    n_resamples: int = 1000,
    confidence: float = 0.95,
) -> RocBand:
    """The whole curve with pointwise limits from resamples, and the AUC with those of `auc_interval`.

    The scores are sorted once; a resample is how often each was drawn, and running sums of these counts give every
    operating point, so a resample costs one pass over the scores. The resamples' variance says of how many members a rate
    is as sure, and the limits are Wilson's for so many, as in `intervals.accuracy_over_seeds`: where every resample agrees
    they are those of all the members. In its tails a bootstrap is optimistic: a rate at few false positives is quoted with
    the interval of `tpr_at_fpr` instead, the band is for the eye.

    Parameters
    ----------
    member_scores : array_like, shape (n_member,)
    nonmember_scores : array_like, shape (n_nonmember,)
    fpr : array_like, shape (grid,)
        In [0, 1].
    rng : numpy.random.Generator
    n_resamples : int
    confidence : float
        In (0, 1).

    Returns
    -------
    RocBand

    Raises
    ------
    TooFewExamplesError, ValueError
        As `auc_interval`.

    References
    ----------
    Efron and Tibshirani, An Introduction to the Bootstrap (1993), ch. 6; Korn and Graubard, Survey Methodology 24 (1998),
    for the effective number; Carlini et al., IEEE S&P 2022, for the axes.
    """
    require_confidence(confidence)
    area = auc_interval(member_scores, nonmember_scores, confidence)
    sides = [np.asarray(s, dtype=np.float64) for s in (member_scores, nonmember_scores)]
    grid = np.asarray(fpr, dtype=np.float64)
    levels, place = np.unique(np.concatenate(sides), return_inverse=True)
    places = [levels.size - 1 - p for p in np.split(place, [sides[0].size])]  # from the highest score down
    whole = [np.bincount(p, minlength=levels.size)[None] for p in places]
    tpr = _rates(grid, *whole)[0]

    batch = max(1, _HELD // sum(s.size for s in sides))
    rates = []
    for start in range(0, n_resamples, batch):
        count = min(batch, n_resamples - start)
        rates.append(_rates(grid, *(_resampled(p, levels.size, count, rng) for p in places)))
    limits = [_limits(*one, sides[0].size, confidence) for one in zip(tpr, np.concatenate(rates).var(0), strict=True)]
    low, high = np.reshape(limits, (-1, 2)).T
    low[grid >= 1] = 1.0  # whoever accuses all finds all
    return RocBand(area, grid, tpr, low, high)


def _limits(rate: float, variance: float, members: int, confidence: float) -> tuple[float, float]:
    effective = min(rate * (1 - rate) / variance, members) if variance > 0 and 0 < rate < 1 else members
    return wilson_limits(rate, effective, float(stats.norm.isf((1 - confidence) / 2)))


def _resampled(places: npt.NDArray[np.intp], levels: int, count: int, rng: np.random.Generator) -> npt.NDArray[np.intp]:
    """How often each level is drawn in each of ``count`` resamples (count, levels)."""
    drawn = places[rng.integers(0, places.size, (count, places.size))]
    drawn += np.arange(count)[:, None] * levels
    return np.bincount(drawn.ravel(), minlength=count * levels).reshape(count, levels)


def _rates(grid: Array, member: npt.NDArray[np.intp], nonmember: npt.NDArray[np.intp]) -> Array:
    """True positive rate of each row at each false positive rate of the grid."""
    allowed = np.floor(grid * nonmember[0].sum() * (1 + 1e-9))
    found = np.concatenate([np.zeros((len(member), 1)), member.cumsum(1)], axis=1) / member[0].sum()
    accused = nonmember.cumsum(1)
    passing = np.stack([np.searchsorted(row, allowed, side="right") for row in accused])
    return np.take_along_axis(found, passing, 1)
