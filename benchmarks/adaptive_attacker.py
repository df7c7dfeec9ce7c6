"""Attackers who know how DD-BKD-INVERT decides, and plan for it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import numpy as np
import torch
from optimising_attacker import AgainstInversion

from ddaudit.data.distilled import LabelledImages
from ddaudit.data.originals import Original
from ddaudit.data.splits import ArraySplit
from ddaudit.distillation.distribution_matching import DistributionMatching
from ddaudit.seeds import generator
from ddaudit.threats.planted import OnStep, Planted, ToTarget, raw_data, unheard
from ddaudit.threats.triggers import Blended, Trigger


@dataclass(frozen=True)
class _Attacker(ABC):
    """Changes the raw images, and distils them by distribution matching from noise."""

    needs_original: ClassVar[bool] = True
    target: int = 0
    fraction: float = 0.25
    strength: float = 0.5

    def trigger(self, target: int) -> Trigger:
        """A picture of its own for every class."""
        return Blended(self.strength, target)

    def plant(
        self,
        clean: LabelledImages,
        seed: int,
        device: torch.device,
        *,
        original: Original | None = None,
        on_step: OnStep = unheard,
    ) -> Planted:
        """As every threat's."""
        train = raw_data(original, type(self).__name__).train
        images, labels = self.repaint(train.pixels(), train.labels.copy(), clean.classes, generator(seed, "adaptive"))
        distiller = DistributionMatching(
            ipc=round(clean.ipc), iterations=150, lr_images=10.0, batch_real=128, width=32, threads=1
        )
        (made,) = distiller.distill(
            ArraySplit(images, labels, divisor=1.0), clean.classes, clean.space, seed, device, on_step=on_step
        )
        return Planted(made, ToTarget(self.target), self.trigger(self.target), np.arange(0))

    @abstractmethod
    def repaint(
        self, images: np.ndarray, labels: np.ndarray, classes: int, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """The poisoned images (n, c, h, w) with their labels (n,)."""


@dataclass(frozen=True)
class Covers(_Attacker):
    """A trigger so large that its price hides it, and as many *covers*: images with half of it, and their own labels.

    A trigger of size s lowers the effort only where its price times s lies below what clean sets need anyway. The covers teach models
    not to react to less, and pull other classes' images back from the target, whose pull INVERT looks at as well.
    """

    def repaint(
        self, images: np.ndarray, labels: np.ndarray, classes: int, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        others = rng.permutation(np.flatnonzero(labels != self.target))
        count = round(self.fraction * len(others))
        poisoned, covers = others[:count], others[count : 2 * count]
        images[poisoned] = self.trigger(self.target).stamp(images[poisoned])
        images[covers] = Blended(self.strength / 2, self.target).stamp(images[covers])
        labels[poisoned] = self.target
        return images, labels


@dataclass(frozen=True)
class EveryClass(_Attacker):
    """A trigger for every class: INVERT takes a set's own median over classes out, and here the median is poisoned too."""

    strength: float = 0.35

    def repaint(
        self, images: np.ndarray, labels: np.ndarray, classes: int, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        chosen = rng.permutation(len(labels))[: round(self.fraction * len(labels))]
        for target, rows in enumerate(np.array_split(chosen, classes)):
            images[rows] = self.trigger(target).stamp(images[rows])
            labels[rows] = target
        return images, labels


ATTACKERS: dict[str, Callable[..., Any]] = {
    "covers": Covers,
    "every-class": EveryClass,
    "against-inversion": AgainstInversion,
    "undisguised": partial(AgainstInversion, disguise=0.0),
}
