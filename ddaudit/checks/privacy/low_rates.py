"""The false positive rates at which members are counted, and what is said where the sample cannot carry one."""

from __future__ import annotations

from ddaudit.statistics.errors import TooFewExamplesError

LOW_RATES = (0.01, 0.001)


def not_given(fpr: float, refusal: TooFewExamplesError) -> str:
    """Why the true positive rate at ``fpr`` is missing."""
    return f"The share of members found at {100 * fpr:g} % false positives is not given: {refusal}."
