"""How sure a model is against how often it is right."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

#: Groups of equally many answers, from the least sure to the surest.
BINS = 15


def brier_scores(probabilities: npt.NDArray[np.floating], labels: npt.NDArray[np.integer]) -> npt.NDArray[np.float64]:
    """The squared error of each answer, summed over classes: 0 is perfect, 2 is certainty of a wrong class.

    Parameters
    ----------
    probabilities : array, shape (models, n, k)
    labels : int array, shape (n,)

    Returns
    -------
    array, shape (models, n)

    References
    ----------
    Brier, Monthly Weather Review 78 (1950).
    """
    wanted = np.eye(probabilities.shape[-1])[labels]
    squares: npt.NDArray[np.float64] = np.square(probabilities - wanted).sum(-1, dtype=np.float64)
    return squares


def binned(confidence: npt.NDArray[np.floating], bins: int = BINS) -> npt.NDArray[np.intp]:
    """The group of each answer when they are sorted by confidence and cut into equally many.

    Parameters
    ----------
    confidence : array, shape (models, n)

    Returns
    -------
    int array, shape (models, n)
        From 0 (the least sure) to ``bins - 1``; equal confidences are dealt by their place.
    """
    rank = np.argsort(np.argsort(confidence, axis=1, kind="stable"), axis=1, kind="stable")
    return rank * bins // confidence.shape[1]


def calibration_gaps(
    confidence: npt.NDArray[np.floating], right: npt.NDArray[np.bool_], groups: npt.NDArray[np.intp]
) -> npt.NDArray[np.float64]:
    r"""What each answer adds to the expected calibration error (ECE) of its model.

    The ECE is the mean over groups of :math:`|\overline{\mathrm{confidence}} - \mathrm{accuracy}|`. Within a group the sign of the gap
    is common to all answers, so that the ECE is the mean of signed gaps, to which the variance of a mean applies. It is
    somewhat too high where the truth is near zero, as every ECE of a finite sample.

    Parameters
    ----------
    confidence : array, shape (models, n)
        In [0, 1].
    right : bool array, shape (models, n)
    groups : int array, shape (models, n)
        From `binned`.

    Returns
    -------
    array, shape (models, n)
        Its mean over n is each model's ECE, its groups equally large up to one answer.

    References
    ----------
    Guo et al., On calibration of modern neural networks, ICML 2017; Nguyen & O'Connor, EMNLP 2015 (equally large groups).
    """
    gaps = np.asarray(confidence, np.float64) - right
    for row, group in zip(gaps, groups, strict=True):
        row *= np.where(np.bincount(group, weights=row) < 0, -1.0, 1.0)[group]
    return gaps
