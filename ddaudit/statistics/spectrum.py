"""How a set of feature vectors fills the eigen-bands of another, and where its tie to the labels differs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

#: Vectors for each eigenvalue that is used at least: weaker ones are mostly noise of the sample.
VECTORS_AN_EIGENVALUE = 4
#: A feature that varies by less than this share of the strongest is constant.
DEAD = 1e-4


def octaves(count: int) -> list[slice]:
    """Bands of eigenvectors, each twice as many as the one before: 1, 2-3, 4-7, ...

    >>> [band.stop for band in octaves(20)]
    [1, 3, 7, 15]
    """
    return [slice(2**j - 1, 2 ** (j + 1) - 1) for j in range(int(np.log2(count + 1)))]


@dataclass(frozen=True)
class Spectrum:
    """The original in some network's features: its eigenvectors, strongest first, and what the labels have to do with each.

    The strong eigenvectors of the feature-feature correlation carry what is coarse and common (low frequencies), the weak ones what is fine (high).

    Parameters
    ----------
    mean : array (d,)
    directions : array (d, r)
        Eigenvectors of the covariance, each divided by the root of its eigenvalue: projections of the original have variance 1.
    scales : array (r,)
        These roots.
    label_correlation : array (r, k)
        Covariance of each eigenvector's feature with being of each class.

    References
    ----------
    Bo, Liu & Wang, Understanding dataset distillation via spectral filtering (UniDD), ICLR 2026.
    """

    mean: Floats
    directions: Floats
    scales: Floats
    label_correlation: Floats

    @classmethod
    def fit(cls, chunks: Iterable[tuple[npt.NDArray[np.floating], npt.NDArray[np.integer]]], classes: int) -> Spectrum:
        """From features (n_j, d) and labels (n_j,) a chunk at a time."""
        n, sums = 0, [np.zeros(1) for _ in range(4)]
        for features, labels in chunks:
            x, y = features.astype(np.float64), np.eye(classes)[labels]
            n, sums = (
                n + len(x),
                [s + more for s, more in zip(sums, (x.sum(0), x.T @ x, x.T @ y, y.sum(0)), strict=True)],
            )
        total, squares, ties, counts = sums
        mean = total / n
        values, vectors = np.linalg.eigh(squares / n - np.outer(mean, mean))
        return cls.of(mean, values[::-1], vectors[:, ::-1], ties / n - np.outer(mean, counts / n), n)

    @classmethod
    def of(
        cls,
        mean: npt.NDArray[np.floating],
        values: npt.NDArray[np.floating],
        vectors: npt.NDArray[np.floating],
        ties: npt.NDArray[np.floating],
        n: int,
    ) -> Spectrum:
        """From the eigenvalues (d,), descending, and eigenvectors (d, d) of the covariance of n vectors, and theirs with the classes (d, k)."""
        kept = max(1, min(len(values), n // VECTORS_AN_EIGENVALUE))
        scales = np.sqrt(np.maximum(values[:kept], 0)).astype(np.float64)
        scales = scales[scales > DEAD * scales[0]]
        chosen = vectors[:, : len(scales)]
        return cls(np.asarray(mean, np.float64), chosen / scales, scales, chosen.T @ ties)

    @property
    def bands(self) -> list[slice]:
        """Octaves of the eigenvectors."""
        return octaves(len(self.scales))

    def project(self, features: npt.NDArray[np.floating]) -> Floats:
        """(n, r): features in units of the original's standard deviation along each eigenvector."""
        projected: Floats = (features - self.mean) @ self.directions
        return projected

    def energy(self, projected: Floats) -> Floats:
        """(n, bands): by vector and band, its mean square: 1 in the mean over the original."""
        return np.stack([np.square(projected[:, band]).mean(1) for band in self.bands], 1)

    def label_error(self, projected: Floats, labels: npt.NDArray[np.integer]) -> Floats:
        """(bands,): distance between a set's feature-label correlation and the original's, as a share of the latter's length."""
        wanted = np.eye(self.label_correlation.shape[1])[labels]
        found = (projected * self.scales).T @ (wanted - wanted.mean(0)) / len(labels)
        missed = found - self.label_correlation
        return np.array(
            [_length(missed[band]) / max(_length(self.label_correlation[band]), 1e-12) for band in self.bands]
        )


def _length(matrix: Floats) -> float:
    return float(np.sqrt(np.square(matrix).sum()))


def tilt(energy: Floats) -> Floats:
    """By how many powers of two energy (..., bands) rises from one octave to the next, in the mean: above 0 it leans to what is fine."""
    heights = np.log2(np.maximum(energy, 1e-12))
    place = np.arange(heights.shape[-1]) - (heights.shape[-1] - 1) / 2
    slope: Floats = heights @ place / np.square(place).sum()
    return slope
