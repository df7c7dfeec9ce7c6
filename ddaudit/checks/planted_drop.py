"""Power of a comparison of accuracies: a drop of known size, planted in the outcomes and looked for again."""

from __future__ import annotations

import numpy as np

from ddaudit.statistics.intervals import Interval, clopper_pearson, difference_over_seeds
from ddaudit.statistics.variance_components import error_of_difference

SIMULATIONS = 200


def power_of_drop(
    outcomes: list[np.ndarray], controls: list[np.ndarray], drop: float, *, seed: int, confidence: float = 0.95
) -> Interval:
    """How often a set would be called worse than the control if its true accuracy lay ``drop`` below.

    Right answers of S's own models are broken at random, image by image and alike for all models, until their mean lies ``drop``
    below the control's: so the planted set has the spread over seeds and images that S has. Every time, the drop is larger or smaller by
    what other seeds and other held-out images would make of it: with those of the scan alone it would be the same every time, and a power
    of 0.86 would be given as 0.94 (simulated, 300 images, four models a side).

    Parameters
    ----------
    outcomes, controls : lists of bool (models, images)
        One pair a class, or one pair in all; the pairs take turns.
    drop : float
        In (0, 1).
    confidence : float
        Of the interval by which the comparison is made.
    """
    rng = np.random.default_rng(seed)
    errors = [error_of_difference(*pair) for pair in zip(outcomes, controls, strict=True)]
    found = 0
    for i in range(SIMULATIONS):
        pair = i % len(outcomes)
        ours, theirs = outcomes[pair], controls[pair]
        target = max(0.0, theirs.mean() - drop + errors[pair] * rng.normal())
        broken = max(0.0, 1 - target / ours.mean()) if ours.any() else 0.0
        planted = ours & (rng.random(ours.shape[1]) >= broken)
        found += difference_over_seeds(planted, theirs, confidence).below(0)
    return clopper_pearson(found, SIMULATIONS)
