"""Membership inference against distillations in complementary pairs, each of which is the target in its turn.

The pairs make membership a fair coin for every example: rows 2j and 2j + 1 of every table are two halves of one pool. All
tables are (sets, n): one row a distillation, one column an example.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy import special, stats

from ddaudit.statistics.bootstrap import bootstrap
from ddaudit.statistics.errors import TooFewExamplesError
from ddaudit.statistics.intervals import Interval, mean_t
from ddaudit.statistics.membership import Array, calibrated, lira_online, rmia
from ddaudit.statistics.roc import FEWEST_FALSE_POSITIVES, auc
from ddaudit.statistics.roc_bootstrap import RocBand

Mask = npt.NDArray[np.bool_]

#: RMIA's gamma; its authors' own choice, fixed beforehand.
GAMMA = 2.0
RESAMPLES = 1000


def complementary_halves(labels: npt.ArrayLike, pairs: int, rng: np.random.Generator) -> Mask:
    """Random halves of a pool in complementary pairs, the same number of each class in both (or one more).

    Parameters
    ----------
    labels : array_like of int, shape (n,)
    pairs : int
    rng : numpy.random.Generator

    Returns
    -------
    ndarray of bool, shape (2 * pairs, n)
        True where the half holds the example; every example is in exactly ``pairs`` halves.
    """
    y = np.asarray(labels)
    halves = np.zeros((2 * pairs, y.size), bool)
    for first in range(0, 2 * pairs, 2):
        # Examples in random order, sorted by class: every other one. An odd class leaves the next with the other parity.
        order = rng.permutation(y.size)
        order = order[np.argsort(y[order], kind="stable")]
        halves[first, order[rng.integers(2) :: 2]] = True
        halves[first + 1] = ~halves[first]
    return halves


@dataclass(frozen=True, eq=False)
class Observed:
    """What an attacker sees of distillations and of the models trained on them.

    Parameters
    ----------
    phi : ndarray, shape (sets, n)
        Logit-scaled confidence in each example's label (`membership.phi`), mean over the models of a set.
    nearness : ndarray, shape (sets, n)
        Minus the distance to the nearest synthetic image of the example's class.
    """

    phi: Array
    nearness: Array

    def of(self, rows: npt.NDArray[np.intp] | slice) -> Observed:
        """Some of the sets."""
        return Observed(self.phi[rows], self.nearness[rows])


def attack(target: Observed, shadows: Observed, member: Mask) -> dict[str, Array]:
    """Every attack's scores of one target, by shadows of known membership.

    Parameters
    ----------
    target : Observed
        Of a single set.
    shadows : Observed
        Of other sets.
    member : ndarray of bool, shape (shadows, n)

    Returns
    -------
    dict of str to ndarray, shape (n,)
        ``loss``: phi itself. ``calibrated``: less the mean of the shadows that had not the example. ``lira``: online, pooled
        residual variance. ``rmia``: online, the pool itself as population. ``nearest``: nearness, calibrated likewise.

    Raises
    ------
    ValueError, TooFewExamplesError
        As `membership.lira_online`.
    """
    (phi,), (nearness,) = target.phi, target.nearness
    # A confidence that underflows would be no probability.
    probability, others = (np.maximum(special.expit(p), 1e-300) for p in (phi, shadows.phi))
    return {
        "loss": phi,
        "calibrated": calibrated(phi, shadows.phi, ~member),
        "lira": lira_online(phi, shadows.phi, member),
        "rmia": rmia(probability, others, probability, others, gamma=GAMMA),
        "nearest": calibrated(nearness, shadows.nearness, ~member),
    }


def leave_pair_out(observed: Observed, member: Mask) -> dict[str, Array]:
    """Every attack on every distillation, by the others but its own complement.

    The complement is left out with its target: with it, a member would be compared with one shadow less that had it than
    a non-member is, and the means of fewer shadows lie further from any score. Under no leakage at all, 12 shadows would then
    give LiRA an AUC of 0.485 in place of 0.5 (simulated, 60 tables of 1,000 examples).

    Parameters
    ----------
    observed : Observed
    member : ndarray of bool, shape (sets, n)
        In complementary pairs.

    Returns
    -------
    dict of str to ndarray, shape (sets, n)

    Raises
    ------
    TooFewExamplesError
        Where there are under three pairs.
    """
    sets = len(member)
    _require_pairs(member)
    if sets < 6:
        raise TooFewExamplesError(f"shadows in {sets // 2} pairs show no spread: three pairs are the least")
    scores = []
    for target in range(sets):
        others = np.flatnonzero(np.arange(sets) // 2 != target // 2)
        scores.append(attack(observed.of(slice(target, target + 1)), observed.of(others), member[others]))
    return {name: np.stack([one[name] for one in scores]) for name in scores[0]}


def pair_aucs(scores: Array, member: Mask) -> Array:
    """Mean AUC of the two distillations of each pair, shape (pairs,).

    The two are not independent of each other (an example that is easy for both speaks for membership in one and against it in
    the other), pairs given the pool are.
    """
    _require_pairs(member)
    each = [auc(s[m], s[~m]) for s, m in zip(scores, member, strict=True)]
    return np.reshape(each, (-1, 2)).mean(axis=1)


def auc_over_pairs(scores: Array, member: Mask, confidence: float = 0.95) -> Interval:
    """Mean AUC over distillations, each judged for itself, with Student's interval over pairs, stretched by `dependence`.

    Parameters
    ----------
    scores : ndarray, shape (sets, n)
    member : ndarray of bool, shape (sets, n)
        In complementary pairs, three at least.
    confidence : float
        In (0, 1).

    Returns
    -------
    Interval
        In [0, 1]; ``n`` is the number of pairs. It speaks of new distillations of halves of this pool.
    """
    areas = pair_aucs(scores, member)
    return _stretched(mean_t(areas, confidence), areas.size)


def tpr_over_pairs(
    scores: Array,
    member: Mask,
    fpr: float,
    rng: np.random.Generator,
    confidence: float = 0.95,
    resamples: int = RESAMPLES,
) -> Interval:
    """Share of the members above the one threshold, for all distillations, that a share ``fpr`` of the non-members exceeds.

    Parameters
    ----------
    scores : ndarray, shape (sets, n)
    member : ndarray of bool, shape (sets, n)
        In complementary pairs.
    fpr : float
        In (0, 1).

    Returns
    -------
    Interval
        In [0, 1]; ``n`` is the number of pairs, which the bootstrap resamples.

    Raises
    ------
    TooFewExamplesError
        Where ``fpr`` stands for fewer than 10 non-members of all distillations together.
    """
    _require_pairs(member)
    nonmembers = int((~member).sum())
    if nonmembers * fpr * (1 + 1e-9) < FEWEST_FALSE_POSITIVES:
        raise TooFewExamplesError(
            f"a true positive rate at {fpr:g} false positives needs at least {FEWEST_FALSE_POSITIVES / fpr:.0f} non-members; "
            f"there are {nonmembers} over all shadows"
        )
    rates, grid = _rates_of_pairs(scores, member), np.array([fpr])
    pairs = len(member) // 2
    found = bootstrap(
        lambda drawn: float(rates(drawn, grid)[0]),
        np.arange(pairs),
        rng=rng,
        n_resamples=resamples,
        confidence=small_sample_confidence(pairs, confidence),
    )
    return _stretched(replace(found, confidence=confidence), pairs)


def roc_over_pairs(
    scores: Array,
    member: Mask,
    fpr: npt.ArrayLike,
    rng: np.random.Generator,
    confidence: float = 0.95,
    resamples: int = RESAMPLES,
) -> RocBand:
    """The curve of which `tpr_over_pairs` gives a point, with a pointwise band made in the same way.

    Parameters
    ----------
    scores : ndarray, shape (sets, n)
    member : ndarray of bool, shape (sets, n)
        In complementary pairs.
    fpr : array_like, shape (grid,)
        In [0, 1]. Where it stands for fewer than 10 non-members the band is for the eye.

    Returns
    -------
    RocBand
        Its ``area`` is `auc_over_pairs`.
    """
    area = auc_over_pairs(scores, member, confidence)
    pairs, grid = len(member) // 2, np.asarray(fpr, dtype=np.float64)
    rates = _rates_of_pairs(scores, member)
    tpr = rates(np.arange(pairs), grid)
    drawn = np.stack([rates(rng.integers(pairs, size=pairs), grid) for _ in range(resamples)])
    stretched = small_sample_confidence(pairs, confidence)
    ends = np.quantile(drawn, [(1 - stretched) / 2, (1 + stretched) / 2], axis=0)
    low, high = np.clip(tpr + dependence(pairs) * (ends - tpr), 0, 1)
    return RocBand(area, grid, tpr, low, high)


def _rates_of_pairs(scores: Array, member: Mask) -> Callable[[npt.NDArray[np.intp], Array], Array]:
    """Of drawn pairs, the shares of members above the thresholds that shares of the non-members exceed."""
    order = np.argsort(-scores, axis=None)
    falling, inside = np.append(-scores.ravel()[order], np.inf), member.ravel()[order]
    pair = order // member.shape[1] // 2

    def rates(drawn: npt.NDArray[np.intp], fpr: Array) -> Array:
        weight = np.bincount(drawn, minlength=len(member) // 2)[pair]
        accused, found = np.cumsum(weight * ~inside), np.cumsum(np.append(0, weight * inside))
        first = np.searchsorted(accused, np.floor(accused[-1] * fpr * (1 + 1e-9)), side="right")
        # Ties with the first non-member too many are not above.
        return found[np.searchsorted(falling, falling[first])] / found[-1]

    return rates


def p_above_chance(scores: Array, member: Mask) -> float:
    """One-sided p-value of Student's test over pairs that the mean AUC is 0.5, its error stretched by `dependence`."""
    areas = pair_aucs(scores, member)
    return float(stats.t.sf(_t(areas, 0.5), areas.size - 1))


