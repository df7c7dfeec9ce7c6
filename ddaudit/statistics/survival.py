"""How long images stand as attacks grow: the radius at which half of those that were right have fallen."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from ddaudit.statistics.intervals import Interval
from ddaudit.statistics.two_way_draws import Drawn, drawn_means, interval_of

Array = npt.NDArray[np.float64]


def median_radius(
    radii: npt.ArrayLike, grid: npt.ArrayLike, rng: np.random.Generator, confidence: float = 0.95
) -> Interval:
    """The radius at which half of the images that a model gets right unattacked have been fooled.

    Between two radii of the grid the share that stands is taken to fall linearly in the logarithm of the radius (from 0 linearly). The
    interval speaks of new models on new images, both drawn as in `two_way_draws`.

    Parameters
    ----------
    radii : array_like, shape (models, images)
        The smallest radius that fooled; 0 where the model errs unattacked, inf where none did.
    grid : array_like, shape (k,)
        The radii that were tried, rising, all positive.
    rng : numpy.random.Generator
    confidence : float

    Returns
    -------
    Interval
        In units of the grid. ``value`` is inf where more than half stand at the last radius, nan where nothing was right. ``low`` and
        ``high`` are None for a single model; ``n`` is the number of images.

    References
    ----------
    As `two_way_draws`.
    """
    (standing,), edges = _standing([radii], grid, rng)
    return _of_logarithm(interval_of(lambda share: _log_crossing(share, edges), standing, confidence=confidence))


def median_ratio(
    ours: npt.ArrayLike, theirs: npt.ArrayLike, grid: npt.ArrayLike, rng: np.random.Generator, confidence: float = 0.95
) -> Interval:
    """``median_radius`` of ours over that of theirs, the images being the same ones: below 1 where ours fall earlier.

    Parameters
    ----------
    ours, theirs : array_like, shapes (models, images)
    grid, rng, confidence
        As for ``median_radius``.
    """
    (a, b), edges = _standing([ours, theirs], grid, rng)

    def ratio(mine: Array, other: Array) -> Array:
        with np.errstate(invalid="ignore"):
            return _log_crossing(mine, edges) - _log_crossing(other, edges)

    return _of_logarithm(interval_of(ratio, a, b, confidence=confidence))


def _standing(tables: list[npt.ArrayLike], grid: npt.ArrayLike, rng: np.random.Generator) -> tuple[list[Drawn], Array]:
    """Of each table the shares that stand at 0 and at every radius of the grid, and these radii; the tables share their images."""
    edges = np.concatenate([[0.0], np.asarray(grid, np.float64)])
    stands = [np.asarray(radii)[:, None, :] > edges[None, :, None] * (1 + 1e-9) for radii in tables]
    return drawn_means(stands, rng), edges


def _of_logarithm(found: Interval) -> Interval:
    low, high = (None if end is None else float(np.exp(end)) for end in (found.low, found.high))
    return replace(found, value=float(np.exp(found.value)), low=low, high=high)


def _log_crossing(share: Array, edges: Array) -> Array:
    with np.errstate(divide="ignore"):
        logarithm: Array = np.log(_crossing(np.atleast_2d(share), edges))
    return logarithm.reshape(share.shape[:-1])


def _crossing(standing: Array, edges: Array) -> Array:
    """Where each row (r, k) of counts falls to half of its first."""
    with np.errstate(invalid="ignore", divide="ignore"):
        share = standing / standing[:, :1]
        after = np.where((share <= 0.5).any(1), (share <= 0.5).argmax(1), 1)
        rows = np.arange(len(share))
        above, below = share[rows, after - 1], share[rows, after]
        way = (above - 0.5) / (above - below)
        left, right = edges[after - 1], edges[after]
        within = np.where(left > 0, np.exp((1 - way) * np.log(left) + way * np.log(right)), way * right)
    return np.where(np.isnan(share[:, 0]), np.nan, np.where((share <= 0.5).any(1), within, np.inf))
