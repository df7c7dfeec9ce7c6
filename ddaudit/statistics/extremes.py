"""How surprising is a best match out of very many? p-values of maxima by extreme-value theory."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

#: Null samples simulated for the uncertainty of the fit; fixed, so that a p-value is a function of its arguments.
_SIMULATIONS = 4000


def extreme_value_p(
    observed: npt.ArrayLike,
    null: npt.ArrayLike,
    *,
    candidates: int = 1,
    null_candidates: int = 1,
) -> Array:
    """Probability that the best of so many unrelated candidates matches at least this well.

    A largest score of many follows Gumbel's law, whose location and scale are fitted to the null's maxima by
    L-moments. A fit to a few maxima is itself uncertain: the p-value is averaged over the fits that samples of the
    null's size lead to, which makes it exact for Gumbel maxima at any sample size. Within the null's range it is never
    less than the rank's.

    Parameters
    ----------
    observed : array_like, shape (m,)
        Largest score of each synthetic image over ``candidates`` examples.
    null : array_like, shape (m0,)
        Largest scores over ``null_candidates`` examples that cannot be related; three or more, finite, not all equal.
    candidates, null_candidates : int
        Among how many the maxima were taken; only their ratio matters, and by default it is 1. The maximum over r times
        as many independent candidates stays below x with the r-th power of the probability.

    Returns
    -------
    ndarray, shape (m,)
        In (0, 1].

    Raises
    ------
    ValueError
        Where a value is NaN, the null is too small or does not vary, or a number of candidates is below 1.

    References
    ----------
    Coles, An Introduction to Statistical Modeling of Extreme Values (2001), ch. 3; Hosking, J. Royal Statistical
    Society B 52 (1990), for L-moments; Phipson and Smyth, Stat. Appl. Genet. Mol. Biol. 9 (2010), for the rank.
    """
    x, maxima = np.asarray(observed, dtype=np.float64), np.asarray(null, dtype=np.float64)
    if x.ndim != 1 or maxima.ndim != 1 or np.isnan(x).any() or not np.isfinite(maxima).all():
        raise ValueError(f"expected rows of scores without NaN; found shapes {x.shape} and {maxima.shape}")
    if maxima.size < 3 or np.ptp(maxima) == 0:
        raise ValueError(f"a null needs three maxima or more that differ; there are {maxima.size}")
    if candidates < 1 or null_candidates < 1:
        raise ValueError(f"numbers of candidates are at least 1; found {candidates} and {null_candidates}")
    ratio = candidates / null_candidates
    location, scale = (float(v) for v in _gumbel_by_l_moments(maxima[None]).ravel())
    tail = _predictive_p((x - location) / scale, maxima.size, ratio)
    reached = np.count_nonzero(maxima[:, None] >= x, axis=0)
    rank = np.where(reached > 0, 1 - (1 - (1 + reached) / (1 + maxima.size)) ** ratio, 0.0)
    return np.clip(np.maximum(tail, rank), np.finfo(np.float64).tiny, 1.0)


def _gumbel_by_l_moments(samples: Array) -> Array:
    """Location and scale, (2, samples), of Gumbel's law with the mean and L-scale of each row."""
    ordered = np.sort(samples, axis=1)
    n = ordered.shape[1]
    l_scale = ordered @ (2 * np.arange(n) - n + 1) / (n * (n - 1))
    scale = l_scale / np.log(2)
    return np.stack([ordered.mean(axis=1) - np.euler_gamma * scale, scale])


@lru_cache(maxsize=32)
def _fits(size: int) -> tuple[Array, Array]:
    """Fits to simulated standard Gumbel samples of that size."""
    samples = np.random.default_rng(size).gumbel(size=(_SIMULATIONS, size))
    location, scale = _gumbel_by_l_moments(samples)
    return location, scale


def _predictive_p(standardised: Array, size: int, ratio: float) -> Array:
    """P(a new standard Gumbel maximum exceeds fitted location + t * fitted scale), averaged over the fits."""
    location, scale = _fits(size)
    thresholds = location[:, None] + standardised * scale[:, None]
    return -np.expm1(-ratio * np.exp(-thresholds)).mean(axis=0)
