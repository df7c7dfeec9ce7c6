"""Variances of many examples, each seen by a few models: lend them strength from one another."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import optimize, special

Array = npt.NDArray[np.float64]

#: Beyond this many degrees of freedom the prior is as good as certain: all examples share one variance.
CERTAIN = 1e6


def moderated_variance(variance: npt.ArrayLike, freedom: npt.ArrayLike) -> tuple[Array, Array]:
    """Posterior variance of each example under a common scaled inverse chi-squared prior that is fitted to all of them.

    Two or three models say next to nothing of an example's own spread, and one spread for all ignores that hard examples
    vary more. The prior's degrees of freedom say how alike the examples are; they are found by matching the mean and the
    variance of the log variances, and no more can be shared than the data support: where the log variances differ no more
    than chance makes them, the variances are pooled.

    Parameters
    ----------
    variance : array_like, shape (n,)
        Sample variances, at least 0.
    freedom : array_like, shape (n,)
        Their degrees of freedom; an example with 0 takes the prior's variance.

    Returns
    -------
    variance : ndarray, shape (n,)
        Between the sample variance and the prior's.
    freedom : ndarray, shape (n,)
        Of the posterior: the example's own plus the prior's.

    Raises
    ------
    ValueError
        Where fewer than two examples have a positive variance.

    References
    ----------
    Smyth, Linear models and empirical Bayes methods, Stat. Appl. Genet. Mol. Biol. 3 (2004).
    """
    s2, d = np.asarray(variance, dtype=np.float64), np.asarray(freedom, dtype=np.float64)
    seen = (d > 0) & (s2 > 0)
    if np.count_nonzero(seen) < 2:
        raise ValueError("a prior for variances needs two examples whose scores vary over the models")
    half = d[seen] / 2
    logs = np.log(s2[seen]) - special.digamma(half) + np.log(half)
    excess = float(logs.var(ddof=1) - special.polygamma(1, half).mean())
    prior = 2 * _inverse_trigamma(excess) if excess > 0 else np.inf
    if prior > CERTAIN:
        pooled = float((d * s2).sum() / d.sum())
        return np.full_like(s2, pooled), np.full_like(s2, np.inf)
    common = float(np.exp(logs.mean() + special.digamma(prior / 2) - np.log(prior / 2)))
    return (prior * common + d * s2) / (prior + d), prior + d


def _inverse_trigamma(value: float) -> float:
    """The x > 0 whose trigamma is ``value`` > 0."""
    bracket = (1e-8, 1e8)
    if not special.polygamma(1, bracket[1]) < value < special.polygamma(1, bracket[0]):
        return bracket[value < 1]
    return float(optimize.brentq(lambda x: float(special.polygamma(1, x)) - value, *bracket))
