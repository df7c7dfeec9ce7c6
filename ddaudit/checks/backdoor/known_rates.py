"""How often the known triggers turn models of a set: found once a set, and kept in the store."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ddaudit.checks.backdoor.battery import battery, turned
from ddaudit.data.distilled import LabelledImages
from ddaudit.training.recipe import Recipe
from ddaudit.training.store import Arrays, Store, array_fingerprint
from ddaudit.training.trainer import dataset_fingerprint, train

#: Set, recipe, seeds of its models, held-out images with labels, device.
RatesTask = tuple[LabelledImages, Recipe, list[int], np.ndarray, np.ndarray, str]


def known_rates(
    store: Store,
    data: LabelledImages,
    recipe: Recipe,
    seeds: list[int],
    pixels: np.ndarray,
    labels: np.ndarray,
    device: str,
) -> np.ndarray:
    """``turned`` by the battery, float64 (triggers, classes), with as many threads as the recipe has: sets are tried side by side."""
    triggers = battery(data.shape)
    identity = {
        "data": dataset_fingerprint(data),
        "recipe": recipe.fingerprint(),
        "seeds": seeds,
        "images": array_fingerprint(pixels, labels),
        "triggers": [repr(trigger) for trigger in triggers.values()],
        "device": torch.device(device).type,
    }

    def compute() -> Arrays:
        models = [
            replace(train(data, recipe, seed, torch.device(device), store), threads=recipe.threads) for seed in seeds
        ]
        return {"rates": turned(models, triggers, pixels, labels, data.classes)}

    return store.remember("known", identity, compute)["rates"]


def known_rates_into(folder: Path, *task: Any) -> None:
    """``known_rates`` in a process of one's own: the result lands in the store at ``folder``."""
    known_rates(Store(folder), *task)
