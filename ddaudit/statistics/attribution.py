"""Which parts of a set does an effect come from? Regression on what was left out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

from ddaudit.statistics.errors import TooFewExamplesError
from ddaudit.statistics.multiplicity import holm

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Attribution:
    """What each group adds to the effect.

    Parameters
    ----------
    effect : ndarray, shape (groups,)
        By how much the response is larger where the group is kept.
    error : ndarray, shape (groups,)
        Standard error of it.
    p : ndarray, shape (groups,)
        One-sided (the group adds), family-wise over the groups by Holm.
    """

    effect: Array
    error: Array
    p: Array


def attribute(kept: npt.ArrayLike, response: npt.ArrayLike) -> Attribution:
    """Least squares of a response on which groups were kept.

    Parameters
    ----------
    kept : array_like of bool, shape (runs, groups)
        What each run was made with; drawn by the caller at random.
    response : array_like, shape (runs,)

    Raises
    ------
    TooFewExamplesError
        Where fewer than three runs are left after one for each group and the constant.
    ValueError
        Where the shapes do not fit, a response is not finite, or the draws do not tell the groups apart.

    References
    ----------
    Ilyas et al., Datamodels, ICML 2022 (a model's output as a linear function of the training subset).
    """
    design, y = np.asarray(kept, dtype=np.float64), np.asarray(response, dtype=np.float64)
    if design.ndim != 2 or y.shape != design.shape[:1] or not np.isfinite(y).all():
        raise ValueError(f"expected (runs, groups) and finite (runs,); found {design.shape} and {y.shape}")
    runs, groups = design.shape
    freedom = runs - groups - 1
    if freedom < 3:
        raise TooFewExamplesError(f"{groups} groups need at least {groups + 4} runs; there are {runs}")
    full = np.column_stack([np.ones(runs), design])
    if np.linalg.matrix_rank(full) <= groups:
        raise ValueError("the runs do not tell the groups apart: some were always kept, or left out, together")
    coefficients: Array = np.asarray(np.linalg.lstsq(full, y, rcond=None)[0], dtype=np.float64)
    variance = np.square(y - full @ coefficients).sum() / freedom
    error: Array = np.sqrt(variance * np.diag(np.linalg.inv(full.T @ full)))[1:]
    effect: Array = coefficients[1:]
    with np.errstate(divide="ignore", invalid="ignore"):
        t = effect / error
    return Attribution(effect, error, holm(stats.t.sf(np.nan_to_num(t, nan=0.0), freedom)))
