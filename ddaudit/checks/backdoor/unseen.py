"""Found triggers tried on models and images that the search never saw."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ddaudit.checks.backdoor.families import FAMILIES
from ddaudit.checks.backdoor.inversion import TARGETS_TOGETHER, Inversion, reached
from ddaudit.data.distilled import LabelledImages
from ddaudit.training.device import repeatable, threads
from ddaudit.training.recipe import Recipe
from ddaudit.training.store import Arrays, Store, array_fingerprint
from ddaudit.training.trainer import TrainedModel, dataset_fingerprint, train


@dataclass(frozen=True, eq=False)
class Outcome:
    """What the triggers of a set do to models that they were not made on.

    Parameters
    ----------
    effort : float64 (f, k)
        As of an ``Inversion``: cross entropy to the target plus the price of the size, here on unseen images and models.
    success : float64 (f, k)
        Share of the other classes' images that are taken for the target, the mean over the models.
    """

    effort: np.ndarray
    success: np.ndarray


@torch.no_grad()
def tried(found: Inversion, models: list[TrainedModel], pixels: np.ndarray, labels: np.ndarray) -> Outcome:
    """All triggers of an inversion on images (n, c, h, w) and models of somebody's choice."""
    device = models[0].device
    scale, shift, x, y = (torch.from_numpy(a).to(device) for a in (found.scale, found.shift, pixels, labels))
    prices = np.array([family.price for family in FAMILIES])[:, None]
    entropy, success = np.zeros((2, *found.effort.shape))
    with threads(models[0].recipe.threads), repeatable():
        for first in range(0, scale.shape[1], TARGETS_TOGETHER):
            some = slice(first, first + TARGETS_TOGETHER)
            targets = torch.arange(scale.shape[1], device=device)[some]
            for model in models:
                ours = reached(model, scale[:, some], shift[:, some], x, y, targets)
                entropy[:, some] += ours[0].double().cpu().numpy() / len(models)
                success[:, some] += ours[1].double().cpu().numpy() / len(models)
    return Outcome(entropy + prices * found.size, success)


#: Set, its inversion, recipe, seeds of its models, held-out images with labels, device.
TrialTask = tuple[LabelledImages, Inversion, Recipe, list[int], np.ndarray, np.ndarray, str]


def try_set(
    store: Store,
    data: LabelledImages,
    found: Inversion,
    recipe: Recipe,
    seeds: list[int],
    pixels: np.ndarray,
    labels: np.ndarray,
    device: str,
) -> Outcome:
    """Train models of a set by ``recipe`` and try its triggers on them; models and outcome are kept in the store."""
    identity = {
        "data": dataset_fingerprint(data),
        "tried": array_fingerprint(found.scale, found.shift),
        "recipe": recipe.fingerprint(),
        "seeds": seeds,
        "images": array_fingerprint(pixels, labels),
        "device": torch.device(device).type,
    }

    def compute() -> Arrays:
        models = [train(data, recipe, seed, torch.device(device), store) for seed in seeds]
        return dict(vars(tried(found, models, pixels, labels)))

    return Outcome(**store.remember("inversions", identity, compute))


def try_into(folder: Path, *task: Any) -> None:
    """``try_set`` in a process of one's own: the result lands in the store at ``folder``."""
    try_set(Store(folder), *task)
