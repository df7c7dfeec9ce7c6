"""Membership scores: how much more does the target model like this example than a model that never saw it should?

All are pure functions of numbers that models gave; a larger score means "more likely a member".
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy import special, stats

from ddaudit.statistics.errors import TooFewExamplesError
from ddaudit.statistics.shrinkage import moderated_variance

Array = npt.NDArray[np.float64]


def phi(logits: npt.ArrayLike, labels: npt.ArrayLike) -> Array:
    """Logit-scaled confidence, log p_y - log sum of the other p_c: nearly Gaussian over models.

    Computed from logits in float64, so that confidences that round to 1 stay apart. Any shift of an example's logits
    gives the same value; logarithms of probabilities may therefore be passed as well.

    Parameters
    ----------
    logits : array_like, shape (..., n, k)
        At least two classes; leading axes may be models or views.
    labels : array_like of int, shape (n,)
        In [0, k).

    Returns
    -------
    ndarray, shape (..., n)
        In nats; 0 where the model gives the label half of its probability.

    Raises
    ------
    ValueError
        Where the shapes do not fit, a label is out of range, or there is a single class.

    References
    ----------
    Carlini et al., Membership inference attacks from first principles, IEEE S&P 2022.

    Examples
    --------
    >>> phi([[2.0, 0.5], [0.0, 0.0]], [0, 1]).tolist()
    [1.5, 0.0]
    """
    z, y = np.asarray(logits, dtype=np.float64), np.asarray(labels)
    if z.ndim < 2 or z.shape[-1] < 2 or y.shape != z.shape[-2:-1]:
        raise ValueError(f"expected logits (..., n, k >= 2) and labels (n,); found {z.shape} and {y.shape}")
    if not np.issubdtype(y.dtype, np.integer) or (y.size and not 0 <= y.min() <= y.max() < z.shape[-1]):
        raise ValueError(f"labels must be integers from 0 to {z.shape[-1] - 1}; found {np.unique(y)[:10]}")
    of_label = np.arange(z.shape[-1]) == y[:, None]
    return z[..., of_label] - special.logsumexp(np.where(of_label, -np.inf, z), axis=-1)


def calibrated(scores: npt.ArrayLike, reference_scores: npt.ArrayLike, unseen: npt.ArrayLike | None = None) -> Array:
    """Score minus what reference models give the same example: takes out how easy the example is for anyone.

    Parameters
    ----------
    scores : array_like, shape (n,)
        Of the target.
    reference_scores : array_like, shape (references, n)
        Of models that are not the target.
    unseen : array_like of bool, shape (references, n), optional
        True where the reference did not train on the example; only those count. Without it, all do.

    Returns
    -------
    ndarray, shape (n,)

    Raises
    ------
    ValueError
        Where the shapes do not fit.
    TooFewExamplesError
        Where every reference trained on some example: a score against it would manufacture an AUC above 0.5.

    References
    ----------
    Watson et al., On the importance of difficulty calibration in membership inference attacks, ICLR 2022.
    """
    target, references = _target_and_shadows(scores, reference_scores)
    return target - _mean_where(references, _mask(unseen, references), "unseen by")


def lira_online(scores: npt.ArrayLike, shadow_scores: npt.ArrayLike, shadow_member: npt.ArrayLike) -> Array:
    """Likelihood ratio between shadows that had the example and shadows that had not.

    log N(score; mu_in, s_in) - log N(score; mu_out, s_out) with each example's own means and two variances pooled over
    all examples, of the residuals about those means: with under 64 shadows an example's own variance is mostly noise.

    Parameters
    ----------
    scores : array_like, shape (n,)
        Of the target, on the scale of `phi`.
    shadow_scores : array_like, shape (shadows, n)
        Of the shadows, the target not among them.
    shadow_member : array_like of bool, shape (shadows, n)
        Whether each shadow's training set held the example.

    Returns
    -------
    ndarray, shape (n,)
        In nats.

    Raises
    ------
    ValueError
        Where the shapes do not fit, or the scores of all shadows agree to the last bit.
    TooFewExamplesError
        Where an example was in no shadow or in all, or none was in (out of) two, so that nothing shows the spread.

    References
    ----------
    Carlini et al., Membership inference attacks from first principles, IEEE S&P 2022, algorithm 1.
    """
    target, shadows = _target_and_shadows(scores, shadow_scores)
    member = _mask(shadow_member, shadows)
    mean_in, spread_in = _pooled_gaussian(shadows, member, "holding")
    mean_out, spread_out = _pooled_gaussian(shadows, ~member, "without")
    return stats.norm.logpdf(target, mean_in, spread_in) - stats.norm.logpdf(target, mean_out, spread_out)


def lira_offline(
    scores: npt.ArrayLike,
    shadow_scores: npt.ArrayLike,
    unseen: npt.ArrayLike | None = None,
    spread: Literal["pooled", "moderated"] = "pooled",
) -> Array:
    """One-sided test against shadows that had not the example: log probability that one of them scores lower.

    With one spread for all examples this ranks them exactly as `calibrated` does.

    Parameters
    ----------
    scores : array_like, shape (n,)
        Of the target, on the scale of `phi`.
    shadow_scores : array_like, shape (shadows, n)
        Of the shadows, the target not among them.
    unseen : array_like of bool, shape (shadows, n), optional
        True where the shadow did not train on the example; only those count. Without it, all do.
    spread : {"pooled", "moderated"}
        "pooled": one standard deviation of all residuals. "moderated": each example's own, drawn towards that of the others
        as far as these are alike (`moderated_variance`); the score is then Student's predictive distribution. Between the
        paper's two variants, a variance for each example and one for all, the number of shadows then need not decide.

    Returns
    -------
    ndarray, shape (n,)
        At most 0; near 0 for likely members.

    Raises
    ------
    ValueError, TooFewExamplesError
        As `lira_online`.

    References
    ----------
    Carlini et al., Membership inference attacks from first principles, IEEE S&P 2022, section 4.3.
    """
    target, shadows = _target_and_shadows(scores, shadow_scores)
    counts = _mask(unseen, shadows)
    mean, pooled = _pooled_gaussian(shadows, counts, "without")
    if spread == "pooled":
        return np.asarray(stats.norm.logcdf(target, mean, pooled))
    models = counts.sum(axis=0)
    residuals = np.square(shadows - mean, where=counts, out=np.zeros_like(shadows)).sum(axis=0)
    variance, freedom = moderated_variance(residuals / np.maximum(models - 1, 1), models - 1)
    return np.asarray(stats.t.logcdf(target, freedom, mean, np.sqrt(variance * (1 + 1 / models))))


def rmia(
    probability: npt.ArrayLike,
    reference_probability: npt.ArrayLike,
    population_probability: npt.ArrayLike,
    population_reference_probability: npt.ArrayLike,
    *,
    gamma: float = 2.0,
    a: float | None = None,
    unseen: npt.ArrayLike | None = None,
) -> Array:
    """Share of the population that the example beats: LR(x, z) = [P(x|target) / P(x)] / [P(z|target) / P(z)] >= gamma.

    Parameters
    ----------
    probability : array_like, shape (n,)
        That the target gives the example's label, in (0, 1].
    reference_probability : array_like, shape (references, n)
        That the reference models give it.
    population_probability : array_like, shape (n_z,)
        That the target gives the label of population examples that nobody trained on.
    population_reference_probability : array_like, shape (references, n_z)
        That the reference models give it.
    gamma : float
        Above 0; fixed beforehand.
    a : float or None
        None where half of the references trained on each example (online). In [0, 1] where none did (offline): P is
        then approximated by ((1 + a) P_out + 1 - a) / 2. Fixed beforehand.
    unseen : array_like of bool, shape (references, n), optional
        Offline only: True where the reference did not train on the example; only those count.

    Returns
    -------
    ndarray, shape (n,)
        In [0, 1], in steps of 1 / n_z.

    Raises
    ------
    ValueError
        Where the shapes do not fit, a probability is not in (0, 1], or a parameter is out of range.
    TooFewExamplesError
        Where every reference trained on some example.

    References
    ----------
    Zarifzadeh, Liu and Shokri, Low-cost high-power membership inference attacks, ICML 2024.
    """
    x, x_references = _target_and_shadows(probability, reference_probability)
    z, z_references = _target_and_shadows(population_probability, population_reference_probability)
    for name, values in (("examples", x), ("examples", x_references), ("population", z), ("population", z_references)):
        if not ((values > 0) & (values <= 1)).all():
            raise ValueError(f"the {name} need probabilities in (0, 1]; found {values.min()} to {values.max()}")
    if gamma <= 0 or (a is not None and not 0 <= a <= 1):
        raise ValueError(f"gamma must be above 0 and a in [0, 1]; found gamma = {gamma}, a = {a}")
    if unseen is not None and a is None:
        raise ValueError("which references are unseen matters offline only: give a as well")
    prior = _mean_where(x_references, _mask(unseen, x_references), "unseen by")
    population_prior = z_references.mean(axis=0)
    if a is not None:
        # The same for both, so that a non-member is exchangeable with the population: its score is then uniform.
        prior, population_prior = ((1 + a) * p_out / 2 + (1 - a) / 2 for p_out in (prior, population_prior))
    population = np.sort(z / population_prior)
    return np.searchsorted(population, x / prior / gamma, side="right") / population.size


def _pooled_gaussian(shadows: Array, counts: npt.NDArray[np.bool_], relation: str) -> tuple[Array, float]:
    """Each example's mean over the shadows that count, and one standard deviation of all residuals about those."""
    mean = _mean_where(shadows, counts, relation)
    freedom = int(counts.sum()) - shadows.shape[1]
    if freedom < 1:
        raise TooFewExamplesError(f"no example has two shadows {relation} it, so their spread cannot be seen")
    spread = float(np.sqrt(np.square(shadows - mean, where=counts, out=np.zeros_like(shadows)).sum() / freedom))
    if spread == 0:
        raise ValueError(f"all shadows {relation} an example give it the very same score; are they one model?")
    return mean, spread


