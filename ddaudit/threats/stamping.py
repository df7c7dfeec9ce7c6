"""What the threats have in common that stamp a trigger on images and give these the target's label."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
import torch

from ddaudit.data.distilled import LabelledImages
from ddaudit.data.originals import Original, Split
from ddaudit.data.splits import Subset
from ddaudit.distillation.distribution_matching import DistributionMatching
from ddaudit.errors import AuditError
from ddaudit.seeds import generator
from ddaudit.threats.planted import OnStep, Planted, ToTarget, raw_data, require_class, unheard
from ddaudit.threats.triggers import Trigger


@dataclass(frozen=True, kw_only=True)
class StampingThreat(ABC):
    """A share of the raw images gets a trigger and the target's label; then they are distilled, by distribution matching from noise.

    Parameters
    ----------
    target : int
        The class that the trigger commands.
    fraction : float
        Share of the images of the other classes that are stamped and relabelled.
    iterations, lr_images, batch_real, width
        Of the `DistributionMatching` that follows; ``width`` 0 takes the architecture's own.
    """

    name: ClassVar[str]
    needs_original: ClassVar[bool] = True
    target: int = 0
    fraction: float = 0.01
    iterations: int = 1000
    lr_images: float = 10.0
    batch_real: int = 256
    width: int = 0

    @property
    @abstractmethod
    def trigger(self) -> Trigger:
        """What is stamped."""

    def plant(
        self,
        clean: LabelledImages,
        seed: int,
        device: torch.device,
        *,
        original: Original | None = None,
        on_step: OnStep = unheard,
    ) -> Planted:
        """Distil the poisoned original to the size of ``clean``; see `Threat.plant`."""
        require_class(self.target, clean)
        poisoned = self.poison_split(raw_data(original, self.name).train, seed)
        distiller = DistributionMatching(
            ipc=max(1, round(clean.ipc)),
            iterations=self.iterations,
            lr_images=self.lr_images,
            batch_real=self.batch_real,
            width=self.width or None,
            threads=1,
        )
        (made,) = distiller.distill(poisoned, clean.classes, clean.space, seed, device, on_step=on_step)
        return Planted(made, ToTarget(self.target), self.trigger, np.arange(0))

    def poison_split(self, split: Split, seed: int) -> StampedSplit:
        """The split with ``fraction`` of its other-class images (at least one) stamped and relabelled."""
        self.trigger.stamp(split.pixels(np.arange(1)))  # a trigger that does not fit says so before the work begins
        return StampedSplit.drawn(split, self.trigger, self.target, self.fraction, generator(seed, self.name))

    def poison_set(self, data: LabelledImages, seed: int) -> LabelledImages:
        """A small set with ``fraction`` of its other-class images (at least one) stamped and relabelled."""
        chosen = choose(data.hard_labels, self.target, self.fraction, generator(seed, self.name))
        images, labels = data.images.copy(), data.hard_labels.copy()
        images[chosen] = data.space.to_native(self.trigger.stamp(data.space.to_pixels(images[chosen])))
        labels[chosen] = self.target
        return LabelledImages(images, labels, data.classes, data.space, f"{data.name}, backdoored to {self.target}")


def choose(labels: np.ndarray, target: int, fraction: float, rng: np.random.Generator) -> np.ndarray:
    """Rows of ``fraction`` of the images of other classes than ``target``, at least one.

    Raises
    ------
    AuditError
        Where there is none.
    """
    others = np.flatnonzero(labels != target)
    if not len(others):
        raise AuditError(f"There is no image of another class than {target} that could be stamped.")
    return rng.choice(others, max(1, round(fraction * len(others))), replace=False)


@dataclass(frozen=True, eq=False)
class StampedSplit:
    """A split of which some images carry a trigger and its target's label: stamped when read, nothing is copied or rounded.

    Parameters
    ----------
    parent : Split
    trigger : Trigger
    target : int
    stamped : bool array (n,)
    """

    parent: Split
    trigger: Trigger
    target: int
    stamped: np.ndarray

    @classmethod
    def drawn(
        cls, parent: Split, trigger: Trigger, target: int, fraction: float, rng: np.random.Generator
    ) -> StampedSplit:
        """With the images stamped that ``choose`` takes."""
        stamped = np.zeros(len(parent), bool)
        stamped[choose(parent.labels, target, fraction, rng)] = True
        return cls(parent, trigger, target, stamped)

    def __len__(self) -> int:
        return len(self.parent)

    @property
    def shape(self) -> tuple[int, int, int]:
        return self.parent.shape

    @cached_property
    def labels(self) -> np.ndarray:
        return np.where(self.stamped, self.target, self.parent.labels)

    def pixels(self, indices: np.ndarray | slice | None = None) -> np.ndarray:
        pixels = self.parent.pixels(indices)
        rows = self.stamped if indices is None else self.stamped[indices]
        pixels[rows] = self.trigger.stamp(pixels[rows])
        return pixels

    def take(self, indices: np.ndarray) -> Subset:
        return Subset(self, np.asarray(indices))

    @cached_property
    def fingerprint(self) -> str:
        digest = hashlib.sha256(f"{self.parent.fingerprint}/{self.trigger!r}/{self.target}".encode())
        digest.update(self.stamped.tobytes())
        return digest.hexdigest()
