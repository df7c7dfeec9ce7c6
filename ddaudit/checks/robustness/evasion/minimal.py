"""Attacks that look for the smallest change that fools: DeepFool, and Carlini and Wagner's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ddaudit.checks.robustness.evasion.attack import Minimal
from ddaudit.checks.robustness.evasion.radii import Norm
from ddaudit.checks.robustness.evasion.victim import Victim


@dataclass(frozen=True)
class DeepFool(Minimal):
    """Steps to the nearest border between classes, as if the network were linear (Moosavi-Dezfooli, Fawzi & Frossard, CVPR 2016).

    Parameters
    ----------
    steps : int
        At most.
    overshoot : float
        How far beyond the border, in parts of the way.
    classes : int
        The likeliest classes whose borders are looked at.
    """

    norm: Norm = "l2"
    steps: int = 50
    overshoot: float = 0.02
    classes: int = 10

    name: ClassVar[str] = "deepfool"

    def perturb(self, victim: Victim, pixels: np.ndarray, labels: np.ndarray) -> np.ndarray:
        from art.attacks.evasion import DeepFool

        attack = DeepFool(
            victim.art,
            max_iter=self.steps,
            epsilon=self.overshoot,
            nb_grads=self.classes,
            batch_size=victim.batch,
            verbose=False,
        )
        return attack.generate(pixels)

    def passes(self) -> int:
        return 5 * self.classes  # it rarely takes more than five steps


@dataclass(frozen=True)
class CarliniWagner(Minimal):
    """Adam on the size of the change and the margin together, by a search over how they are weighed (Carlini & Wagner, IEEE S&P 2017).

    Parameters
    ----------
    searches : int
        Weights tried for each image.
    steps : int
        For each weight.
    rate : float
        Learning rate.
    constant : float
        The first weight of the margin.
    """

    norm: Norm = "l2"
    searches: int = 6
    steps: int = 40
    rate: float = 0.05
    constant: float = 1.0

    name: ClassVar[str] = "cw"
    costly: ClassVar[bool] = True

    def perturb(self, victim: Victim, pixels: np.ndarray, labels: np.ndarray) -> np.ndarray:
        from art.attacks.evasion import CarliniL2Method

        attack = CarliniL2Method(
            victim.art,
            learning_rate=self.rate,
            binary_search_steps=self.searches,
            max_iter=self.steps,
            initial_const=self.constant,
            batch_size=victim.batch,
            verbose=False,
        )
        return attack.generate(pixels, y=victim.one_hot(labels))

    def passes(self) -> int:
        return 3 * self.searches * self.steps  # with the halvings and doublings of its line search
