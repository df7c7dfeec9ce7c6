"""A picture of noise blended into images before distillation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ddaudit.threats.stamping import StampingThreat
from ddaudit.threats.triggers import Blended


@dataclass(frozen=True, kw_only=True)
class BlendedTrigger(StampingThreat):
    """A faint fixed picture over the whole image; no pixel gives it away.

    Parameters
    ----------
    target, fraction, iterations, lr_images
        As `StampingThreat`.
    strength, picture
        As `Blended`.

    References
    ----------
    Chen et al., Targeted backdoor attacks using data poisoning, 2017; on distilled sets, Liu et al., NDSS 2023.
    """

    name: ClassVar[str] = "blended"
    fraction: float = 0.25
    strength: float = 0.25
    picture: int = 0

    @property
    def trigger(self) -> Blended:
        return Blended(self.strength, self.picture)
