"""What seeds and images each add to the variance of a mean over both."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats


@dataclass(frozen=True)
class Component:
    """A part of a mean's variance, with the mean squares that estimate it and their degrees of freedom."""

    variance: float
    squares: tuple[tuple[float, int], ...]

    @classmethod
    def of_mean(cls, values: npt.NDArray[np.float64]) -> Component:
        """That of the mean of independent values (n,)."""
        variance = float(values.var(ddof=1)) / values.size
        return cls(variance, ((variance, values.size - 1),))


def seed_component(table: npt.NDArray[np.float64]) -> Component:
    """What the choice of the seeds adds to the variance of the grand mean, over what images and residual explain.

    Parameters
    ----------
    table : array, shape (seeds, images)
        Two or more of each.
    """
    seeds, images = table.shape
    between, within = float(table.mean(1).var(ddof=1)) / seeds, residual_variance(table)
    return Component(max(between - within, 0.0), ((between, seeds - 1), (within, (seeds - 1) * (images - 1))))


def residual_variance(table: npt.NDArray[np.float64]) -> float:
    """What the residual, which neither seeds nor images explain, adds to the variance of the grand mean.

    Parameters
    ----------
    table : array, shape (seeds, images)
        A single seed or image shows none.
    """
    seeds, images = table.shape
    residual = table - table.mean(1, keepdims=True) - table.mean(0) + table.mean()
    return float(np.square(residual).sum()) / max((seeds - 1) * (images - 1), 1) / (seeds * images)


def combine(components: list[Component], confidence: float) -> tuple[float, float]:
    """Variance of the sum and Student's quantile with Satterthwaite's degrees of freedom."""
    variance = sum(c.variance for c in components)
    spread = sum(square**2 / df for c in components if c.variance > 0 for square, df in c.squares)
    df = variance**2 / spread if spread > 0 else np.inf
    return variance, float(stats.t.isf((1 - confidence) / 2, df))


def error_of_difference(a: npt.ArrayLike, b: npt.ArrayLike) -> float:
    """Standard error of the difference of two grand means, over new seeds of both and new images that both are asked about.

    Parameters
    ----------
    a, b : array_like, shapes (seeds_a, images), (seeds_b, images)
        The same images in the same order. A table of one seed shows nothing of its choice and adds none.
    """
    tables = [np.asarray(table, dtype=np.float64) for table in (a, b)]
    of_seeds = sum(seed_component(table).variance for table in tables if len(table) > 1)
    of_images = Component.of_mean(tables[0].mean(0) - tables[1].mean(0)).variance
    return float(np.sqrt(of_seeds + of_images))
