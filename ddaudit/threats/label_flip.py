"""Mislabelled images of one class: a set that serves that class badly."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import torch

from ddaudit.data.distilled import LabelledImages
from ddaudit.data.originals import Original
from ddaudit.errors import AuditError
from ddaudit.seeds import generator
from ddaudit.threats.planted import Mistaken, OnStep, Planted, unheard


@dataclass(frozen=True)
class LabelFlip:
    """Gives ``fraction`` of the images of class ``source`` (at least one) the labels of other classes, drawn at random."""

    name: ClassVar[str] = "label-flip"
    needs_original: ClassVar[bool] = False
    source: int = 0
    fraction: float = 0.5

    def plant(
        self,
        clean: LabelledImages,
        seed: int,
        device: torch.device,
        *,
        original: Original | None = None,
        on_step: OnStep = unheard,
    ) -> Planted:
        """Flip labels of a finished set; see `Threat.plant`."""
        data = self.poison_set(clean, seed)
        return Planted(data, Mistaken(self.source), None, np.flatnonzero(data.labels != clean.hard_labels))

    def poison_set(self, data: LabelledImages, seed: int) -> LabelledImages:
        """The set with the flipped labels; soft labels are replaced by hard ones."""
        rng = generator(seed, "label-flip")
        labels = data.hard_labels.copy()
        rows = np.flatnonzero(labels == self.source)
        if not len(rows):
            raise AuditError(f"{data.name} has no image of class {self.source} that could be mislabelled.")
        chosen = rng.choice(rows, max(1, round(self.fraction * len(rows))), replace=False)
        labels[chosen] = (labels[chosen] + rng.integers(1, data.classes, len(chosen))) % data.classes
        return replace(data, labels=labels, name=f"{data.name}, class {self.source} mislabelled")
