"""Is this set's statistic unlike that of clean sets? The null of trigger inversion."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

from ddaudit.statistics.errors import TooFewExamplesError

Array = npt.NDArray[np.float64]

#: From the median absolute deviation to the standard deviation of a Gaussian.
_MAD = 1.4826
#: Weight of a set's own scatter beside that of the clean sets, as variances. With none a kind of set whose classes differ more than those
#: of the clean sets is accused for its kind; with all the weight a handful of classes estimates its own scatter badly.
_OWN = 0.5
#: With fewer classes a set's own scatter is no more than the deviation that is judged by it, and has no weight.
_LEAST_CLASSES = 5


@dataclass(frozen=True)
class CleanComparison:
    """A set beside clean ones, class by class, of one statistic or of several.

    Parameters
    ----------
    z : ndarray, shape (classes,) or (statistics, classes)
        How far each class lies *below* what clean sets lead to expect, in standard errors of that prediction.
    null_z : ndarray, shape (runs, *shape of z)
        The same of each clean set when it is compared with the others alone.
    """

    z: Array
    null_z: Array


def compare_with_clean(audited: npt.ArrayLike, clean: npt.ArrayLike) -> CleanComparison:
    """Standardise the statistic of each class against clean sets of the same kind.

    The residual is the statistic less the class's mean over the clean sets, less the set's own median over classes (a
    set whose every class is easy, or hard, is not a backdoored one). It is divided by a scale that is half, as a variance, the mean square
    that the same residual has when each clean set is predicted from the others, and half the set's own scatter over classes (from the
    median absolute deviation, which one class cannot inflate: a set whose classes all differ from those of clean sets is of another kind,
    not backdoored); of fewer than five classes the clean sets' scale alone. z is minus the quotient, since a backdoor makes its target class *easier* to reach. Each clean set's own
    z is found in the same way from the others alone, scale included, so it is as honest as the audited set's.

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
    _enough(runs)
    z = _standardise(x, null)
    null_z = np.stack([_standardise(row, np.delete(null, i, axis=0)) for i, row in enumerate(null)])
    return CleanComparison(z, null_z)


def compare_families(audited: npt.ArrayLike, clean: npt.ArrayLike) -> CleanComparison:
    """``compare_with_clean`` of several statistics of each class, each standardised by itself, as one family of hypotheses.

    Whoever takes the largest z over all statistics and classes, of the set and of each clean one alike, needs no correction for how many there
    are or how they hang together.

    Parameters
    ----------
    audited : array_like, shape (statistics, classes)
    clean : array_like, shape (runs, statistics, classes)

    Raises
    ------
    ValueError, TooFewExamplesError
        As ``compare_with_clean``.
    """
    x, null = _families(audited, clean)
    each = [compare_with_clean(row, null[:, i]) for i, row in enumerate(x)]
    z, null_z = np.stack([one.z for one in each]), np.stack([one.null_z for one in each], axis=1)
    return CleanComparison(z, null_z)


def level_p(audited: npt.ArrayLike, clean: npt.ArrayLike) -> float:
    """How likely one more clean set would lie as far off as a whole: whether what is said of its classes can rest on these clean sets.

    ``compare_with_clean`` takes the set's own median over classes out, and so does not see it; here it is what counts. Each statistic's
    median is placed by Student's t among those of the clean sets, two-sided; Bonferroni over the statistics.

    Parameters
    ----------
    audited : array_like, shape (statistics, classes)
    clean : array_like, shape (runs, statistics, classes)

    Returns
    -------
    float
        In [0, 1].

    Raises
    ------
    ValueError, TooFewExamplesError
        As ``compare_with_clean``.

    References
    ----------
    Geisser, Predictive Inference (1993).

    >>> clean = np.array([0.9, 1.0, 1.1])[:, None, None] * np.ones((3, 1, 5))
    >>> round(level_p(np.ones((1, 5)), clean), 3), round(level_p(np.full((1, 5), 3.0), clean), 3)
    (1.0, 0.003)
    """
    x, null = _families(audited, clean)
    if not np.isfinite(x).all() or not np.isfinite(null).all():
        raise ValueError("every statistic must be finite")
    runs = len(null)
    _enough(runs)
    level, levels = np.median(x, axis=1), np.median(null, axis=2)
    spread = levels.std(axis=0, ddof=1)
    if not spread.all():
        raise ValueError("the clean sets are all alike: the null has no spread to measure against")
    t = np.abs(level - levels.mean(axis=0)) / (spread * np.sqrt(1 + 1 / runs))
    return float(min(1.0, len(level) * 2 * stats.t.sf(t, runs - 1).min()))


def _families(audited: npt.ArrayLike, clean: npt.ArrayLike) -> tuple[Array, Array]:
    """(statistics, classes) and (runs, statistics, classes), if they are so."""
    x, null = np.asarray(audited, dtype=np.float64), np.asarray(clean, dtype=np.float64)
    if x.ndim != 2 or null.shape[1:] != x.shape:
        raise ValueError(
            f"expected (statistics, classes) against (runs, statistics, classes); found {x.shape}, {null.shape}"
        )
    return x, null


def _enough(runs: int) -> None:
    if runs < 3:
        raise TooFewExamplesError(f"a null needs at least three clean sets, and better twenty; there are {runs}")


def _standardise(x: Array, null: Array) -> Array:
    runs = null.shape[0]
    # (row - mean of the others) is (row - mean of all) times runs / (runs - 1)
    spread = np.square(_less_median((null - null.mean(axis=0)) * runs / (runs - 1))).mean()
    if spread <= np.square(1e-12 * np.abs(null).max()):  # nothing but rounding
        raise ValueError("the clean sets are all alike: the null has no spread to measure against")
    # A prediction from `runs` sets errs a little less than the ones from `runs - 1` that the spread was measured on.
    expected = spread * (1 + 1 / runs) / (1 + 1 / (runs - 1))
    residual = _less_median(x - null.mean(axis=0))
    own = np.square(_MAD * np.median(np.abs(residual)))
    weight = _OWN if x.size >= _LEAST_CLASSES else 0.0
    z: Array = -residual / np.sqrt((1 - weight) * expected + weight * own)
    return z


def _less_median(rows: Array) -> Array:
    return rows - np.median(rows, axis=-1, keepdims=True)
