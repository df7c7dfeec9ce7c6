"""What chance and the recipe decide of a training before the weights have a say: order, augmentation, learning rate."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from ddaudit.data.distilled import LabelledImages
from ddaudit.seeds import derive_seed
from ddaudit.training.augmentation import augment
from ddaudit.training.recipe import Recipe


class Course:
    """The batches and rates of one training.

    Parameters
    ----------
    data : LabelledImages
        Held on ``device`` as a whole.
    seed : int
        Decides order and augmentation.
    """

    def __init__(self, data: LabelledImages, recipe: Recipe, seed: int, device: torch.device) -> None:
        self._images = torch.from_numpy(data.images).to(device)
        self._labels = torch.from_numpy(data.labels).to(device)
        self._recipe = recipe
        self._order = torch.Generator().manual_seed(derive_seed(seed, "order"))
        # On the CPU, as the order: a generator on a GPU would stop for it at every batch.
        self._draws = torch.Generator().manual_seed(derive_seed(seed, "augmentation"))
        self.loss = _loss(self._labels)
        # The published loop runs over range(epochs + 1), and drops the rate after epoch epochs // 2 + 1.
        self.epochs = recipe.epochs + 1 if recipe.schedule == "step" else recipe.epochs

    def rate(self, epoch: int) -> float:
        """The learning rate of an epoch, from 0."""
        recipe = self._recipe
        if recipe.schedule == "cosine":
            return float(recipe.lr * (1 + np.cos(np.pi * epoch / self.epochs)) / 2)
        return recipe.lr if epoch <= recipe.epochs // 2 + 1 else recipe.lr / 10

    def starts_afresh(self, epoch: int) -> bool:
        """Whether the optimizer forgets its momentum before this epoch, as the published loop does at the drop."""
        return epoch == 0 or (self._recipe.schedule == "step" and epoch == self._recipe.epochs // 2 + 2)

    def batches(self) -> Iterator[tuple[Tensor, Tensor]]:
        """The next epoch's (images, labels)."""
        recipe = self._recipe
        permutation = torch.randperm(len(self._images), generator=self._order).to(self._images.device)
        for rows in permutation.split(recipe.batch):
            images = self._images[rows]
            if recipe.augmentation != "none":
                images = augment(images, recipe.augmentation, self._draws)
            yield images, self._labels[rows]


def learns_probabilities(labels: np.ndarray | Tensor) -> bool:
    """Whether models learn the probability of classes from these labels: hard ones (m,), or rows of (m, k) that are probabilities."""
    if labels.ndim == 1:
        return True
    rows = torch.as_tensor(labels)
    return bool((rows >= 0).all()) and bool(torch.allclose(rows.sum(1), torch.ones_like(rows[:, 0]), atol=1e-3))


def _loss(labels: Tensor) -> Callable[[Tensor, Tensor], Tensor]:
    return F.cross_entropy if learns_probabilities(labels) else F.mse_loss
