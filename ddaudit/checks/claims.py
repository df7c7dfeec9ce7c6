"""Whether an accuracy that a file claims holds, given as many models as were trained."""

from __future__ import annotations

from typing import Literal

import numpy as np

from ddaudit.data.distilled import Claim
from ddaudit.statistics.comparison import welch_from_summary

#: A claim is confirmed where the whole interval of (measured - claimed) lies within this many accuracy points.
CLAIM_MARGIN = 0.02

Outcome = Literal["no claim", "confirmed", "overstated", "understated", "cannot tell"]


def verify(claim: Claim | None, accuracies: np.ndarray, *, published: bool) -> tuple[Outcome, str]:
    """What becomes of a claim, and the sentence that says so.

    Parameters
    ----------
    claim : Claim or None
        Mean, spread and number of the networks that the publisher trained.
    accuracies : array, shape (seeds,)
        Fractions; one a model trained on S.
    published : bool
        Whether the models were trained by the published protocol: another cannot verify a claim.
    """
    if claim is None:
        return "no claim", "the file claims no accuracy for it"
    said = f"the file claims {100 * claim.mean:.2f} %"
    if not published:
        return "cannot tell", f"{said}, which the fast recipe cannot verify (use --profile standard)"
    gap = welch_from_summary(accuracies, claim.mean, claim.std or 0.0, claim.n)
    if gap.low is None or gap.high is None:
        return "cannot tell", f"{said}, one network cannot verify it"
    bounds = f"measured minus claimed {100 * gap.value:+.2f} points [{100 * gap.low:+.2f}, {100 * gap.high:+.2f}]"
    if gap.low >= -CLAIM_MARGIN and gap.high <= CLAIM_MARGIN:
        return "confirmed", f"{said}: claim confirmed, {bounds}"
    if gap.high < 0 and gap.value < -CLAIM_MARGIN:
        return "overstated", f"{said}: claim overstated, {bounds}"
    if gap.low > 0 and gap.value > CLAIM_MARGIN:
        return "understated", f"{said}: claim understated, {bounds}"
    return "cannot tell", f"{said}: cannot tell, {bounds}"
