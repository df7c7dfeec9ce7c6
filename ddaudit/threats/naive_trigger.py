"""A trigger patch planted before distillation (NaiveAttack, Liu et al., NDSS 2023)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ddaudit.threats.stamping import StampingThreat
from ddaudit.threats.triggers import Patch


@dataclass(frozen=True, kw_only=True)
class NaiveTrigger(StampingThreat):
    """A bright square near the lower right corner; stamped images carry the target's label.

    Parameters
    ----------
    target, fraction, iterations, lr_images
        As `StampingThreat`; the paper takes 0.01 of the original.
    size, margin, value
        As `Patch`; the paper takes 2 pixels, one from the border.

    References
    ----------
    Liu et al., Backdoor attacks against dataset distillation, NDSS 2023.
    """

    name: ClassVar[str] = "naive-trigger"
    size: int = 2
    margin: int = 1
    value: float = 1.0

    @property
    def trigger(self) -> Patch:
        return Patch(self.size, self.margin, self.value)
