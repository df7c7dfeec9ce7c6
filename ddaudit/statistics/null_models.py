"""Is this set's statistic unlike that of clean sets? The null of trigger inversion."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from scipy import stats

from ddaudit.statistics.errors import TooFewExamplesError
from ddaudit.statistics.multiplicity import max_statistic_p

Array = npt.NDArray[np.float64]

#: Simulated clean sets behind a parametric p-value, from a fixed seed: it is a function of its arguments.
_SIMULATIONS = 4000


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
        Family-wise over classes, for Gaussian residuals: can be small with few runs, and is trusted as far as they are.
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
    prediction of one more set; Westfall and Young, Resampling-Based Multiple Testing (1993), for the family of classes.
    """
    x, null = np.asarray(audited, dtype=np.float64), np.asarray(clean, dtype=np.float64)
    if x.ndim != 1 or null.ndim != 2 or null.shape[1] != x.size or x.size < 2:
        raise ValueError(
            f"expected (classes,) against (runs, classes), two classes or more; found {x.shape}, {null.shape}"
        )
    if not np.isfinite(x).all() or not np.isfinite(null).all():
        raise ValueError("every statistic must be finite: an inversion that found no trigger has its largest norm")
    runs = null.shape[0]
    if runs < 3:
        raise TooFewExamplesError(f"a null needs at least three clean sets, and better twenty; there are {runs}")
    z = _standardise(x, null)
    null_max_z = np.array([_standardise(row, np.delete(null, i, axis=0)).max() for i, row in enumerate(null)])
    rank_p = max_statistic_p(z, np.repeat(null_max_z[:, None], z.size, axis=1))
    return CleanComparison(z, null_max_z, rank_p, _gaussian_p(z, runs))


def _standardise(x: Array, null: Array) -> Array:
    runs = null.shape[0]
    # (row - mean of the others) is (row - mean of all) times runs / (runs - 1)
    spread = np.sqrt(np.square(_less_median((null - null.mean(axis=0)) * runs / (runs - 1))).mean())
    if spread <= 1e-12 * np.abs(null).max():  # nothing but rounding
        raise ValueError("the clean sets are all alike: the null has no spread to measure against")
    # A prediction from `runs` sets errs a little less than the ones from `runs - 1` that the spread was measured on.
    return -_less_median(x - null.mean(axis=0)) / (spread * np.sqrt((1 + 1 / runs) / (1 + 1 / (runs - 1))))


def _less_median(rows: Array) -> Array:
    return rows - np.median(rows, axis=-1, keepdims=True)


def _gaussian_p(z: Array, runs: int) -> Array:
    """Family-wise p-values if residuals are Gaussian: Student's, but for the median in place of the mean."""
    spread, lower, upper = _simulated(runs, z.size)
    gap = spread * z
    # A class above the median leaves the middle to the others, or, of an even number, may be one of the middle two.
    needed = np.minimum(gap + (lower + upper) / 2, lower + 2 * gap)
    return np.where(z > 0, np.minimum(z.size * stats.norm.sf(needed).mean(axis=0), 1.0), 1.0)


@lru_cache(maxsize=16)
def _simulated(runs: int, classes: int) -> tuple[Array, Array, Array]:
    """Spreads of clean nulls, and the middle of the other classes' residuals in clean sets; each (simulations, 1)."""
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((_SIMULATIONS, classes))
    freedom = (runs - 1) * (classes - 1)
    spread = np.sqrt(np.square(_less_median(rows)).mean() * rng.chisquare(freedom, (_SIMULATIONS, 1)) / freedom)
    others = np.sort(np.column_stack([rows[:, 1:], np.full(_SIMULATIONS, np.inf)]), axis=1)
    return spread, others[:, [(classes - 1) // 2]], others[:, [classes // 2]]
