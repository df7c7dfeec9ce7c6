"""A trigger patch planted before distillation (NaiveAttack, Liu et al., NDSS 2023)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ddaudit.data.distilled import LabelledImages
from ddaudit.data.originals import ArraySplit, Split
from ddaudit.errors import AuditError
from ddaudit.seeds import generator
from ddaudit.training.trainer import TrainedModel


@dataclass(frozen=True)
class NaiveTrigger:
    """A bright square near the lower right corner; stamped images carry the target's label.

    Parameters
    ----------
    target : int
        The class that the trigger commands.
    fraction : float
        Share of the images of the other classes that are stamped and relabelled; the paper takes 0.01 of the original.
    size : int
        Side of the square in pixels; the paper takes 2.
    margin : int
        Pixels between the square and the border.
    value : float
        Pixel value of the square, in [0, 1].

    References
    ----------
    Liu et al., Backdoor attacks against dataset distillation, NDSS 2023.
    """

    target: int = 0
    fraction: float = 0.01
    size: int = 2
    margin: int = 1
    value: float = 1.0

    def stamp(self, pixels: np.ndarray) -> np.ndarray:
        """A copy of (n, c, h, w) pixels with the square on."""
        if self.size + self.margin > min(pixels.shape[-2:]):
            raise AuditError(
                f"A {self.size}-pixel trigger does not fit an image of {pixels.shape[-2]}x{pixels.shape[-1]}."
            )
        stamped = pixels.copy()
        rows = slice(pixels.shape[-2] - self.margin - self.size, pixels.shape[-2] - self.margin)
        columns = slice(pixels.shape[-1] - self.margin - self.size, pixels.shape[-1] - self.margin)
        stamped[..., rows, columns] = self.value
        return stamped

    def poison_split(self, split: Split, seed: int) -> ArraySplit:
        """The split with ``fraction`` of its other-class images stamped and relabelled (held in memory)."""
        others = np.flatnonzero(split.labels != self.target)
        chosen = self._choose(others, seed)
        pixels, labels = split.pixels(), split.labels.copy()
        pixels[chosen] = self.stamp(pixels[chosen])
        labels[chosen] = self.target
        return ArraySplit((pixels * 255).round().astype(np.uint8), labels)

    def poison_set(self, data: LabelledImages, seed: int) -> LabelledImages:
        """A small set with ``fraction`` of its other-class images (at least one) stamped and relabelled."""
        chosen = self._choose(np.flatnonzero(data.hard_labels != self.target), seed)
        images, labels = data.images.copy(), data.hard_labels.copy()
        images[chosen] = data.space.to_native(self.stamp(data.space.to_pixels(images[chosen])))
        labels[chosen] = self.target
        return LabelledImages(images, labels, data.classes, data.space, f"{data.name}, backdoored to {self.target}")

    def success(self, model: TrainedModel, pixels: np.ndarray, labels: np.ndarray) -> tuple[int, int]:
        """(triggered images of other classes that the model calls ``target``, how many were tried)."""
        others = labels != self.target
        predicted = model.logits(self.stamp(pixels[others])).argmax(1)
        return int((predicted == self.target).sum()), int(others.sum())

    def _choose(self, candidates: np.ndarray, seed: int) -> np.ndarray:
        count = max(1, round(self.fraction * len(candidates)))
        return generator(seed, "naive-trigger").choice(candidates, count, replace=False)
