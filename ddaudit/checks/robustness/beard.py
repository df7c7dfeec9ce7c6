"""The three figures of the BEARD benchmark, for comparison with its tables; each with what it does not say."""

from __future__ import annotations

from collections.abc import Sequence

#: L-infinity attacks at 8/255, L2 attacks at 128/255, as BEARD has them.
BEARD_RADIUS = {"linf": 8 / 255, "l2": 128 / 255}

CAPTION = (
    "BEARD's figures, in percent, from the attacks of this report at 8/255 (L-infinity) and 128/255 (L2). RR is high where the other attacks are "
    "much weaker than the strongest, whatever a model withstands: with a single attack, or equal ones, it is 0. AE rises with the time that "
    "attacks take, which tells more of the machine and of the attack's code than of the model; here a pass through the network stands "
    "for a unit of time, so that the figure can be had again, and it depends on the choice of attacks alone. CREI, their mean, inherits both. Prefer "
    "the median smallest epsilon."
)


def robustness_ratio(clean: float, attacked: Sequence[float]) -> float:
    """RR = 100 [1 - (clean - mean attacked) / (clean - least attacked)]; 0 where no attack does anything.

    >>> round(robustness_ratio(0.9, [0.1, 0.5]), 6)
    25.0

    References
    ----------
    Zhou et al., BEARD, arXiv:2411.09265.
    """
    worst = clean - min(attacked)
    return 100 * (1 - (clean - sum(attacked) / len(attacked)) / worst) if worst else 0.0


def attack_efficiency(clean_time: float, attack_times: Sequence[float]) -> float:
    """AE = 100 (mean attack's time - clean time) / (longest attack's time - clean time).

    >>> attack_efficiency(1, [5, 9])
    75.0
    """
    longest = max(attack_times) - clean_time
    return 100 * (sum(attack_times) / len(attack_times) - clean_time) / longest if longest else 0.0


def comprehensive_index(ratio: float, efficiency: float) -> float:
    """CREI, the mean of RR and AE.

    >>> comprehensive_index(25.0, 75.0)
    50.0
    """
    return (ratio + efficiency) / 2
