"""How far a class stands out from clean sets by all its numbers at once, and how surprising the class that does so most is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ddaudit.statistics.extremes import extreme_value_p
from ddaudit.statistics.multiplicity import max_statistic_p
from ddaudit.statistics.null_models import CleanComparison, compare_families, level_p

#: Less likely than ``OFF_P`` among the clean sets, a set as a whole is compared with clean sets of another kind; less likely than ``UNLIKE_P`` among
#: those that it is least unlike, a class that stands out may owe it to that: of clean sets of MNIST that kernel ridge regression had distilled, three
#: of four seemed to carry a trigger.
OFF_P, UNLIKE_P = 0.01, 0.001


def standing(z: np.ndarray) -> np.ndarray:
    """Length of what is positive of two deviations, (..., classes) of z (..., families + 1, classes).

    The two are the largest over the kinds of trigger, and that of the class with no trigger on (the last row). The length is the distance from
    clean sets in the directions in which a backdoor moves the numbers: a class that is far from other images does not make up for one that a
    trigger reaches, and one that deviates a little in both ways stands out, which the larger alone would not show.

    References
    ----------
    Perlman, One-sided testing problems in multivariate analysis, Annals of Mathematical Statistics 40 (1969).

    >>> standing(np.array([[3.0, -1.0], [1.0, 2.0], [-2.0, 0.0], [4.0, -2.0]])).tolist()
    [5.0, 2.0]
    """
    return np.hypot(np.maximum(z[..., :-1, :].max(-2), 0), np.maximum(z[..., -1, :], 0))


@dataclass(frozen=True)
class Standing:
    """A set beside clean ones.

    Parameters
    ----------
    by_class : float64 (classes,)
        See ``standing``.
    null : float64 (runs, classes)
        The same of each clean set beside the others.
    """

    by_class: np.ndarray
    null: np.ndarray

    @classmethod
    def of(cls, comparison: CleanComparison) -> Standing:
        """From the deviations of each number."""
        return cls(standing(comparison.z), standing(comparison.null_z))

    @property
    def target(self) -> int:
        """The class that stands out most."""
        return int(self.by_class.argmax())

    @property
    def p(self) -> float:
        """Of the largest over the classes, among the clean sets' own largest."""
        return float(extreme_value_p([self.by_class.max()], self.null.max(1))[0])

    @property
    def rank_p(self) -> float:
        """The same by rank alone: at best 1 / (1 + runs)."""
        return float(max_statistic_p(self.by_class, self.null).min())


def of_the_other_kind(statistics: np.ndarray, null: np.ndarray, other: Callable[[], np.ndarray]) -> bool:
    """Whether a set (families + 1, classes) is unlike the clean sets ``null``, and less unlike ``other``."""
    usual = level_p(statistics, null)
    return usual < OFF_P and level_p(statistics, other()) > usual


def accused(
    statistics: np.ndarray, null: np.ndarray, other: Callable[[], np.ndarray] | None = None
) -> tuple[float, int]:
    """The p of a set among the clean sets that stand for it, 1 where none do, and the class that it stands out by."""
    if other is not None and of_the_other_kind(statistics, null, other):
        null = other()
    found = Standing.of(compare_families(statistics, null))
    return (1.0 if level_p(statistics, null) < UNLIKE_P else found.p), found.target


def standout(z: np.ndarray) -> tuple[int, int]:
    """The family whose trigger stands out most, and the class that does, of z (families + 1, classes)."""
    target = int(standing(z).argmax())
    return int(z[:-1, target].argmax()), target
