"""How long images stand as attacks grow: the radius at which half of those that were right have fallen."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ddaudit.statistics.intervals import Interval
from ddaudit.statistics.two_way_draws import drawn_means, percentile_interval

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
    ((value, drawn),) = _medians([radii], grid, rng)
    models, images = np.shape(radii)
    return percentile_interval(value, drawn, models, images, confidence)


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
    (a, drawn_a), (b, drawn_b) = _medians([ours, theirs], grid, rng)
    with np.errstate(invalid="ignore", divide="ignore"):
        fewest, images = min(np.shape(ours), np.shape(theirs))
        return percentile_interval(float(np.float64(a) / b), drawn_a / drawn_b, fewest, images, confidence)


def _medians(tables: list[npt.ArrayLike], grid: npt.ArrayLike, rng: np.random.Generator) -> list[tuple[float, Array]]:
    """Of each table the median, and those of the resamples, in which the tables share their images."""
    edges = np.concatenate([[0.0], np.asarray(grid, np.float64)])
    stands = [np.asarray(radii)[:, None, :] > edges[None, :, None] * (1 + 1e-9) for radii in tables]
    return [
        (float(_crossing(share[None], edges)[0]), _crossing(drawn, edges)) for share, drawn in drawn_means(stands, rng)
    ]


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
