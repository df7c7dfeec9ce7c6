"""Mislabelled images of one class: a set that serves that class badly."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ddaudit.data.distilled import LabelledImages
from ddaudit.errors import AuditError
from ddaudit.seeds import generator


@dataclass(frozen=True)
class LabelFlip:
    """Gives ``fraction`` of the images of class ``source`` (at least one) the labels of other classes, drawn at random."""

    source: int
    fraction: float = 0.5

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
