"""Images whose fine detail is taken away, or overdone: sets that stand at one end of the spectrum."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import ndimage

#: Standard deviation of the blur, as a share of an image's side: two pixels of 32.
WIDTH = 1 / 16


@dataclass(frozen=True)
class FrequencyFilter:
    """A Gaussian blur, or the sharpening that adds what the blur takes away.

    Parameters
    ----------
    kind : {"low-pass", "high-pass"}
    strength : float
        How many times the detail is added by sharpening; a blur takes it away once.
    """

    kind: Literal["low-pass", "high-pass"]
    strength: float = 2.0

    def apply(self, pixels: np.ndarray) -> np.ndarray:
        """Pixels (n, c, h, w), float32; sharpened ones may leave [0, 1]."""
        width = WIDTH * max(pixels.shape[2:])
        blurred = ndimage.gaussian_filter(pixels, (0, 0, width, width))
        if self.kind == "low-pass":
            return np.asarray(blurred, np.float32)
        return np.asarray(pixels + self.strength * (pixels - blurred), np.float32)
