"""What was released, a set or a model, as its accuracy and the membership scores that it gives; and two compared at equal accuracy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ddaudit.statistics.bootstrap import bootstrap
from ddaudit.statistics.intervals import Interval
from ddaudit.statistics.roc import auc

#: More change no digit that is printed, and each takes a sort of every score.
RESAMPLES = 500


@dataclass(frozen=True, eq=False)
class Released:
    """One thing that could be released.

    Parameters
    ----------
    name : str
    right : float array (targets, n_out)
        For each non-member, the share of models that get it right. A set is one target: all models that are trained on it are attacked as
        one. Each model that is released by itself is another.
    inside, outside : mapping of str to float array, shapes (targets, n_in) and (targets, n_out)
        By attack, the scores of members and non-members.
    noise, epsilon : float or None
        Of a DP-SGD model.
    """

    name: str
    right: np.ndarray
    inside: Mapping[str, np.ndarray]
    outside: Mapping[str, np.ndarray]
    noise: float | None = None
    epsilon: float | None = None

    def accuracy(self, outside: np.ndarray | slice = slice(None)) -> float:
        """Mean over targets and the chosen non-members."""
        return float(self.right[:, outside].mean())

    def area(
        self, attack: str, inside: np.ndarray | slice = slice(None), outside: np.ndarray | slice = slice(None)
    ) -> float:
        """AUC of the attack on the chosen members and non-members, mean over the targets."""
        pairs = zip(self.inside[attack], self.outside[attack], strict=True)
        return float(np.mean([auc(member[inside], other[outside]) for member, other in pairs]))


def bracket(accuracies: Sequence[float], accuracy: float) -> tuple[int, float] | None:
    """Where a level is crossed along a falling curve.

    Parameters
    ----------
    accuracies : sequence of float
        By rising noise.

    Returns
    -------
    tuple of int and float, or None
        The last place that reaches ``accuracy``, and the share, in [0, 1), of the way to the next place at which a straight line crosses
        it; 0 at the last place of all. None where no place reaches it.

    Examples
    --------
    >>> bracket([0.9, 0.8, 0.4], 0.5)
    (1, 0.75)
    """
    reaching = [i for i, one in enumerate(accuracies) if one >= accuracy]
    if not reaching:
        return None
    last = reaching[-1]
    if last == len(accuracies) - 1:
        return last, 0.0
    return last, float((accuracies[last] - accuracy) / (accuracies[last] - accuracies[last + 1]))


def gap(
    ours: Released, private: Sequence[Released], attack: str, confidence: float, rng: np.random.Generator
) -> tuple[Interval, Interval]:
    """The AUC of DP-SGD at our accuracy, and ours minus that.

    Linear between the two noise multipliers whose accuracies lie about ours. Members and non-members are resampled, and accuracies, the place
    between the two and both areas follow; a resample that no noise multiplier reaches is compared with the least noise. The chance of a
    training is not in the intervals.

    Parameters
    ----------
    private : sequence of Released
        By rising noise; some reach our accuracy.
    """

    def at_our_accuracy(inside: np.ndarray, outside: np.ndarray) -> float:
        found = bracket([one.accuracy(outside) for one in private], ours.accuracy(outside))
        place, share = found or (0, 0.0)
        area = private[place].area(attack, inside, outside)
        return area if not share else (1 - share) * area + share * private[place + 1].area(attack, inside, outside)

    def difference(inside: np.ndarray, outside: np.ndarray) -> float:
        return ours.area(attack, inside, outside) - at_our_accuracy(inside, outside)

    sides = np.arange(ours.inside[attack].shape[1]), np.arange(ours.outside[attack].shape[1])
    theirs, minus = (
        bootstrap(of, *sides, rng=rng, n_resamples=RESAMPLES, confidence=confidence)
        for of in (at_our_accuracy, difference)
    )
    return theirs, minus
