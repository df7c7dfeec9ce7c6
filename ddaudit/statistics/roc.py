"""ROC curves of membership scores: area, true positives at a low false positive rate, and power.

A score is larger for examples that look more like members. Members are the positives.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import optimize, stats

from ddaudit.statistics.errors import TooFewExamplesError
from ddaudit.statistics.intervals import Interval, exact_limits, require_confidence
from ddaudit.statistics.variance_components import Component, combine

#: Under this many expected false positives the rate cannot be told from its double.
FEWEST_FALSE_POSITIVES = 10


@dataclass(frozen=True)
class RocCurve:
    """Operating points from "none is a member" to "all are": predict member where score >= threshold.

    Parameters
    ----------
    fpr, tpr : ndarray, shape (points,)
        Rates in [0, 1], both growing from 0 to 1.
    thresholds : ndarray, shape (points,)
        Falling; the first is infinite, each other one a score that occurs.
    """

    fpr: npt.NDArray[np.float64]
    tpr: npt.NDArray[np.float64]
    thresholds: npt.NDArray[np.float64]


def roc_curve(member_scores: npt.ArrayLike, nonmember_scores: npt.ArrayLike) -> RocCurve:
    """Every operating point of the attack, one for each distinct score.

    Parameters
    ----------
    member_scores : array_like, shape (n_member,)
    nonmember_scores : array_like, shape (n_nonmember,)

    Returns
    -------
    RocCurve

    Raises
    ------
    ValueError
        Where a side is empty or holds NaN.
    """
    member, nonmember = _scores(member_scores, nonmember_scores)
    thresholds = np.unique(np.concatenate([member, nonmember]))[::-1]
    member, nonmember = np.sort(member), np.sort(nonmember)
    tpr = 1 - np.searchsorted(member, thresholds, side="left") / member.size
    fpr = 1 - np.searchsorted(nonmember, thresholds, side="left") / nonmember.size
    return RocCurve(np.append(0.0, fpr), np.append(0.0, tpr), np.append(np.inf, thresholds))


def auc(member_scores: npt.ArrayLike, nonmember_scores: npt.ArrayLike) -> float:
    """Probability that a member scores higher than a non-member, ties counted half.

    Parameters
    ----------
    member_scores : array_like, shape (n_member,)
    nonmember_scores : array_like, shape (n_nonmember,)

    Returns
    -------
    float
        In [0, 1]; 0.5 is guessing.

    Raises
    ------
    ValueError
        Where a side is empty or holds NaN.

    References
    ----------
    Mann and Whitney, Annals of Mathematical Statistics 18 (1947).

    Examples
    --------
    >>> auc([3.0, 2.0], [1.0, 2.0])
    0.875
    """
    return float(_placements(*_scores(member_scores, nonmember_scores))[0].mean())


def auc_interval(member_scores: npt.ArrayLike, nonmember_scores: npt.ArrayLike, confidence: float = 0.95) -> Interval:
    """DeLong's interval of the AUC, on the logit scale so that it stays inside [0, 1], with Student's quantile.

    The degrees of freedom are those of the Brunner-Munzel test. Where the two samples do not overlap at all DeLong's
    variance is zero; the interval is then the set of areas from which Hanley and McNeil's variance makes such a sample
    plausible. In simulation a nominal 95 % covers 93 to 97 %, but for few members and a large area it covers less
    (30 members, an area of 0.98: 92 %): the few that would show how far some lie below are often not among them.

    Parameters
    ----------
    member_scores : array_like, shape (n_member,)
    nonmember_scores : array_like, shape (n_nonmember,)
    confidence : float
        In (0, 1).

    Returns
    -------
    Interval
        ``n`` counts both sides.

    Raises
    ------
    TooFewExamplesError
        Where a side has a single example.
    ValueError
        Where a side is empty or holds NaN.

    References
    ----------
    DeLong, DeLong and Clarke-Pearson, Biometrics 44 (1988); Sun and Xu, IEEE Signal Processing Letters 21 (2014), for
    the ranks; Brunner and Munzel, Biometrical J. 42 (2000), for the degrees of freedom; Pepe, The Statistical Evaluation of Medical Tests (2003), ch. 5, for the logit; Newcombe, Statistics in
    Medicine 25 (2006), for the limits without overlap.
    """
    member, nonmember = _scores(member_scores, nonmember_scores)
    require_confidence(confidence)
    if min(member.size, nonmember.size) < 2:
        raise TooFewExamplesError(
            f"an interval of the AUC needs two examples a side; found {member.size} members, {nonmember.size} others"
        )
    of_members, of_nonmembers = _placements(member, nonmember)
    area = float(of_members.mean())
    variance, quantile = combine([Component.of_mean(of_members), Component.of_mean(of_nonmembers)], confidence)
    n = member.size + nonmember.size
    if variance > 0 and 0 < area < 1:
        logit, half = np.log(area / (1 - area)), quantile * variance**0.5 / (area * (1 - area))
        low, high = 1 / (1 + np.exp(half - logit)), 1 / (1 + np.exp(-half - logit))
        return Interval(area, float(low), float(high), confidence, n)
    if 0 < area < 1:  # every score on both sides is the same
        return Interval(area, area, area, confidence, n)

    def surprise(true_area: float) -> float:
        return (1 - true_area) - quantile * _hanley_mcneil_variance(true_area, member.size, nonmember.size) ** 0.5

    quantile = float(stats.norm.isf((1 - confidence) / 2))
    bound = float(optimize.brentq(surprise, 1e-12, 1 - 1e-12))
    return Interval(area, bound, 1.0, confidence, n) if area == 1 else Interval(area, 0.0, 1 - bound, confidence, n)


def tpr_at_fpr(
    member_scores: npt.ArrayLike, nonmember_scores: npt.ArrayLike, fpr: float, confidence: float = 0.95
) -> Interval:
    """Share of the members found when at most a share ``fpr`` of the non-members is accused.

    The threshold is the lowest that lets at most ``fpr * n_nonmember`` non-members pass. It is itself an estimate: the
    interval joins what the rate would be at thresholds whose true false positive rate is ``fpr`` for all that the
    non-members can tell (order statistics, exact) with the binomial uncertainty of the members (exact), by the
    square-and-add rule on each side. It covers at least the nominal rate.

    Parameters
    ----------
    member_scores : array_like, shape (n_member,)
    nonmember_scores : array_like, shape (n_nonmember,)
    fpr : float
        In (0, 1).
    confidence : float
        In (0, 1).

    Returns
    -------
    Interval
        In [0, 1]; ``n`` is the number of members.

    Raises
    ------
    TooFewExamplesError
        Where ``fpr`` stands for fewer than 10 non-members.
    ValueError
        Where a side is empty or holds NaN, or ``fpr`` is no rate.

    References
    ----------
    Carlini et al., Membership inference attacks from first principles (2022), for the measure; David and Nagaraja,
    Order Statistics (2003), ch. 7, for the quantile; Zou and Donner, Statistics in Medicine 27 (2008), for the joining.
    """
    member, nonmember = _scores(member_scores, nonmember_scores)
    require_confidence(confidence)
    if not 0 < fpr < 1:
        raise ValueError(f"the false positive rate is a number between 0 and 1, such as 0.001; found {fpr}")
    # The tolerance keeps 10,000 * 0.001 = 10.000000000000002 and its like on the right side.
    allowed = int(np.floor(nonmember.size * fpr * (1 + 1e-9)))
    if allowed < FEWEST_FALSE_POSITIVES:
        needed = int(np.ceil(FEWEST_FALSE_POSITIVES / fpr * (1 - 1e-9)))
        raise TooFewExamplesError(
            f"a true positive rate at {fpr:g} false positives needs at least {needed} non-members; "
            f"there are {nonmember.size}"
        )
    thresholds = np.concatenate([[np.inf], np.sort(nonmember)[::-1], [-np.inf]])

    def found(passing: int) -> int:
        """Members above the threshold that at most ``passing`` non-members pass."""
        return int(np.count_nonzero(member > thresholds[passing + 1]))

    # Above the threshold whose true rate is fpr lie Binomial(n_nonmember, fpr) non-members.
    passing = stats.binom(nonmember.size, fpr)
    strictest, loosest = int(passing.ppf((1 - confidence) / 2)) - 1, int(passing.isf((1 - confidence) / 2))
    here = found(allowed)
    low, high = exact_limits(here, member.size, confidence)
    value, strict, loose = (count / member.size for count in (here, found(strictest), found(loosest)))
    down, up = np.hypot(value - low, value - strict), np.hypot(high - value, loose - value)
    return Interval(value, float(max(value - down, 0.0)), float(min(value + up, 1.0)), confidence, member.size)


def power_of_auc(n_member: int, n_nonmember: int, true_auc: float, alpha: float = 0.05) -> float:
    """Probability that the interval of the AUC excludes 0.5 when the true area is ``true_auc``.

    Parameters
    ----------
    n_member, n_nonmember : int
    true_auc : float
        In (0, 1).
    alpha : float
        One minus the confidence of the interval.

    Returns
    -------
    float
        In [0, 1]; about ``alpha`` at an area of 0.5.

    Raises
    ------
    TooFewExamplesError
        Where no area at all could be told from 0.5.

    References
    ----------
    Hanley and McNeil, Radiology 143 (1982).
    """
    spread = _hanley_mcneil_variance(true_auc, n_member, n_nonmember) ** 0.5
    above = _critical_area(n_member, n_nonmember, alpha)
    below = 1 - _critical_area(n_nonmember, n_member, alpha)  # an area under 0.5 exchanges the sides
    return float(stats.norm.sf((above - true_auc) / spread) + stats.norm.cdf((below - true_auc) / spread))


def _critical_area(n_member: int, n_nonmember: int, alpha: float) -> float:
    """Smallest observed area whose interval, on the logit scale, lies above 0.5."""
    # At 0.5 the placements of either side are uniform.
    uniform = [1 / (12 * n) for n in (n_member, n_nonmember)]
    parts = [Component(v, ((v, max(n - 1, 1)),)) for v, n in zip(uniform, (n_member, n_nonmember), strict=True)]
    _, quantile = combine(parts, 1 - alpha)

    def excess(area: float) -> float:
        spread = _hanley_mcneil_variance(area, n_member, n_nonmember) ** 0.5 / (area * (1 - area))
        return float(np.log(area / (1 - area)) - quantile * spread)

    # Distance over spread grows up to an area of about 0.86 (1 - exp(-2)).
    if min(n_member, n_nonmember) < 2 or excess(0.86) <= 0:
        raise TooFewExamplesError(
            f"{n_member} members and {n_nonmember} non-members cannot tell any area from 0.5 at level {alpha:g}"
        )
    return float(optimize.brentq(excess, 0.5, 0.86))


def _hanley_mcneil_variance(area: float, n_member: int, n_nonmember: int) -> float:
    two_members, two_nonmembers = area / (2 - area), 2 * area**2 / (1 + area)
    return (
        area * (1 - area) + (n_member - 1) * (two_members - area**2) + (n_nonmember - 1) * (two_nonmembers - area**2)
    ) / (n_member * n_nonmember)


def _placements(
    member: npt.NDArray[np.float64], nonmember: npt.NDArray[np.float64]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """For each member the share of non-members under it, for each non-member the share of members over it."""
    joint = stats.rankdata(np.concatenate([member, nonmember]))
    under = (joint[: member.size] - stats.rankdata(member)) / nonmember.size
    over = 1 - (joint[member.size :] - stats.rankdata(nonmember)) / member.size
    return under, over


def _scores(
    member_scores: npt.ArrayLike, nonmember_scores: npt.ArrayLike
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    sides = np.asarray(member_scores, dtype=np.float64), np.asarray(nonmember_scores, dtype=np.float64)
    for name, scores in zip(("members", "non-members"), sides, strict=True):
        if scores.ndim != 1 or scores.size == 0 or np.isnan(scores).any():
            raise ValueError(f"expected a row of scores for the {name}, none of them NaN; found shape {scores.shape}")
    return sides
