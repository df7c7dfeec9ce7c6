"""How strong a planted threat came out: measured on held-out images, over several retrained models."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from ddaudit.data.distilled import LabelledImages
from ddaudit.data.originals import Split
from ddaudit.seeds import derive_seed, generator
from ddaudit.statistics.intervals import Interval, accuracy_over_seeds
from ddaudit.threats.planted import Model, OnStep, Planted, unheard
from ddaudit.training.recipe import Recipe
from ddaudit.training.store import Store
from ddaudit.training.trainer import train

#: Held-out images on which a threat is measured at most.
MEASURED_IMAGES = 3000


@dataclass(frozen=True)
class Strength:
    """What a threat does, beside what the clean set's models do.

    Parameters
    ----------
    success : Interval
        Share of the held-out images that count (``Aim.tried``) on which models of the planted set do what the attacker wants;
        ``n`` counts them. The interval holds for other models and other images.
    by_chance : Interval
        The same of models of the clean set.
    accuracy, clean_accuracy : Interval
        On all held-out images without the trigger.
    models : int
        Retrained on either set.
    """

    success: Interval
    by_chance: Interval
    accuracy: Interval
    clean_accuracy: Interval
    models: int


def successes(models: Sequence[Model], planted: Planted, pixels: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Whether each model does what the attacker wants of each image that counts.

    Parameters
    ----------
    models : sequence of Model
    pixels : float32 (n, c, h, w) in [0, 1]
        Held-out images.
    labels : int64 (n,)

    Returns
    -------
    bool (models, tried)
        A target class's own images are not among those tried.
    """
    tried = planted.aim.tried(labels)
    shown, labels = planted.shown(pixels[tried]), labels[tried]
    return np.stack([planted.aim.reached(model.logits(shown).argmax(1), labels) for model in models])


def measure(
    planted: Planted,
    clean: LabelledImages,
    test: Split,
    recipe: Recipe,
    seed: int,
    device: torch.device,
    *,
    models: int = 4,
    store: Store | None = None,
    on_step: OnStep = unheard,
) -> Strength:
    """Retrain on the planted and on the clean set, and measure both alike.

    Parameters
    ----------
    test : Split
        Held out; at most ``MEASURED_IMAGES`` of it are used.
    models : int
        Models of either set; the two sets' have the same seeds.
    """
    store = store or Store(None)
    rows = np.arange(len(test))
    if len(rows) > MEASURED_IMAGES:
        rows = np.sort(generator(seed, "strength/rows").choice(rows, MEASURED_IMAGES, replace=False))
    pixels, labels = test.pixels(rows), test.labels[rows]
    success, accuracy = [], []
    for number, data in enumerate((planted.data, clean)):
        trained = []
        for i in range(models):
            trained.append(train(data, recipe, derive_seed(seed, "train", i), device, store))
            on_step(number * models + i + 1, 2 * models)
        success.append(accuracy_over_seeds(successes(trained, planted, pixels, labels)))
        right = [model.logits(pixels).argmax(1) == labels for model in trained]
        accuracy.append(accuracy_over_seeds(np.stack(right)))
    return Strength(success[0], success[1], accuracy[0], accuracy[1], models)
