"""Attacks that follow the gradient: FGSM, PGD, and APGD with two losses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np

from ddaudit.checks.robustness.evasion.attack import InBall, radius_by_radius
from ddaudit.checks.robustness.evasion.victim import Victim


def _by_image(epsilons: np.ndarray) -> np.ndarray:
    """One radius an image, as ART wants them."""
    return epsilons.astype(np.float32)[:, None, None, None]


@dataclass(frozen=True)
class FGSM(InBall):
    """One signed (L-infinity) or normalised (L2) gradient step (Goodfellow, Shlens & Szegedy, ICLR 2015)."""

    name: ClassVar[str] = "fgsm"

    def perturb(self, victim: Victim, pixels: np.ndarray, labels: np.ndarray, epsilons: np.ndarray) -> np.ndarray:
        from art.attacks.evasion import FastGradientMethod

        step = _by_image(epsilons)
        attack = FastGradientMethod(victim.art, norm=self.art_norm, eps=step, eps_step=step, batch_size=victim.batch)
        return attack.generate(pixels, y=labels)

    def passes(self) -> int:
        return 1


@dataclass(frozen=True)
class PGD(InBall):
    """Projected gradient descent from the image itself, then from random starts for images that still stand (Madry et al., ICLR 2018).

    Parameters
    ----------
    steps : int
        Iterations, each of ``step`` radii / steps.
    restarts : int
        Random starts beside the image itself.
    """

    steps: int = 10
    restarts: int = 0
    step: float = 2.5

    name: ClassVar[str] = "pgd"

    def perturb(self, victim: Victim, pixels: np.ndarray, labels: np.ndarray, epsilons: np.ndarray) -> np.ndarray:
        found = self._attack(victim, _by_image(epsilons), random=False).generate(pixels, y=labels)
        return self.restarted(victim, found, pixels, labels, epsilons)

    def restarted(
        self, victim: Victim, found: np.ndarray, pixels: np.ndarray, labels: np.ndarray, epsilons: np.ndarray
    ) -> np.ndarray:
        """The same with the images that still stand attacked from ``restarts`` random starts; ``found`` is what the image itself led to."""
        found = found.copy()
        for _ in range(self.restarts):
            rows = np.flatnonzero(victim.right(found, labels))
            if len(rows):
                found[rows] = self._from_a_random_start(victim, pixels[rows], labels[rows], epsilons[rows])
        return found

    def passes(self) -> int:
        return self.steps * (1 + self.restarts)

    def _from_a_random_start(
        self, victim: Victim, pixels: np.ndarray, labels: np.ndarray, epsilons: np.ndarray
    ) -> np.ndarray:
        def at(pixels: np.ndarray, labels: np.ndarray, epsilon: float) -> np.ndarray:
            return self._attack(victim, epsilon, random=True).generate(pixels, y=labels)

        return radius_by_radius(at, pixels, labels, epsilons)

    def _attack(self, victim: Victim, epsilon: float | np.ndarray, *, random: bool) -> Any:
        from art.attacks.evasion import ProjectedGradientDescentPyTorch

        return ProjectedGradientDescentPyTorch(
            victim.art,
            norm=self.art_norm,
            eps=epsilon,
            eps_step=self.step * epsilon / self.steps,
            max_iter=self.steps,
            num_random_init=int(random),
            batch_size=victim.batch,
            verbose=False,
        )


#: ART's names of the losses.
LOSSES = {"ce": "cross_entropy", "dlr": "difference_logits_ratio"}


@dataclass(frozen=True)
class APGD(InBall):
    """PGD that chooses its own step sizes (Croce & Hein, ICML 2020).

    Parameters
    ----------
    loss : {"ce", "dlr"}
        Cross entropy, or the difference of logits ratio, which does not vanish where the network is very sure.
    steps : int
        Iterations; the first steps are of twice the radius.
    restarts : int
        Random starts in all.
    """

    loss: Literal["ce", "dlr"] = "ce"
    steps: int = 20
    restarts: int = 1

    @property
    def name(self) -> str:  # type: ignore[override]
        return f"apgd-{self.loss}"

    def perturb(self, victim: Victim, pixels: np.ndarray, labels: np.ndarray, epsilons: np.ndarray) -> np.ndarray:
        from art.attacks.evasion import AutoProjectedGradientDescent

        def at(pixels: np.ndarray, labels: np.ndarray, epsilon: float) -> np.ndarray:
            attack = AutoProjectedGradientDescent(
                victim.art,
                norm=self.art_norm,
                eps=epsilon,
                eps_step=2 * epsilon,
                max_iter=self.steps,
                nb_random_init=self.restarts,
                batch_size=victim.batch,
                loss_type=LOSSES[self.loss],
                verbose=False,
            )
            return attack.generate(pixels, y=labels)

        return radius_by_radius(at, pixels, labels, epsilons)

    def passes(self) -> int:
        return 2 * self.steps * self.restarts
