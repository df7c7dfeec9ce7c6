"""How surprising is a lead over the runner-up? p-values of the largest spacing."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ddaudit.statistics.errors import TooFewExamplesError

Array = npt.NDArray[np.float64]


def leading_spacing_p(observed: npt.ArrayLike, null: npt.ArrayLike) -> Array:
    """Probability that the best of very many unrelated scores leads the second best by at least this much.

    Where a largest score follows Gumbel's law, its lead over the second largest is exponential, with a scale that does not
    depend on how many scores there were: a null from a small held-out split judges a search through a large one. The scale is
    estimated from the null's leads, and the p-value is that of the predictive (Lomax) distribution, exact for exponential
    leads at any sample size. Within the null's range it is never less than the rank's.

    Parameters
    ----------
    observed : array_like, shape (m,)
        Leads, at least 0.
    null : array_like, shape (m0,)
        Leads that cannot mean anything; three or more, not all 0.

    Returns
    -------
    ndarray, shape (m,)
        In (0, 1].

    Raises
    ------
    ValueError
        Where a lead is negative or not finite.
    TooFewExamplesError
        Where the null has fewer than three leads, or only zeros.

    References
    ----------
    Weissman, Estimation of parameters and large quantiles based on the k largest observations, JASA 73 (1978), for the
    spacings; Phipson and Smyth, Stat. Appl. Genet. Mol. Biol. 9 (2010), for the rank.
    """
    x, leads = np.asarray(observed, dtype=np.float64), np.asarray(null, dtype=np.float64)
    if x.ndim != 1 or leads.ndim != 1 or not (np.isfinite(x).all() and np.isfinite(leads).all()):
        raise ValueError(f"expected rows of finite leads; found shapes {x.shape} and {leads.shape}")
    if (leads < 0).any() or (x < 0).any():
        raise ValueError(
            "no lead is negative, and a null needs three leads or more: a lead is the best score less the second"
        )
    if leads.size < 3 or leads.sum() == 0:
        raise TooFewExamplesError(f"a null needs three leads or more, not all 0; there are {leads.size}")
    tail = np.exp(-leads.size * np.log1p(x / leads.sum()))
    reached = np.count_nonzero(leads[:, None] >= x, axis=0)
    rank = np.where(reached > 0, (1 + reached) / (1 + leads.size), 0.0)
    return np.clip(np.maximum(tail, rank), np.finfo(np.float64).tiny, 1.0)
