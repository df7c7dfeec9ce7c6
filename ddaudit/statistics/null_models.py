"""Is this set's statistic unlike that of clean sets? The null of trigger inversion."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

from ddaudit.statistics.errors import TooFewExamplesError
from ddaudit.statistics.multiplicity import max_statistic_p

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class CleanComparison:
    """A set beside clean ones, class by class.

    Parameters
    ----------
    z : ndarray, shape (classes,)
        How far each class lies *below* what clean sets lead to expect, in standard errors of that prediction.
    null_max_z : ndarray, shape (runs,)
        Each clean set's largest z when it is compared with the others alone.
    rank_p : ndarray, shape (classes,)
        Family-wise over classes, without a distribution: at best 1 / (1 + runs).
    parametric_p : ndarray, shape (classes,)
        Family-wise over classes, from Student's distribution: can be small with few runs, if residuals are Gaussian.
    """

    z: Array
    null_max_z: Array
    rank_p: Array
    parametric_p: Array


def compare_with_clean(audited: npt.ArrayLike, clean: npt.ArrayLike) -> CleanComparison:
    """Standardise the statistic of each class against clean sets of the same kind.

    The residual is the statistic less the class's mean over the clean sets, less the set's own median over classes (a
    set whose every class is easy, or hard, is not a backdoored one). It is divided by the root mean square that the
    same residual has when each clean set is predicted from the others; z is minus the quotient, since a backdoor makes
    its target class *easier* to reach. Each clean set's own maximum, for the rank, is found in the same way from the
    others alone, spread included, so it is as honest as the audited set's.

    Parameters
    ----------
    audited : array_like, shape (classes,)
        Small is suspicious: logarithm of the trigger's norm, or of the blend's strength.
    clean : array_like, shape (runs, classes)
        The same statistic on clean sets, of the audited set's size and way of making.

    Returns
    -------
    CleanComparison

    Raises
    ------
    ValueError
        Where the shapes do not fit, a value is not finite, there is a single class, or the clean sets do not vary.
    TooFewExamplesError
        Where there are fewer than three clean sets.

    References
    ----------
    Wang et al., Neural Cleanse, IEEE S&P 2019, for the statistic; Geisser, Predictive Inference (1993), for the
    prediction of one more set; Sidak, JASA 62 (1967), for the family of classes.
    """
    x, null = np.asarray(audited, dtype=np.float64), np.asarray(clean, dtype=np.float64)
    if x.ndim != 1 or null.ndim != 2 or null.shape[1] != x.size or x.size < 2:
        raise ValueError(
            f"expected (classes,) against (runs, classes), two classes or more; found {x.shape}, {null.shape}"
        )
    if not np.isfinite(x).all() or not np.isfinite(null).all():
        raise ValueError("every statistic must be finite: an inversion that found no trigger has its largest norm")
    runs, classes = null.shape
    if runs < 3:
        raise TooFewExamplesError(f"a null needs at least three clean sets, and better twenty; there are {runs}")
    z = _standardise(x, null)
    null_max_z = np.array([_standardise(row, others).max() for row, others in _leave_one_out(null)])
    # Residuals about class means and set effects leave this many degrees of freedom to the pooled spread.
    single = stats.t.sf(z, (runs - 1) * (classes - 1))
    return CleanComparison(
        z, null_max_z, max_statistic_p(z, null_max_z[:, None] * np.ones(classes)), _sidak(single, classes)
    )


def _standardise(x: Array, null: Array) -> Array:
    runs = null.shape[0]
    spread = np.sqrt(np.mean([np.square(_residual(row, others)) for row, others in _leave_one_out(null)]))
    if spread == 0:
        raise ValueError("the clean sets are all alike: the null has no spread to measure against")
    # A prediction from `runs` sets errs a little less than the ones from `runs - 1` that the spread was measured on.
    return -_residual(x, null) / (spread * np.sqrt((1 + 1 / runs) / (1 + 1 / (runs - 1))))


def _residual(row: Array, null: Array) -> Array:
    shifted = row - null.mean(axis=0)
    return shifted - np.median(shifted)


def _leave_one_out(null: Array) -> list[tuple[Array, Array]]:
    return [(row, np.delete(null, i, axis=0)) for i, row in enumerate(null)]


def _sidak(p: Array, family: int) -> Array:
    # log1p and expm1 keep 1 - (1 - p)^k exact for p near 0.
    return -np.expm1(family * np.log1p(-p))