def p_off_chance(scores: Array, member: Mask) -> float:
    """The same against either side: what a null control must not show."""
    areas = pair_aucs(scores, member)
    return float(2 * stats.t.sf(abs(_t(areas, 0.5)), areas.size - 1))


def power_over_pairs(areas: npt.ArrayLike, true_auc: float, alpha: float) -> float:
    """Probability that `p_above_chance`, with the spread that these areas have, shows a true AUC.

    Parameters
    ----------
    areas : array_like, shape (pairs,)
        Of `pair_aucs`; only their spread counts.
    true_auc : float
        Above 0.5.
    alpha : float
        Level of the test.

    Returns
    -------
    float
        In [0, 1].
    """
    values = np.asarray(areas, dtype=np.float64)
    freedom, error = values.size - 1, dependence(values.size) * float(stats.sem(values))
    if error == 0:
        return 1.0
    return float(stats.nct.sf(stats.t.isf(alpha, freedom), freedom, (true_auc - 0.5) / error))


def _t(areas: Array, expected: float) -> float:
    difference, error = float(areas.mean()) - expected, dependence(areas.size) * float(stats.sem(areas))
    if error > 0:
        return difference / error
    return math.copysign(math.inf, difference) if difference else 0.0


def dependence(pairs: int) -> float:
    r"""By how much the mean over targets errs more than independent targets' spread shows, since they judge each other.

    Every two pairs meet twice, once with either as the target. LiRA's errors are products of the two, equal both times: the area of
    target :math:`t` errs by :math:`\sum_s g_{ts}` with :math:`g_{ts} = g_{st}` of variance :math:`v`. Then the mean of P areas has the variance
    :math:`2 (P - 1) v / P`, while their spread about it shows :math:`(P - 2) v / P`, for what two of them share does not show. For attacks
    whose errors are mostly the targets' own this is cautious.

    Parameters
    ----------
    pairs : int
        Three or more.

    References
    ----------
    Hoeffding, Annals of Mathematical Statistics 19 (1948): the mean is a U-statistic of degree two, and degenerate.

    Examples
    --------
    >>> [round(dependence(pairs), 2) for pairs in (6, 12, 1000)]
    [1.58, 1.48, 1.41]
    """
    return float((2 * (pairs - 1) / (pairs - 2)) ** 0.5)


