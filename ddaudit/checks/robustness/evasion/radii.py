"""How large a change of the pixels may be: the norms, and the radii at which attacks are made."""

from __future__ import annotations

from typing import Literal

import numpy as np

Norm = Literal["linf", "l2"]

#: What ART calls the norms.
ART_NORM: dict[Norm, float] = {"linf": np.inf, "l2": 2}

#: Fifteen radii a norm, in pixels of [0, 1], so that four bisections find the smallest that fools. L-infinity: 0.25, 0.5 and 1/255, then
#: half octaves up to 64/255, where models of 8x8 digits fall. L2: half octaves from 8/255 to 4, with BEARD's 128/255 among them.
RADII: dict[Norm, tuple[float, ...]] = {
    "linf": (0.25 / 255, 0.5 / 255, *(2 ** (k / 2) / 255 for k in range(13))),
    "l2": tuple(8 * 2 ** (k / 2) / 255 for k in range(15)),
}

#: The radii that the metrics name, beside 0: whole octaves.
REPORTED: dict[Norm, tuple[float, ...]] = {
    "linf": tuple(e / 255 for e in (0.25, 0.5, 1, 2, 4, 8, 16, 32, 64)),
    "l2": tuple(8 * 2**k / 255 for k in range(8)),
}


def written(epsilon: float) -> str:
    """The radius as the field writes it.

    >>> written(8 / 255), written(0.5 / 255), written(0)
    ('8/255', '0.5/255', '0')
    """
    return f"{255 * epsilon:.4g}/255" if epsilon else "0"


def size(change: np.ndarray, norm: Norm) -> np.ndarray:
    """float64 (n,): how large each change (n, c, h, w) is."""
    flat = change.reshape(len(change), -1).astype(np.float64)
    return np.abs(flat).max(1, initial=0) if norm == "linf" else np.sqrt(np.square(flat).sum(1))
