"""Numbers as the findings say them."""

from __future__ import annotations


def p_is(p: float) -> str:
    """A p-value in words.

    >>> p_is(0.0312), p_is(6e-6)
    ('p = 0.031', 'p < 0.001')
    """
    return "p < 0.001" if p < 0.001 else f"p = {p:.2g}"
