"""Accuracies of groups of images, with what new models and new images would have made of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
from scipy import optimize

from ddaudit.statistics.intervals import Interval, require_confidence
from ddaudit.statistics.two_way_draws import Drawn, image_shares, stretch
from ddaudit.statistics.variance_components import residual_variance

Floats = npt.NDArray[np.float64]

#: Accuracies pulled apart by this factor are all 0 or 1, or were all alike.
_WIDEST = 100.0


def means_of_groups(
    tables: Sequence[npt.NDArray[np.bool_]], groups: npt.NDArray[np.integer], rng: np.random.Generator
) -> list[Drawn]:
    """The accuracies by group of several kinds of models, drawn again together.

    The images of each group, which are the same for all kinds, are drawn with replacement.

    Parameters
    ----------
    tables : sequence of bool arrays, each (models, n)
        Which of the same images each model gets right.
    groups : int array (n,)
        0..groups-1, each with an image at least.
    rng : numpy.random.Generator

    Returns
    -------
    list of Drawn
        One a table.

    References
    ----------
    As `two_way_draws`.
    """
    shares = [(groups == group, image_shares(int((groups == group).sum()), rng)) for group in range(groups.max() + 1)]
    found = []
    for table in tables:
        parts = [table[:, inside].astype(np.float64) for inside, _ in shares]
        by_images = [share @ part.mean(0) - part.mean() for (_, share), part in zip(shares, parts, strict=True)]
        noise = [residual_variance(part) for part in parts]
        by_model = np.stack([part.mean(1) for part in parts], 1)
        found.append(Drawn.of(by_model, np.stack(by_images, 1), noise, len(groups), rng))
    return found


def interval_of_spread(
    spread: Callable[[Floats], Floats], kind: Drawn, even: Floats, *, confidence: float = 0.95
) -> Interval:
    """How far the accuracies by group lie apart, with the spreads under which what was seen would be neither too large nor too small.

    Noise adds to a spread, the more the smaller it is, and percentiles would be off by that twice. So the test is inverted: the accuracies are
    pulled together or apart about ``even``, the draws' noise is added, and the limits are the spreads at which the outer quantiles of what
    would then be seen are what was seen. All that is done on the scale of the arcsine, on which a share's noise does not depend on the share.

    Parameters
    ----------
    spread : callable
        From the accuracies (..., groups) to (...), at least 0.
    kind : Drawn
    even : array (groups,)
        The accuracies without any such spread.
    confidence : float
        In (0, 1).

    Returns
    -------
    Interval
        ``value`` is what was seen, noise and all, and can lie above ``high`` where there is hardly anything else. ``n`` counts images; ``low``
        and ``high`` are None for a single model.

    References
    ----------
    Carpenter, Test inversion bootstrap confidence intervals, JRSS B 61 (1999); Anscombe, Biometrika 35 (1948), for the arcsine.
    """
    require_confidence(confidence)
    value, tail = float(spread(kind.means)), (1 - confidence) / 2
    if kind.models == 1:
        return Interval(value, None, None, confidence, kind.images)
    level, angles = _angle(even), _angle(kind.means)
    noise = _angle(kind.means + stretch(spread, kind, confidence=confidence) * kind.moved) - angles

    def pulled(scale: float, noise: Floats | float = 0.0) -> Floats:
        return spread(np.sin(np.clip(level + scale * (angles - level) + noise, 0, np.pi / 2)) ** 2)

    def limit(quantile: float) -> float:
        def excess(scale: float) -> float:
            return float(np.quantile(pulled(scale, noise), quantile)) - value

        if excess(0) >= 0:
            return 0.0
        if excess(_WIDEST) < 0:
            return float(pulled(_WIDEST))
        return float(pulled(float(optimize.brentq(excess, 0, _WIDEST, xtol=1e-4))))

    alone = pulled(0, noise)
    if value <= np.median(alone):  # nothing is seen but noise: what would mostly stand out of it is excluded
        return Interval(value, 0.0, float(np.quantile(alone, 1 - tail)), confidence, kind.images)
    return Interval(value, limit(1 - tail), limit(tail), confidence, kind.images)


def _angle(share: Floats) -> Floats:
    angle: Floats = np.arcsin(np.sqrt(np.clip(share, 0, 1)))
    return angle
