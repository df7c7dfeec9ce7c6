"""How unequally models serve classes, and whether one kind of models more than another of the same accuracy."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import expit, logit

from ddaudit.statistics.group_means import Floats, interval_of_spread, means_of_groups
from ddaudit.statistics.intervals import Interval
from ddaudit.statistics.two_way_draws import Drawn, interval_of

Spread = Callable[[Floats], Floats]

#: By name, each a number of the accuracies by class (..., k).
SPREADS: dict[str, Spread] = {
    "standard deviation": lambda by_class: by_class.std(-1),
    "range": lambda by_class: np.ptp(by_class, axis=-1),
    "coefficient of variation": lambda by_class: by_class.std(-1) / np.maximum(by_class.mean(-1), 1e-12),
}
#: Of Newton's method, from a start that is mostly right already.
_STEPS = 8


@dataclass(frozen=True)
class SpreadComparison:
    """One measure of spread: of S, of the control, of the control at S's accuracy, and S's minus the last."""

    subject: Interval
    control: Interval
    matched: float
    amplification: Interval


def compare_spread(
    correct: npt.NDArray[np.bool_],
    control: npt.NDArray[np.bool_],
    labels: npt.NDArray[np.integer],
    rng: np.random.Generator,
    *,
    confidence: float = 0.95,
) -> dict[str, SpreadComparison]:
    """The spreads of `SPREADS` over classes, of both and their difference at matched accuracy.

    A spread is at least zero, so noise adds to it: the intervals of S's and the control's own are those of `group_means.interval_of_spread`. In the
    difference the noise of both cancels, as far as they are alike.

    Parameters
    ----------
    correct, control : bool arrays, shapes (models, n), (models, n)
        Which of the same images each model gets right.
    labels : int array, shape (n,)
        Classes 0..k-1, every one with two images at least.
    rng : numpy.random.Generator
    confidence : float
        In (0, 1).

    Returns
    -------
    dict of SpreadComparison
        ``n`` counts images; limits are None where either has a single model.

    References
    ----------
    As `group_means.interval_of_spread`.
    """
    ours, theirs = means_of_groups([correct, control], labels, rng)
    return {name: _compared(spread, ours, theirs, confidence) for name, spread in SPREADS.items()}


def _compared(spread: Spread, ours: Drawn, theirs: Drawn, confidence: float) -> SpreadComparison:
    def matched(mine: Floats, control: Floats) -> Floats:
        return spread(at_accuracy(control, mine.mean(-1)))

    def amplification(mine: Floats, control: Floats) -> Floats:
        return spread(mine) - matched(mine, control)

    def own(kind: Drawn) -> Interval:
        return interval_of_spread(spread, kind, np.full_like(kind.means, kind.means.mean()), confidence=confidence)

    return SpreadComparison(
        subject=own(ours),
        control=own(theirs),
        matched=float(matched(ours.means, theirs.means)),
        amplification=interval_of(amplification, ours, theirs, confidence=confidence),
    )


def at_accuracy(by_class: Floats, mean: Floats) -> Floats:
    """Accuracies by class moved to another mean, each by as much on the scale of log-odds.

    Accuracies near 0 and 1 lie closer together than those between, so a set that is better or worse as a whole has another spread even if it
    favours nobody. This says what the same inequality would look like at that accuracy.

    Parameters
    ----------
    by_class : array, shape (..., k)
    mean : array, shape (...)
        The mean over classes that is wanted.

    Returns
    -------
    array, shape (..., k)
        Strictly between 0 and 1.
    """
    edge = 1e-3  # a class that is always or never right has no finite log-odds
    wanted = np.clip(np.asarray(mean, np.float64), edge, 1 - edge)[..., None]
    odds = logit(np.clip(by_class, edge, 1 - edge))
    shift = logit(wanted) - logit(np.clip(by_class.mean(-1, keepdims=True), edge, 1 - edge))
    for _ in range(_STEPS):
        moved = expit(odds + shift)
        step = (wanted - moved.mean(-1, keepdims=True)) / (moved * (1 - moved)).mean(-1, keepdims=True)
        shift = shift + np.clip(step, -1, 1)  # where all are near 0 or 1 a whole step would overshoot
    result: Floats = expit(odds + shift)
    return result
