"""Bootstrap intervals of any statistic, stratified where asked."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy import stats

from ddaudit.statistics.intervals import Interval, require_confidence


def bootstrap(
    statistic: Callable[..., float],
    *samples: npt.ArrayLike,
    rng: np.random.Generator,
    strata: tuple[npt.ArrayLike, ...] | None = None,
    n_resamples: int = 2000,
    confidence: float = 0.95,
    method: Literal["percentile", "BCa"] = "percentile",
) -> Interval:
    """Bootstrap interval of any statistic of one or more independent samples.

    Parameters
    ----------
    statistic : callable
        Takes one array a sample, returns a number.
    *samples : array_like, shape (n_j, ...)
        Independent samples (say members and non-members); each is resampled over its first axis. To resample units
        that own several rows, such as distillations, pass their indices and look the rows up in ``statistic``.
    rng : numpy.random.Generator
    strata : tuple of array_like, each of shape (n_j,), optional
        A label for each entry of each sample; every stratum keeps its size in every resample.
    n_resamples : int
    confidence : float
        In (0, 1).
    method : {"percentile", "BCa"}
        BCa corrects bias and skewness at the price of one evaluation an entry: for hundreds of entries, not for tens of
        thousands. Where it is undefined (a statistic that never varies) the percentiles are taken.

    Returns
    -------
    Interval
        ``n`` is the number of entries in all samples.

    Raises
    ------
    ValueError
        Where a sample, or its stratification, has the wrong length or nothing to resample.

    References
    ----------
    Efron and Tibshirani, An Introduction to the Bootstrap (1993), chs. 13, 14.
    """
    arrays = [np.asarray(sample) for sample in samples]
    require_confidence(confidence)
    if not arrays or any(len(a) < 2 for a in arrays):
        raise ValueError(f"a bootstrap needs samples of two or more entries; found {[len(a) for a in arrays]}")
    labels = [np.zeros(len(a)) for a in arrays] if strata is None else [np.asarray(s) for s in strata]
    if [len(s) for s in labels] != [len(a) for a in arrays]:
        raise ValueError(
            f"samples of {[len(a) for a in arrays]} entries came with strata of {[len(s) for s in labels]}"
        )

    # One index array a stratum: scipy resamples each on its own, and the statistic puts them together again.
    # A stratum of one entry is always itself.
    groups = [[np.flatnonzero(s == stratum) for stratum in np.unique(s)] for s in labels]

    def of_indices(*drawn: npt.NDArray[np.intp]) -> float:
        indices = iter(drawn)
        parts = [np.concatenate([next(indices) if len(g) > 1 else g for g in strata_of]) for strata_of in groups]
        return float(statistic(*(a[part] for a, part in zip(arrays, parts, strict=True))))

    resampled = [g for strata_of in groups for g in strata_of if len(g) > 1]
    if not resampled:
        raise ValueError("every stratum has a single entry, so there is nothing to resample")

    def limits(kind: str) -> tuple[float, float]:
        # scipy otherwise draws all resamples at once, a gigabyte for 60,000 scores.
        batch = max(1, 1_000_000 // sum(len(g) for g in resampled))
        found = stats.bootstrap(
            resampled, of_indices, n_resamples=n_resamples, batch=batch, vectorized=False,
            confidence_level=confidence, method=kind, random_state=rng,
        ).confidence_interval  # fmt: skip
        return float(found.low), float(found.high)

    with warnings.catch_warnings(), np.errstate(invalid="ignore", divide="ignore"):
        warnings.simplefilter("ignore", stats.DegenerateDataWarning)
        low, high = limits(method)
    if np.isnan([low, high]).any():
        low, high = limits("percentile")
    return Interval(float(statistic(*arrays)), low, high, confidence, sum(len(a) for a in arrays))
