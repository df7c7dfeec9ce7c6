"""A trigger patch planted before distillation (NaiveAttack, Liu et al., NDSS 2023)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ddaudit.data.distilled import LabelledImages
from ddaudit.data.originals import Split
from ddaudit.data.splits import Subset
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
        rows, columns = self._place(*pixels.shape[-2:])
        stamped = pixels.copy()
        stamped[..., rows, columns] = self.value
        return stamped

    def poison_split(self, split: Split, seed: int) -> StampedSplit:
        """The split with ``fraction`` of its other-class images (at least one) stamped and relabelled."""
        self._place(*split.shape[1:])
        stamped = np.zeros(len(split), bool)
        stamped[self._choose(split.labels, seed)] = True
        return StampedSplit(split, self, stamped)

    def poison_set(self, data: LabelledImages, seed: int) -> LabelledImages:
        """A small set with ``fraction`` of its other-class images (at least one) stamped and relabelled."""
        chosen = self._choose(data.hard_labels, seed)
        images, labels = data.images.copy(), data.hard_labels.copy()
        images[chosen] = data.space.to_native(self.stamp(data.space.to_pixels(images[chosen])))
        labels[chosen] = self.target
        return LabelledImages(images, labels, data.classes, data.space, f"{data.name}, backdoored to {self.target}")

    def success(self, model: TrainedModel, pixels: np.ndarray, labels: np.ndarray) -> tuple[int, int]:
        """(triggered images of other classes that the model calls ``target``, how many were tried)."""
        others = labels != self.target
        predicted = model.logits(self.stamp(pixels[others])).argmax(1)
        return int((predicted == self.target).sum()), int(others.sum())

    def _place(self, height: int, width: int) -> tuple[slice, slice]:
        if self.size + self.margin > min(height, width):
            raise AuditError(
                f"A {self.size}-pixel trigger does not fit an image of {height}x{width}, {self.margin} from the border."
            )
        last = height - self.margin, width - self.margin
        return slice(last[0] - self.size, last[0]), slice(last[1] - self.size, last[1])

    def _choose(self, labels: np.ndarray, seed: int) -> np.ndarray:
        others = np.flatnonzero(labels != self.target)
        if not len(others):
            raise AuditError(f"There is no image of another class than {self.target} that could be stamped.")
        count = max(1, round(self.fraction * len(others)))
        return generator(seed, "naive-trigger").choice(others, count, replace=False)


@dataclass(frozen=True, eq=False)
class StampedSplit:
    """A split of which some images carry a trigger and its target's label: stamped when read, nothing is copied or rounded.

    Parameters
    ----------
    parent : Split
    trigger : NaiveTrigger
    stamped : bool array (n,)
    """

    parent: Split
    trigger: NaiveTrigger
    stamped: np.ndarray

    def __len__(self) -> int:
        return len(self.parent)

    @property
    def shape(self) -> tuple[int, int, int]:
        return self.parent.shape

    @cached_property
    def labels(self) -> np.ndarray:
        return np.where(self.stamped, self.trigger.target, self.parent.labels)

    def pixels(self, indices: np.ndarray | slice | None = None) -> np.ndarray:
        pixels = self.parent.pixels(indices)
        rows = self.stamped if indices is None else self.stamped[indices]
        pixels[rows] = self.trigger.stamp(pixels[rows])
        return pixels

    def take(self, indices: np.ndarray) -> Subset:
        return Subset(self, np.asarray(indices))

    @cached_property
    def fingerprint(self) -> str:
        digest = hashlib.sha256(f"{self.parent.fingerprint}/{self.trigger}".encode())
        digest.update(self.stamped.tobytes())
        return digest.hexdigest()
