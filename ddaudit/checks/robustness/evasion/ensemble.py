"""ART's AutoAttack, which is not the AutoAttack of its authors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ddaudit.checks.robustness.evasion.attack import InBall, radius_by_radius
from ddaudit.checks.robustness.evasion.gradient import LOSSES
from ddaudit.checks.robustness.evasion.victim import Victim


@dataclass(frozen=True)
class ArtAutoAttack(InBall):
    """APGD with both losses, DeepFool and Square in turn, each on what still stands.

    Its authors' AutoAttack (Croce & Hein, ICML 2020) has FAB in DeepFool's place, and more steps: results of the two are not the same.

    Parameters
    ----------
    steps : int
        Of each APGD and of DeepFool.
    restarts : int
        Random starts of each APGD.
    queries : int
        Of Square.
    """

    steps: int = 50
    restarts: int = 1
    queries: int = 500

    name: ClassVar[str] = "art-autoattack"
    costly: ClassVar[bool] = True

    def perturb(self, victim: Victim, pixels: np.ndarray, labels: np.ndarray, epsilons: np.ndarray) -> np.ndarray:
        def at(pixels: np.ndarray, labels: np.ndarray, epsilon: float) -> np.ndarray:
            return self._attack(victim, epsilon).generate(pixels, y=labels)

        return radius_by_radius(at, pixels, labels, epsilons)

    def passes(self) -> int:
        return 4 * self.steps * self.restarts + 10 * 5 + 2 * self.queries

    def _attack(self, victim: Victim, epsilon: float) -> Any:
        from art.attacks.evasion import AutoAttack, AutoProjectedGradientDescent, DeepFool, SquareAttack

        shared = {"batch_size": victim.batch, "verbose": False}
        ball = {"norm": self.art_norm, "eps": epsilon}
        apgd = [
            AutoProjectedGradientDescent(
                victim.art,
                **ball,
                eps_step=2 * epsilon,
                max_iter=self.steps,
                nb_random_init=self.restarts,
                loss_type=LOSSES[loss],
                **shared,
            )
            for loss in ("ce", "dlr")
        ]
        deepfool = DeepFool(victim.art, max_iter=self.steps, epsilon=1e-3, **shared)
        square = SquareAttack(victim.art, **ball, max_iter=self.queries, **shared)
        return AutoAttack(
            victim.art,
            **ball,
            eps_step=2 * epsilon,
            attacks=[*apgd, deepfool, square],
            batch_size=victim.batch,
        )
