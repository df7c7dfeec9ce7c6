"""What every attack has in common: bounds, bisection over radii, and the settings that its ``repr`` prints."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ddaudit.checks.robustness.evasion.radii import ART_NORM, RADII, Norm, size
from ddaudit.checks.robustness.evasion.victim import Victim

#: Rounding that an attack may leave its ball by, absolutely and in parts of the radius.
SLACK = 1e-6


@dataclass(frozen=True)
class Attack(ABC):
    """One way of fooling a model; its ``repr`` names every setting, for the report.

    Parameters
    ----------
    norm : {"linf", "l2"}
        By which changes are measured.
    """

    norm: Norm = "linf"

    #: What metrics call it.
    name: ClassVar[str]
    #: Whether one image costs so much that only some are attacked.
    costly: ClassVar[bool] = False

    @property
    def art_norm(self) -> float:
        """The norm as ART calls it."""
        return ART_NORM[self.norm]

    @abstractmethod
    def passes(self) -> int:
        """How often one image passes the network at one radius, forwards with backwards as one; at most, or as a rule."""

    @abstractmethod
    def smallest(self, victim: Victim, pixels: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """float64 (n,): the smallest radius at which each image, so far right, was fooled; inf where it never was."""


class InBall(Attack):
    """An attack that is told its radius: the smallest one is found by bisection over ``RADII``."""

    @abstractmethod
    def perturb(self, victim: Victim, pixels: np.ndarray, labels: np.ndarray, epsilons: np.ndarray) -> np.ndarray:
        """The attacked images, (n, c, h, w), each within its own radius of ``epsilons`` (n,)."""

    def fools(self, victim: Victim, pixels: np.ndarray, labels: np.ndarray, epsilons: np.ndarray) -> np.ndarray:
        """bool (n,): which images it fools."""
        return self.counted(victim, self.perturb(victim, pixels, labels, epsilons), pixels, labels, epsilons)

    def counted(
        self, victim: Victim, found: np.ndarray, pixels: np.ndarray, labels: np.ndarray, epsilons: np.ndarray
    ) -> np.ndarray:
        """bool (n,): which of the images that ``perturb`` made fool. One that leaves its ball, or [0, 1], does not count."""
        inside = size(found - pixels, self.norm) <= epsilons * (1 + SLACK) + SLACK
        inside &= (found.reshape(len(found), -1) >= -SLACK).all(1) & (found.reshape(len(found), -1) <= 1 + SLACK).all(1)
        return inside & ~victim.right(found, labels)

    def smallest(self, victim: Victim, pixels: np.ndarray, labels: np.ndarray) -> np.ndarray:
        radii = np.array(RADII[self.norm])
        low, high = np.zeros(len(pixels), int), np.full(len(pixels), len(radii))
        while len(rows := np.flatnonzero(low < high)):
            middle = (low[rows] + high[rows]) // 2
            fooled = self.fools(victim, pixels[rows], labels[rows], radii[middle])
            high[rows[fooled]] = middle[fooled]
            low[rows[~fooled]] = middle[~fooled] + 1
        return np.append(radii, np.inf)[high]


class Minimal(Attack):
    """An attack that looks for the smallest change by itself."""

    @abstractmethod
    def perturb(self, victim: Victim, pixels: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """The attacked images, (n, c, h, w)."""

    def smallest(self, victim: Victim, pixels: np.ndarray, labels: np.ndarray) -> np.ndarray:
        found = np.clip(self.perturb(victim, pixels, labels), 0, 1).astype(np.float32)
        return np.where(victim.right(found, labels), np.inf, size(found - pixels, self.norm))


def radius_by_radius(
    perturb: Callable[[np.ndarray, np.ndarray, float], np.ndarray],
    pixels: np.ndarray,
    labels: np.ndarray,
    epsilons: np.ndarray,
) -> np.ndarray:
    """What ``perturb`` makes of the images, for attacks of ART that take one radius at a time."""
    found = np.empty_like(pixels)
    for epsilon in np.unique(epsilons):
        rows = np.flatnonzero(epsilons == epsilon)
        found[rows] = perturb(pixels[rows], labels[rows], float(epsilon))
    return found
