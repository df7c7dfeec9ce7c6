"""How surprising is a best match out of very many? p-values of maxima by extreme-value theory."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import special

from ddaudit.statistics.errors import TooFewExamplesError

Array = npt.NDArray[np.float64]

#: The fitted shape is shrunk towards 0 as if this many more maxima had shown a Gumbel tail (a prior s.d. of about 0.2).
#: Without it ten maxima suggest a heavy tail by chance: a match at nine null standard deviations then reached p < 0.01
#: in 64 % of simulated audits, with it in 78 %; where the tail is heavy indeed (t with 5 degrees of freedom) and the
#: null has 100 maxima, p < 0.001 comes 2.7 times as often as it should instead of 2.3 times.
_SHAPE_PRIOR = 20

#: Samples simulated for the uncertainty of the fit, from a fixed seed: a p-value is a function of its arguments.
_SIMULATIONS = 500


def extreme_value_p(
    observed: npt.ArrayLike,
    null: npt.ArrayLike,
    *,
    candidates: int = 1,
    null_candidates: int = 1,
) -> Array:
    r"""Probability that the best of so many unrelated candidates matches at least this well.

    The largest of many scores follows a generalised extreme value law. Its location, scale and shape are fitted to the
    null's maxima by L-moments; the shape is not allowed below 0 (Gumbel), so that the tail has no end. A fit is itself
    uncertain: samples of the null's size are drawn from it and fitted in turn, and the p-value is what the fitted law
    gives to the level that such fits would quote. Within the null's range it is never less than the rank's.

    In simulation p <= 0.01 and p <= 0.001 come at most about as often as they say among unrelated maxima of Gaussian
    and exponential scores, whatever the null's size. Of scores as heavy-tailed as t with 5 degrees of freedom they come
    as said with 300 null maxima, 1.4 and 2.7 times as often with 100, but 4 and 11 times as often with 10.

    Parameters
    ----------
    observed : array_like, shape (m,)
        Largest score of each synthetic image over ``candidates`` examples.
    null : array_like, shape (m0,)
        Largest scores over ``null_candidates`` examples that cannot be related; at least five, finite, not all equal. A
        held-out near-copy of a training image is related: it makes the tail look heavy.
    candidates, null_candidates : int
        Among how many the maxima were taken; only their ratio r matters, and by default it is 1. The largest of r times
        as many independent scores stays below x with the r-th power of the probability.

    Returns
    -------
    ndarray, shape (m,)
        In (0, 1], falling as ``observed`` grows.

    Raises
    ------
    TooFewExamplesError
        Where the null has fewer than five maxima.
    ValueError
        Where a value is NaN, the null does not vary, or a number of candidates is below 1.

    References
    ----------
    Coles, An Introduction to Statistical Modeling of Extreme Values (2001), ch. 3; Hosking, Wallis and Wood,
    Technometrics 27 (1985), and Hosking, J. Royal Statistical Society B 52 (1990), for the fit; Beran, JASA 83 (1988),
    for the calibration; Martins and Stedinger, Water Resources Research 36 (2000), for shrinking the shape.
    """
    x, maxima = np.asarray(observed, dtype=np.float64), np.asarray(null, dtype=np.float64)
    if x.ndim != 1 or maxima.ndim != 1 or np.isnan(x).any() or not np.isfinite(maxima).all():
        raise ValueError(f"expected rows of scores without NaN; found shapes {x.shape} and {maxima.shape}")
    if maxima.size < 5:
        raise TooFewExamplesError(f"a tail cannot be fitted to {maxima.size} null maxima; it takes at least five")
    if np.ptp(maxima) == 0:
        raise ValueError("all null maxima are equal: there is no spread to measure against")
    if candidates < 1 or null_candidates < 1:
        raise ValueError(f"numbers of candidates are at least 1; found {candidates} and {null_candidates}")
    ratio = candidates / null_candidates
    tail = -np.expm1(-ratio * _predictive_hazard(x, maxima)).mean(axis=0)
    reached = np.count_nonzero(maxima[:, None] >= x, axis=0)
    rank = np.where(reached > 0, 1 - (1 - (1 + reached) / (1 + maxima.size)) ** ratio, 0.0)
    return np.maximum(tail, rank)


def _predictive_hazard(x: Array, maxima: Array) -> Array:
    """-log P(a new null maximum <= x) under the fitted law, at each simulated fit's idea of x; (simulations, m)."""
    location, scale, shape = _fit(maxima)
    quoted = _to_gumbel((x - location) / scale, shape)
    gumbel = np.random.default_rng(0).gumbel(size=(_SIMULATIONS, maxima.size))
    location, scale, shapes = (parameter[:, None] for parameter in _fit(_from_gumbel(gumbel, shape)))
    return np.exp(-_to_gumbel(location + scale * _from_gumbel(quoted, shapes), shape))


def _to_gumbel(maxima: Array, shape: Array) -> Array:
    """The standard Gumbel score with the same probability; the upper bound keeps p above 0, at 1e-304."""
    return np.clip(np.log1p(np.maximum(shape * maxima, np.nextafter(-1, 0))) / shape, -10.0, 700.0)


def _from_gumbel(scores: Array, shape: Array) -> Array:
    return np.expm1(shape * scores) / shape


def _fit(samples: Array) -> tuple[Array, Array, Array]:
    """Location, scale and shape for maxima along the last axis, from their first three L-moments."""
    ordered = np.sort(samples, axis=-1)
    n = ordered.shape[-1]
    i = np.arange(n)
    b0, b1 = ordered.mean(axis=-1), ordered @ i / (n * (n - 1))
    b2 = ordered @ (i * (i - 1)) / (n * (n - 1) * (n - 2))
    l_scale = 2 * b1 - b0
    l_skewness = (6 * b2 - 6 * b1 + b0) / l_scale
    c = 2 / (3 + l_skewness) - np.log(2) / np.log(3)
    estimate = -(7.8590 * c + 2.9554 * c**2)
    # The floor stands for 0, where the formulas below are limits.
    shape = np.clip(estimate * n / (n + _SHAPE_PRIOR), 1e-6, 0.9)
    gamma = special.gamma(1 - shape)
    scale = l_scale / (gamma * np.log(2) * special.exprel(shape * np.log(2)))
    return b0 - scale * (gamma - 1) / shape, scale, shape
