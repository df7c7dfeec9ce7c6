"""The space in which a set's images were stored, and the way between it and pixels in [0, 1]."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class PixelSpace:
    """native = (((pixels - mean) / std).flatten() - offset) @ matrix.

    Every space of the field is of this form: ``mean`` and ``std`` (c,) per channel, and for ZCA a ``matrix`` (d, d) with its
    ``inverse`` and the ``offset`` (d,) subtracted before it, d = c h w. All float32.

    Parameters
    ----------
    name : str
        "unit" (pixels as they are), "uint8" (0 to 255), "zscore", "zca" or "unknown" (taken as they are).
    confidence : float
        1.0 where the user said so; otherwise the inference's own, in [0, 1].
    detail : str
        The constants, for the report.
    """

    name: str
    mean: np.ndarray
    std: np.ndarray
    matrix: np.ndarray | None = None
    inverse: np.ndarray | None = None
    offset: np.ndarray | None = None
    confidence: float = 1.0
    detail: str = ""

    @classmethod
    def unit(cls, channels: int) -> PixelSpace:
        """Pixels in [0, 1], unchanged."""
        return cls("unit", np.zeros(channels, np.float32), np.ones(channels, np.float32))

    def to_native(self, pixels: np.ndarray) -> np.ndarray:
        """float32 (n, c, h, w) pixels in [0, 1] to native space, same shape."""
        native = ((pixels - self.mean[:, None, None]) / self.std[:, None, None]).astype(np.float32, copy=False)
        if self.matrix is None:
            return native
        flat = native.reshape(len(native), -1)
        if self.offset is not None:
            flat = flat - self.offset
        return (flat @ self.matrix).reshape(native.shape)

    def to_pixels(self, native: np.ndarray) -> np.ndarray:
        """The inverse of ``to_native``; nothing is clipped."""
        if self.matrix is not None:
            assert self.inverse is not None
            flat = native.reshape(len(native), -1) @ self.inverse
            if self.offset is not None:
                flat = flat + self.offset
            native = flat.reshape(native.shape)
        return (native * self.std[:, None, None] + self.mean[:, None, None]).astype(np.float32, copy=False)
