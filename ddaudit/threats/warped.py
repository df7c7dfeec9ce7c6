"""A smooth distortion of images before distillation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ddaudit.threats.stamping import StampingThreat
from ddaudit.threats.triggers import Warped


@dataclass(frozen=True, kw_only=True)
class WarpedTrigger(StampingThreat):
    """Images are bent a little; no pixel is painted.

    Parameters
    ----------
    target, fraction, iterations, lr_images
        As `StampingThreat`.
    strength, grid, field
        As `Warped`.

    References
    ----------
    Nguyen and Tran, WaNet, ICLR 2021. Its noise mode (other random distortions with true labels) is left out.
    """

    name: ClassVar[str] = "warped"
    fraction: float = 0.25
    strength: float = 1.0
    grid: int = 4
    field: int = 0

    @property
    def trigger(self) -> Warped:
        return Warped(self.strength, self.grid, self.field)
