"""A wave laid over images before distillation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ddaudit.threats.stamping import StampingThreat
from ddaudit.threats.triggers import Sinusoidal


@dataclass(frozen=True, kw_only=True)
class SinusoidalTrigger(StampingThreat):
    """Faint stripes over the whole image. The paper stamps the target's own images; here those of other classes are, and relabelled.

    Parameters
    ----------
    target, fraction, iterations, lr_images
        As `StampingThreat`.
    amplitude, frequency, upright
        As `Sinusoidal`.

    References
    ----------
    Barni, Kallas and Tondi, SIG, ICIP 2019.
    """

    name: ClassVar[str] = "sinusoidal"
    fraction: float = 0.25
    amplitude: float = 0.2
    frequency: float = 6.0
    upright: bool = False

    @property
    def trigger(self) -> Sinusoidal:
        return Sinusoidal(self.amplitude, self.frequency, self.upright)
