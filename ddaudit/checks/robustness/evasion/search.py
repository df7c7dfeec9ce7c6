"""The smallest radius at which each image is fooled: found once a model and attack, and kept in the store."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from ddaudit.checks.robustness.evasion.attack import Attack
from ddaudit.checks.robustness.evasion.radii import RADII
from ddaudit.checks.robustness.evasion.victim import Victim, seeded
from ddaudit.data.distilled import LabelledImages
from ddaudit.training.device import threads
from ddaudit.training.recipe import Recipe
from ddaudit.training.store import Arrays, Store, array_fingerprint
from ddaudit.training.trainer import TrainedModel, dataset_fingerprint, train


def smallest_radii(victim: Victim, attack: Attack, pixels: np.ndarray, labels: np.ndarray, seed: int) -> np.ndarray:
    """The smallest radius at which the attack fooled the model on each image.

    Images that the model gets wrong anyway are not attacked, and by definition a radius fools wherever a smaller one does: the curve over
    radii cannot rise.

    Returns
    -------
    float64 (n,)
        0 where the model errs unattacked, inf where no radius fooled it.
    """
    found = np.zeros(len(pixels))
    with threads(victim.model.recipe.threads), seeded(seed):
        rows = np.flatnonzero(victim.right(pixels, labels))
        if len(rows):
            found[rows] = attack.smallest(victim, pixels[rows], labels[rows])
    return found


@dataclass(frozen=True, eq=False)
class AttackTask:
    """An attack on the model of (data, recipe, model seed), with everything that its outcome depends on.

    Parameters
    ----------
    surrogate : (Recipe, int), optional
        Recipe and seed of another model of the same data, for transfer attacks.
    pixels, labels : float32 (n, c, h, w) in [0, 1] and int64 (n,)
        The attacked images.
    seed : int
        Of the attack.
    """

    data: LabelledImages
    recipe: Recipe
    model_seed: int
    attack: Attack
    pixels: np.ndarray
    labels: np.ndarray
    seed: int
    device: str
    surrogate: tuple[Recipe, int] | None = None

    def victim(self, store: Store) -> Victim:
        """The model, trained or from the store."""

        def model(recipe: Recipe, seed: int) -> TrainedModel:
            return train(self.data, recipe, seed, torch.device(self.device), store)

        other = model(*self.surrogate) if self.surrogate else None
        return Victim(model(self.recipe, self.model_seed), self.data.classes, self.data.shape, other)

    def identity(self) -> dict[str, object]:
        """What decides the outcome."""
        return {
            "data": dataset_fingerprint(self.data),
            "recipe": self.recipe.fingerprint(),
            "model_seed": self.model_seed,
            "surrogate": [self.surrogate[0].fingerprint(), self.surrogate[1]] if self.surrogate else None,
            "attack": repr(self.attack),
            "images": array_fingerprint(self.pixels, self.labels),
            "radii": list(RADII[self.attack.norm]),
            "seed": self.seed,
            "device": torch.device(self.device).type,
        }


def attack_set(store: Store, task: AttackTask) -> np.ndarray:
    """``smallest_radii`` of the task, kept in the store."""

    def compute() -> Arrays:
        victim = task.victim(store)
        return {"radii": smallest_radii(victim, task.attack, task.pixels, task.labels, task.seed)}

    return store.remember("attacks", task.identity(), compute)["radii"]


def attack_into(folder: Path, task: AttackTask) -> None:
    """``attack_set`` in a process of one's own: the result lands in the store at ``folder``."""
    attack_set(Store(folder), task)