def _mean_where(values: Array, counts: npt.NDArray[np.bool_], relation: str) -> Array:
    seen_by_all = ~counts.any(axis=0)
    if seen_by_all.any():
        raise TooFewExamplesError(
            f"{int(seen_by_all.sum())} of {seen_by_all.size} examples have no model {relation} them "
            f"among {values.shape[0]}: each needs one"
        )
    return values.mean(axis=0, where=counts)


def _target_and_shadows(scores: npt.ArrayLike, shadow_scores: npt.ArrayLike) -> tuple[Array, Array]:
    target, shadows = np.asarray(scores, dtype=np.float64), np.asarray(shadow_scores, dtype=np.float64)
    if target.ndim != 1 or shadows.ndim != 2 or shadows.shape[0] < 1 or shadows.shape[1] != target.size:
        raise ValueError(f"expected scores (n,) and (models, n); found {target.shape} and {shadows.shape}")
    return target, shadows


def _mask(mask: npt.ArrayLike | None, values: Array) -> npt.NDArray[np.bool_]:
    if mask is None:
        return np.ones(values.shape, dtype=bool)
    which = np.asarray(mask)
    if which.dtype != bool or which.shape != values.shape:
        raise ValueError(f"expected a boolean mask {values.shape}; found {which.dtype} {which.shape}")
    return which
