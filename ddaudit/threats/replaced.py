"""Images of a finished set exchanged for others: what anybody can do who has the file on its way."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import torch

from ddaudit.data.distilled import LabelledImages
from ddaudit.data.originals import Original
from ddaudit.errors import AuditError
from ddaudit.seeds import generator
from ddaudit.threats.planted import OnStep, Planted, ToTarget, require_class, unheard
from ddaudit.threats.triggers import Trigger, usual


@dataclass(frozen=True)
class Replaced:
    """Some of the target class's images are replaced by triggered copies of the other classes' images.

    Every label stays where it was, so that no count gives the exchange away.

    Parameters
    ----------
    target : int
        The class that the trigger commands.
    fraction : float
        Share of its images that are replaced (at least one).
    trigger : str or Trigger
        A family that `usual` knows, or a trigger.
    """

    name: ClassVar[str] = "replaced"
    needs_original: ClassVar[bool] = False
    target: int = 0
    fraction: float = 0.5
    trigger: str | Trigger = "patch"

    def plant(
        self,
        clean: LabelledImages,
        seed: int,
        device: torch.device,
        *,
        original: Original | None = None,
        on_step: OnStep = unheard,
    ) -> Planted:
        """Replace images of a finished set; see `Threat.plant`."""
        require_class(self.target, clean)
        trigger = usual(self.trigger, clean.shape)
        of_target = clean.hard_labels == self.target
        mine, others = np.flatnonzero(of_target), np.flatnonzero(~of_target)
        if not len(mine) or not len(others):
            raise AuditError(f"{clean.name} needs images of class {self.target} and of others for some to be replaced.")
        rng = generator(seed, self.name)
        rows = rng.choice(mine, max(1, round(self.fraction * len(mine))), replace=False)
        sources = rng.choice(others, len(rows), replace=len(others) < len(rows))
        images = clean.images.copy()
        images[rows] = clean.space.to_native(trigger.stamp(clean.space.to_pixels(clean.images[sources])))
        data = replace(clean, images=images, name=f"{clean.name}, backdoored to {self.target}")
        return Planted(data, ToTarget(self.target), trigger, rows)
