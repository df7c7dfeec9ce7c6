"""Images, and whole splits, at a lower resolution."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch.nn import functional as F

if TYPE_CHECKING:
    from ddaudit.data.originals import Split


def resized(pixels: np.ndarray, side: int) -> np.ndarray:
    """float32 (n, c, side, side): each value the mean of the area that it covers in (n, c, h, w)."""
    if pixels.shape[2:] == (side, side):
        return pixels
    return F.adaptive_avg_pool2d(torch.from_numpy(np.ascontiguousarray(pixels, np.float32)), side).numpy()


@dataclass(frozen=True, eq=False)
class Resized:
    """A split whose images are ``side`` pixels high and wide."""

    parent: Split
    side: int

    def __len__(self) -> int:
        return len(self.parent)

    @property
    def labels(self) -> np.ndarray:
        """int64 (n,)."""
        return self.parent.labels

    @property
    def shape(self) -> tuple[int, int, int]:
        """(c, side, side)."""
        return self.parent.shape[0], self.side, self.side

    def pixels(self, indices: np.ndarray | slice | None = None) -> np.ndarray:
        """float32 (n, c, side, side) in [0, 1]."""
        return resized(self.parent.pixels(indices), self.side)

    def take(self, indices: np.ndarray) -> Resized:
        """Some of the images, at the same size."""
        return Resized(self.parent.take(indices), self.side)

    @cached_property
    def fingerprint(self) -> str:
        """Of the parent and the side."""
        return f"{self.parent.fingerprint}-{self.side}"