def small_sample_confidence(units: int, confidence: float) -> float:
    """The confidence at which percentiles of a bootstrap over few units cover as often as ``confidence`` says.

    A percentile interval of a mean is too short by Student's quantile over Gauss's and by sqrt(n / (n - 1)): six units cover
    88 % at a nominal 95 %, and 94 % so stretched; four cannot be helped (88 %). Simulated, 400 samples of a Gaussian.

    References
    ----------
    Hesterberg, What teachers should know about the bootstrap, The American Statistician 69 (2015), section 4.3.

    Examples
    --------
    >>> round(small_sample_confidence(6, 0.95), 4)
    0.9951
    """
    stretched = (units / (units - 1)) ** 0.5 * stats.t.isf((1 - confidence) / 2, units - 1)
    return float(1 - 2 * stats.norm.sf(stretched))


def _stretched(found: Interval, pairs: int) -> Interval:
    low, high = (found.value + dependence(pairs) * ((end or 0.0) - found.value) for end in (found.low, found.high))
    return replace(found, low=max(low, 0.0), high=min(high, 1.0))


def _require_pairs(member: Mask) -> None:
    if len(member) % 2 or (member[::2] == member[1::2]).any():
        raise ValueError("rows 2j and 2j + 1 must be the two halves of one pool: each example in exactly one of them")
