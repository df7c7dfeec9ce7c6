"""Accuracies and settings that a file carries about itself."""

from __future__ import annotations

from typing import Any

import numpy as np

from ddaudit.data.distilled import Claim

_MOST_SETTINGS = 12
_LONGEST_SETTING = 60


def claims_of(accuracies: Any) -> tuple[dict[str, Claim], tuple[str, ...]]:
    """Claims by architecture, as fractions; what cannot be an accuracy is left out and noted."""
    claims: dict[str, Claim] = {}
    notes: tuple[str, ...] = ()
    for architecture, values in accuracies.items() if isinstance(accuracies, dict) else ():
        try:
            numbers = np.asarray(values, dtype=np.float64).ravel()
        except (ValueError, TypeError, OverflowError):
            continue
        if numbers.size == 0:
            continue
        if numbers.max() > 1:
            numbers = numbers / 100
        if not np.isfinite(numbers).all() or numbers.min() < 0 or numbers.max() > 1:
            notes += (f"the accuracies stored for {str(architecture)[:40]!r} are none and were left out",)
            continue
        spread = float(numbers.std()) if numbers.size > 1 else None
        claims[str(architecture)] = Claim(float(numbers.mean()), spread, int(numbers.size))
    return claims, notes


def settings_of(content: dict[Any, Any]) -> tuple[str, ...]:
    """One sentence with the plain values among a file's entries, such as the initialisation; else empty."""
    plain = [
        f"{str(key)[:_LONGEST_SETTING]}={str(value)[:_LONGEST_SETTING]}"
        for key, value in content.items()
        if isinstance(value, (str, int, float))
    ]
    return (f"settings in the file: {', '.join(plain[:_MOST_SETTINGS])}",) if plain else ()
