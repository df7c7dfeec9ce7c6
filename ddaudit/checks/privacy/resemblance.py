"""How far a synthetic image is from real ones: in pixels, in a network's features, and by structural similarity."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from ddaudit.data.originals import Split

CHUNK = 2048
#: Wang et al.: standard deviation of the Gaussian window, and the constants for pixels in [0, 1].
SSIM_SIGMA, SSIM_C1, SSIM_C2 = 1.5, 0.01**2, 0.03**2

Embedding = Callable[[np.ndarray], np.ndarray]
"""Pixels (n, c, h, w) to float32 (n, d)."""


@dataclass(frozen=True, eq=False)
class Nearest:
    """The nearest candidate of each query.

    Parameters
    ----------
    index : int64 (m,)
        Into the split.
    distance : float64 (m,)
        Euclidean.
    """

    index: np.ndarray
    distance: np.ndarray

    def of(self, count: int) -> Nearest:
        """Of the first ``count`` queries."""
        return Nearest(self.index[:count], self.distance[:count])


def flat(pixels: np.ndarray) -> np.ndarray:
    """Pixels as they are shown, in one row an image."""
    return np.clip(pixels, 0, 1).reshape(len(pixels), -1)


def nearest(pixels: np.ndarray, split: Split, embed: Embedding = flat) -> Nearest:
    """The nearest image of a split to each of ``pixels`` (m, c, h, w), in chunks."""
    queries = embed(pixels).astype(np.float64)
    own = np.square(queries).sum(1)
    best, index = np.full(len(queries), np.inf), np.zeros(len(queries), np.int64)
    for start in range(0, len(split), CHUNK):
        candidates = embed(split.pixels(np.arange(start, min(start + CHUNK, len(split)))))
        products = queries.astype(np.float32) @ candidates.T
        squared = own[:, None] + np.square(candidates, dtype=np.float64).sum(1) - 2 * products
        closest = squared.argmin(1)
        found = squared[np.arange(len(queries)), closest]
        better = found < best
        best[better], index[better] = found[better], start + closest[better]
    return Nearest(index, np.sqrt(np.maximum(best, 0)))


def ssim(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """float64 (n,): mean structural similarity of pairs of images (n, c, h, w) with pixels in [0, 1], in [-1, 1].

    References
    ----------
    Wang, Bovik, Sheikh & Simoncelli, IEEE Trans. Image Processing 13 (2004).
    """
    a, b = (np.clip(one, 0, 1).astype(np.float64) for one in (a, b))

    def mean(x: np.ndarray) -> np.ndarray:
        return np.asarray(ndimage.gaussian_filter(x, (0, 0, SSIM_SIGMA, SSIM_SIGMA), truncate=3.5))

    mean_a, mean_b = mean(a), mean(b)
    var_a, var_b = mean(a * a) - mean_a**2, mean(b * b) - mean_b**2
    covariance = mean(a * b) - mean_a * mean_b
    similarity = ((2 * mean_a * mean_b + SSIM_C1) * (2 * covariance + SSIM_C2)) / (
        (mean_a**2 + mean_b**2 + SSIM_C1) * (var_a + var_b + SSIM_C2)
    )
    return similarity.mean((1, 2, 3))
