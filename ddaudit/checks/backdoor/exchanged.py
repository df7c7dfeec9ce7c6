"""Whether models take the images of two classes for each other, as training on exchanged labels makes them."""

from __future__ import annotations

import numpy as np
from scipy import stats


def exchanged_p(predicted: np.ndarray, labels: np.ndarray, classes: int) -> np.ndarray:
    """For every two classes, the evidence that each is called by the other's name more often than by its own.

    Of the images of a that a model calls a or b, more than half must be called b, and the other way round, and for every model: the p-value is
    the largest of these exact binomial ones (an intersection-union test). It holds for one pair; over all pairs it needs a correction.

    Parameters
    ----------
    predicted : int64 (models, n)
    labels : int64 (n,)

    Returns
    -------
    float64 (k, k)
        Symmetric; 1 on the diagonal.
    """
    counts = np.stack([_called(one, labels, classes) for one in predicted])  # (models, k, k): images of a called b
    own = counts.diagonal(axis1=1, axis2=2)[:, :, None]
    one_way = stats.binom.sf(counts - 1, own + counts, 0.5).max(0)
    p = np.maximum(one_way, one_way.T)
    np.fill_diagonal(p, 1.0)
    return np.asarray(p)


def found_when_exchanged(predicted: np.ndarray, labels: np.ndarray, classes: int, level: float) -> tuple[int, int]:
    """(pairs of classes that would be found at that level had the set's labels of the two been exchanged, pairs).

    Training on a set with two labels exchanged gives the same models with two outputs exchanged, but for where their weights start:
    so the answers are exchanged, and nothing is trained.
    """
    found = 0
    pairs = [(a, b) for a in range(classes) for b in range(a)]
    for a, b in pairs:
        names = np.arange(classes)
        names[[a, b]] = b, a
        found += bool(exchanged_p(names[predicted], labels, classes)[a, b] < level)
    return found, len(pairs)


def _called(predicted: np.ndarray, labels: np.ndarray, classes: int) -> np.ndarray:
    return np.bincount(classes * labels + predicted, minlength=classes**2).reshape(classes, classes)
