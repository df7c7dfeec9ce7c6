"""Two classes whose images have exchanged their labels."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import torch

from ddaudit.data.distilled import LabelledImages
from ddaudit.data.originals import Original
from ddaudit.errors import AuditError
from ddaudit.seeds import generator
from ddaudit.threats.planted import Exchanged, OnStep, Planted, require_class, unheard


@dataclass(frozen=True)
class LabelSwap:
    """Gives ``fraction`` of the images of two classes (at least one of each) the label of the other.

    No class gains or loses an image where both have as many.
    """

    name: ClassVar[str] = "label-swap"
    needs_original: ClassVar[bool] = False
    first: int = 0
    second: int = 1
    fraction: float = 1.0

    def plant(
        self,
        clean: LabelledImages,
        seed: int,
        device: torch.device,
        *,
        original: Original | None = None,
        on_step: OnStep = unheard,
    ) -> Planted:
        """Swap labels of a finished set, soft ones with all that they say; see `Threat.plant`."""
        require_class(self.first, clean)
        require_class(self.second, clean)
        if self.first == self.second:
            raise AuditError(f"Class {self.first} cannot be swapped with itself: name two classes.")
        hard, labels = clean.hard_labels, clean.labels.copy()
        rng = generator(seed, self.name)
        moved = []
        for mine, other in ((self.first, self.second), (self.second, self.first)):
            rows = np.flatnonzero(hard == mine)
            if not len(rows):
                raise AuditError(f"{clean.name} has no image of class {mine} that could be mislabelled.")
            chosen = rng.choice(rows, max(1, round(self.fraction * len(rows))), replace=False)
            labels[chosen] = _relabelled(labels[chosen], mine, other)
            moved.append(chosen)
        name = f"{clean.name}, classes {self.first} and {self.second} swapped"
        return Planted(
            replace(clean, labels=labels, name=name), Exchanged(self.first, self.second), None, np.concatenate(moved)
        )


def _relabelled(labels: np.ndarray, mine: int, other: int) -> np.ndarray:
    """Hard labels of ``other``; soft ones with the two classes' columns exchanged."""
    if labels.ndim == 1:
        return np.full_like(labels, other)
    swapped = labels.copy()
    swapped[:, [mine, other]] = labels[:, [other, mine]]
    return swapped
