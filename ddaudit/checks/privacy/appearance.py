"""What an image looks like before any model has seen it: how usual it is for its class, and how close to a set's images."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from scipy import linalg

from ddaudit.checks.privacy.matched_filter import RIDGE
from ddaudit.data.distilled import LabelledImages
from ddaudit.data.originals import Split
from ddaudit.data.splits import chunks

#: Leading directions among the features.
DIRECTIONS = 30


@dataclass(frozen=True, eq=False)
class Appearance:
    """The ridge-whitening of some real images, which are never those that are asked about.

    The same filter as TRACE's, (C + ridge I)^(-1/2), from the eigenvectors of a few images instead of the covariance of all:
    whoever is asked about had no part in it, and images of any size will do. Whitened by a covariance that the members
    belong to and the non-members do not, members look more usual than they are.

    Parameters
    ----------
    mean : float32 array (d,)
    directions : float32 array (q, d)
        Orthonormal rows, by falling variance.
    variance : float32 array (q,)
        Along each direction.
    ridge : float
    class_means : float32 array (k, d)
        Whitened, of unit length.
    """

    mean: np.ndarray
    directions: np.ndarray
    variance: np.ndarray
    ridge: float
    class_means: np.ndarray

    @classmethod
    def fit(cls, split: Split, classes: int) -> Appearance:
        """From some hundred or thousand real images: their inner products are decomposed."""
        n, labels = len(split), split.labels
        flat = split.pixels().reshape(n, -1)
        mean = flat.mean(0)
        flat = flat - mean
        # n by n, or d by d for small images: the same non-zero eigenvalues.
        wide = flat.shape[1] > n
        eigenvalues, vectors = linalg.eigh((flat @ flat.T if wide else flat.T @ flat) / (n - 1))
        ridge = RIDGE * float(eigenvalues.sum()) / flat.shape[1]
        kept = np.flatnonzero(eigenvalues > ridge / 10)[::-1]  # what lies lower is all but ridge
        variance = eigenvalues[kept]
        directions = vectors[:, kept].T
        if wide:
            directions = directions @ flat / np.sqrt(variance * (n - 1))[:, None]
        means = np.stack([flat[labels == c].mean(0) if (labels == c).any() else 0 * mean for c in range(classes)])
        unfinished = cls(mean, directions.astype(np.float32), variance, ridge, means)
        return replace(unfinished, class_means=unfinished.whitened(means + mean))

    def whitened(self, pixels: np.ndarray) -> np.ndarray:
        """float32 (n, d) of unit length, for pixels (n, c, h, w); the mean image gives zeros."""
        flat = pixels.reshape(len(pixels), -1) - self.mean
        shrunk = 1 - np.sqrt(self.ridge / (self.variance + self.ridge))
        flat = flat - (flat @ self.directions.T * shrunk) @ self.directions
        return flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-12)

    def features(self, split: Split) -> np.ndarray:
        """float32 (n, features): what may make an image easy or hard for its class, told without any model.

        Coordinates along the leading directions in standard deviations, the class, the likeness to its mean, and how far that
        is ahead of the likeness to the nearest other class.
        """
        parts = []
        for start, pixels in _numbered(split):
            labels = split.labels[start : start + len(pixels)]
            along = (pixels.reshape(len(pixels), -1) - self.mean) @ self.directions[:DIRECTIONS].T
            likeness = self.whitened(pixels) @ self.class_means.T
            own = np.take_along_axis(likeness, labels[:, None], 1)
            np.put_along_axis(likeness, labels[:, None], -1.0, 1)
            ahead = own - likeness.max(1, keepdims=True)
            of_class = np.eye(len(self.class_means), dtype=np.float32)[labels]
            parts.append(np.concatenate([along / np.sqrt(self.variance[:DIRECTIONS]), of_class, own, ahead], axis=1))
        return np.concatenate(parts).astype(np.float32)

    def closeness(self, split: Split, sets: list[LabelledImages]) -> np.ndarray:
        """float32 (sets, n): whitened correlation with each set's closest image of the class; 0 where it has none."""
        candidates = [(self.whitened(one.pixels()), one.hard_labels) for one in sets]
        closest = np.zeros((len(sets), len(split)), np.float32)
        for start, pixels in _numbered(split):
            labels, whitened = split.labels[start : start + len(pixels)], self.whitened(pixels)
            for c in np.unique(labels):
                rows = np.flatnonzero(labels == c)
                for row, (images, of_class) in zip(closest, candidates, strict=True):
                    if (of_class == c).any():
                        row[start + rows] = (whitened[rows] @ images[of_class == c].T).max(1)
        return closest


def _numbered(split: Split) -> Iterator[tuple[int, np.ndarray]]:
    start = 0
    for pixels in chunks(split):
        yield start, pixels
        start += len(pixels)
