"""Attacks without the model's gradients: random signs, Square, HopSkipJump, and what another model's gradients give."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ddaudit.checks.robustness.evasion.attack import InBall, Minimal, radius_by_radius
from ddaudit.checks.robustness.evasion.gradient import PGD
from ddaudit.checks.robustness.evasion.victim import Victim


@dataclass(frozen=True)
class Noise(InBall):
    """Every value moved by the radius, up or down as a coin falls: no attack, but what one has to beat."""

    name: ClassVar[str] = "noise"

    def perturb(self, victim: Victim, pixels: np.ndarray, labels: np.ndarray, epsilons: np.ndarray) -> np.ndarray:
        signs = np.random.choice([-1.0, 1.0], size=pixels.shape)
        return np.clip(pixels + epsilons[:, None, None, None] * signs, 0, 1).astype(np.float32)

    def passes(self) -> int:
        return 1


@dataclass(frozen=True)
class Square(InBall):
    """Random search over squares of changed pixels, by the margin alone (Andriushchenko et al., ECCV 2020).

    Parameters
    ----------
    queries : int
        Squares tried.
    share : float
        Of the image, that the first squares cover.
    """

    queries: int = 200
    share: float = 0.8

    name: ClassVar[str] = "square"
    costly: ClassVar[bool] = True

    def perturb(self, victim: Victim, pixels: np.ndarray, labels: np.ndarray, epsilons: np.ndarray) -> np.ndarray:
        from art.attacks.evasion import SquareAttack

        def at(pixels: np.ndarray, labels: np.ndarray, epsilon: float) -> np.ndarray:
            attack = SquareAttack(
                victim.art,
                norm=self.art_norm,
                max_iter=self.queries,
                eps=epsilon,
                p_init=self.share,
                nb_restarts=1,
                batch_size=victim.batch,
                verbose=False,
            )
            return attack.generate(pixels, y=labels)

        return radius_by_radius(at, pixels, labels, epsilons)

    def passes(self) -> int:
        return 2 * self.queries  # three forward passes a query, of images that still stand


@dataclass(frozen=True)
class HopSkipJump(Minimal):
    """Walks along the border with nothing but the predicted class (Chen, Jordan & Wainwright, IEEE S&P 2020).

    Parameters
    ----------
    steps : int
    first_queries, most_queries : int
        Of a step: they grow from the first to the most.
    """

    steps: int = 5
    first_queries: int = 50
    most_queries: int = 500

    name: ClassVar[str] = "hopskipjump"
    costly: ClassVar[bool] = True

    def perturb(self, victim: Victim, pixels: np.ndarray, labels: np.ndarray) -> np.ndarray:
        from art.attacks.evasion import HopSkipJump

        attack = HopSkipJump(
            victim.art,
            batch_size=MOST_QUERIES_AT_ONCE,
            norm=self.art_norm,
            max_iter=self.steps,
            max_eval=self.most_queries,
            init_eval=self.first_queries,
            init_size=1,
            verbose=False,
        )
        starts, found = _misread(victim, pixels), pixels.copy()
        rows = np.flatnonzero(victim.right(starts, labels) == 0)
        if len(rows):
            found[rows] = attack.generate(pixels[rows], y=labels[rows], x_adv_init=starts[rows])
        return found

    def passes(self) -> int:
        return self.steps * (self.most_queries // 2)


#: Queries of HopSkipJump that pass the network at a time.
MOST_QUERIES_AT_ONCE = 256


def _misread(victim: Victim, pixels: np.ndarray) -> np.ndarray:
    """For each image the first, among flat grey ones and the other images, that the model calls something else.

    ART would draw them from a generator that nobody can seed.
    """
    greys = np.linspace(0, 1, 5, dtype=np.float32)[:, None, None, None] * np.ones_like(pixels[:1])
    candidates = np.concatenate([greys, pixels])
    answers = victim.answers(candidates)
    differs = answers[None, :] != answers[len(greys) :, None]
    return candidates[differs.argmax(1)]


@dataclass(frozen=True)
class Transfer(InBall):
    """PGD on another model, whose images are shown to this one.

    Parameters
    ----------
    surrogate : str
        What the other model is, in words.
    """

    surrogate: str = "another seed"
    attack: PGD = PGD()  # noqa: RUF009 (frozen)

    @property
    def name(self) -> str:  # type: ignore[override]
        return f"transfer-{self.surrogate.split()[-1]}"

    def perturb(self, victim: Victim, pixels: np.ndarray, labels: np.ndarray, epsilons: np.ndarray) -> np.ndarray:
        return self.attack.perturb(victim.instead(), pixels, labels, epsilons)

    def passes(self) -> int:
        return self.attack.passes()
