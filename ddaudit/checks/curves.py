"""Estimates as the curves of a figure."""

from __future__ import annotations

from collections.abc import Sequence

from ddaudit.results import Role, Series
from ddaudit.statistics.intervals import Interval


def curve(name: str, x: Sequence[str] | Sequence[float], estimates: Sequence[Interval], role: Role) -> Series:
    """One estimate a place of ``x``, with its interval."""
    return Series.model_validate(
        {
            "name": name,
            "x": list(x),
            "y": [estimate.value for estimate in estimates],
            "low": [estimate.low for estimate in estimates],
            "high": [estimate.high for estimate in estimates],
            "role": role,
        }
    )
