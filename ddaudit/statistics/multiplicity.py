"""Many questions at once: keep the false alarms rare over all of them together."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import stats


def benjamini_hochberg(p: npt.ArrayLike, fdr: float) -> npt.NDArray[np.bool_]:
    """Which hypotheses to flag so that at most a share ``fdr`` of the flags is false, in expectation.

    Parameters
    ----------
    p : array_like, shape (m,)
        p-values in [0, 1], independent or positively dependent.
    fdr : float
        In (0, 1).

    Returns
    -------
    ndarray of bool, shape (m,)

    Raises
    ------
    ValueError
        Where a p-value is NaN or outside [0, 1].

    References
    ----------
    Benjamini and Hochberg, J. Royal Statistical Society B 57 (1995).

    Examples
    --------
    >>> benjamini_hochberg([0.001, 0.5, 0.02], fdr=0.05).tolist()
    [True, False, True]
    """
    values = _p_values(p)
    if values.size == 0:
        return np.zeros(0, dtype=bool)
    return np.asarray(stats.false_discovery_control(values) <= fdr)


def adaptive_benjamini_hochberg(p: npt.ArrayLike, fdr: float) -> npt.NDArray[np.bool_]:
    """Benjamini and Hochberg's procedure when many hypotheses may be false: it first estimates how many are true.

    The plain procedure holds the rate at ``fdr`` times the share of true hypotheses, so where nearly every image of a
    set is traced it is far stricter than asked. Here that share is estimated from the p-values above one half.

    Parameters
    ----------
    p : array_like, shape (m,)
        p-values in [0, 1], independent but for the null that they share.
    fdr : float
        In (0, 1).

    Returns
    -------
    ndarray of bool, shape (m,)
        Never true for a p-value above one half.

    Raises
    ------
    ValueError
        Where a p-value is NaN or outside [0, 1].

    References
    ----------
    Storey, Taylor and Siegmund, J. Royal Statistical Society B 66 (2004), theorem 3.

    Examples
    --------
    >>> p = [0.06, 0.05, 0.04, 0.06, 0.03, 0.9]
    >>> int(benjamini_hochberg(p, fdr=0.05).sum()), int(adaptive_benjamini_hochberg(p, fdr=0.05).sum())
    (0, 5)
    """
    values = _p_values(p)
    if values.size == 0:
        return np.zeros(0, dtype=bool)
    true_share = min(1.0, (1 + np.count_nonzero(values > 0.5)) / (0.5 * values.size))
    return np.asarray((stats.false_discovery_control(values) * true_share <= fdr) & (values <= 0.5))


def holm(p: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """p-values adjusted so that flagging those under alpha raises any false alarm with probability at most alpha.

    Parameters
    ----------
    p : array_like, shape (m,)
        p-values in [0, 1], dependent in any way.

    Returns
    -------
    ndarray, shape (m,)
        In [0, 1], never below ``p``, in the same order.

    Raises
    ------
    ValueError
        Where a p-value is NaN or outside [0, 1].

    References
    ----------
    Holm, Scandinavian J. Statistics 6 (1979).

    Examples
    --------
    >>> holm([0.01, 0.04, 0.03]).tolist()
    [0.03, 0.06, 0.06]
    """
    values = _p_values(p)
    order = np.argsort(values, kind="stable")
    adjusted = np.empty_like(values)
    adjusted[order] = np.minimum(np.maximum.accumulate(values[order] * np.arange(values.size, 0, -1)), 1.0)
    return adjusted


def max_statistic_p(observed: npt.ArrayLike, null: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Family-wise p-value of each class: how often a clean run's largest class reaches it.

    Parameters
    ----------
    observed : array_like, shape (classes,)
        Statistic of each class of the audited set; large is suspicious.
    null : array_like, shape (runs, classes)
        The same statistic on clean sets.

    Returns
    -------
    ndarray, shape (classes,)
        (1 + number of runs whose maximum is at least the observed value) / (1 + runs): never 0, at best 1 / (1 + runs).

    Raises
    ------
    ValueError
        Where the shapes do not fit or a value is NaN.

    References
    ----------
    Westfall and Young, Resampling-Based Multiple Testing (1993); Phipson and Smyth, Stat. Appl. Genet. Mol. Biol. 9
    (2010), for the ones.
    """
    x, clean = np.asarray(observed, dtype=np.float64), np.asarray(null, dtype=np.float64)
    if x.ndim != 1 or clean.ndim != 2 or clean.shape[1] != x.size or clean.size == 0:
        raise ValueError(f"expected (classes,) against (runs, classes); found {x.shape} against {clean.shape}")
    if np.isnan(x).any() or np.isnan(clean).any():
        raise ValueError("a statistic is NaN, which has no rank")
    reached = np.count_nonzero(clean.max(axis=1)[:, None] >= x, axis=0)
    return (1 + reached) / (1 + clean.shape[0])


def _p_values(p: npt.ArrayLike) -> npt.NDArray[np.float64]:
    values = np.asarray(p, dtype=np.float64)
    if values.ndim != 1 or not ((values >= 0) & (values <= 1)).all():
        raise ValueError(f"expected a row of p-values in [0, 1]; found {values}")
    return values
